"""The session of a request, and its commit."""

from typing import Annotated

from fastapi import Depends, HTTPException, status
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from ..db import get_session

Session = Annotated[AsyncSession, Depends(get_session)]

# The constraints that a client may run into, by the names that the naming convention gave them.
CONFLICTS = {
    "uq_users_email": "There is a user with this address already.",
    "uq_tasks_owner_id_title": "The owner has a task of this title already.",
    "fk_tasks_owner_id_users": "There is no such owner.",
}


async def commit(session: AsyncSession) -> None:
    """Commit before the response is sent; a conflict with what is stored answers 409."""
    try:
        await session.commit()
    except IntegrityError as error:
        name = getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)
        if name not in CONFLICTS:
            raise
        raise HTTPException(status.HTTP_409_CONFLICT, CONFLICTS[name]) from None
