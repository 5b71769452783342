"""Users: created and read."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, status
from sqlalchemy import select

from ..models import User
from .database import Session, commit
from .schemas import Id, UserIn, UserOut

router = APIRouter(prefix="/users", tags=["users"])


@router.post("", response_model=UserOut, status_code=status.HTTP_201_CREATED)
async def create(user: UserIn, session: Session) -> User:
    """Create a user."""
    created = User(**user.model_dump())
    session.add(created)
    await commit(session)
    return created


@router.get("", response_model=list[UserOut])
async def read_all(
    session: Session, limit: Annotated[int, Query(ge=1, le=100)] = 50
) -> Sequence[User]:
    """Read users in the order of their ids."""
    return (await session.scalars(select(User).order_by("id").limit(limit))).all()


@router.get("/{user_id}", response_model=UserOut)
async def read(user_id: Id, session: Session) -> User:
    """Read one user."""
    user = await session.get(User, user_id)
    if user is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such user.")
    return user
