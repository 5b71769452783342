"""Units of work of requests: begun anew where that helps, and committed before the response."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import HTTPException, status
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from ..db import run_transaction

Result = TypeVar("Result")
Work = Callable[[AsyncSession], Awaitable[Result]]

# The constraints that a client may run into, by the names that the naming convention gave them.
CONFLICTS = {
    "uq_users_email": "There is a user with this address already.",
    "uq_tasks_owner_id_title": "The owner has a task of this title already.",
    "fk_tasks_owner_id_users": "There is no such owner.",
}


async def reading(work: Work[Result]) -> Result:
    """Run what only reads; it may be done twice, whatever is lost on the way."""
    return await run_transaction(work, idempotent=True)


async def writing(work: Work[Result]) -> Result:
    """Run what writes; a conflict with what is stored answers 409."""
    try:
        return await run_transaction(work)
    except IntegrityError as error:
        name = getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)
        if name not in CONFLICTS:
            raise
        raise HTTPException(status.HTTP_409_CONFLICT, CONFLICTS[name]) from None
