"""Tasks: created, read, replaced and deleted."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, status
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ..models import Task, TaskStatus
from .database import reading, writing
from .schemas import Id, TaskIn, TaskOut

router = APIRouter(prefix="/tasks", tags=["tasks"])


@router.post("", response_model=TaskOut, status_code=status.HTTP_201_CREATED)
async def create(task: TaskIn) -> Task:
    """Create a task."""

    async def work(session: AsyncSession) -> Task:
        created = Task(**task.model_dump(), completed_at=_completed_at(task, None))
        session.add(created)
        return created

    return await writing(work)


@router.get("", response_model=list[TaskOut])
async def read_all(
    owner_id: Id | None = None,
    task_status: Annotated[TaskStatus | None, Query(alias="status")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Sequence[Task]:
    """Read tasks in the order of their ids, those of one owner or of one status if asked for."""
    asked = {"owner_id": owner_id, "status": task_status}
    filters = {name: value for name, value in asked.items() if value is not None}
    query = select(Task).filter_by(**filters).order_by("id").limit(limit).offset(offset)

    async def work(session: AsyncSession) -> Sequence[Task]:
        return (await session.scalars(query)).all()

    return await reading(work)


@router.get("/{task_id}", response_model=TaskOut)
async def read(task_id: Id) -> Task:
    """Read one task."""
    return await reading(lambda session: _get(session, task_id))


@router.put("/{task_id}", response_model=TaskOut)
async def replace(task_id: Id, task: TaskIn) -> Task:
    """Replace one task."""

    async def work(session: AsyncSession) -> Task:
        stored = await _get(session, task_id)
        stored.completed_at = _completed_at(task, stored.completed_at)
        for name, value in task.model_dump().items():
            setattr(stored, name, value)
        return stored

    return await writing(work)


@router.delete("/{task_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete(task_id: Id) -> None:
    """Delete one task."""

    async def work(session: AsyncSession) -> None:
        await session.delete(await _get(session, task_id))

    await writing(work)


async def _get(session: AsyncSession, task_id: int) -> Task:
    task = await session.get(Task, task_id)
    if task is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such task.")
    return task


def _completed_at(task: TaskIn, before: datetime | None) -> datetime | None:
    """Return when the task was completed: now, unless it was so before or is not at all."""
    if task.status is not TaskStatus.DONE:
        return None
    return before or datetime.now(UTC)
