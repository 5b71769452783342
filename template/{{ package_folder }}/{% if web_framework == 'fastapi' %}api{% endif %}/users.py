"""Users: created and read."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, status
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ..models import User
from .database import reading, writing
from .schemas import Id, UserIn, UserOut

router = APIRouter(prefix="/users", tags=["users"])


@router.post("", response_model=UserOut, status_code=status.HTTP_201_CREATED)
async def create(user: UserIn) -> User:
    """Create a user."""

    async def work(session: AsyncSession) -> User:
        created = User(**user.model_dump())
        session.add(created)
        return created

    return await writing(work)


@router.get("", response_model=list[UserOut])
async def read_all(limit: Annotated[int, Query(ge=1, le=100)] = 50) -> Sequence[User]:
    """Read users in the order of their ids."""

    async def work(session: AsyncSession) -> Sequence[User]:
        return (await session.scalars(select(User).order_by("id").limit(limit))).all()

    return await reading(work)


@router.get("/{user_id}", response_model=UserOut)
async def read(user_id: Id) -> User:
    """Read one user."""

    async def work(session: AsyncSession) -> User:
        user = await session.get(User, user_id)
        if user is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such user.")
        return user

    return await reading(work)
