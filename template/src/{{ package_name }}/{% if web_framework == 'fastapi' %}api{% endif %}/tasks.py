"""Tasks: created, read, replaced and deleted."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, status
from sqlalchemy import select

from ..models import Task, TaskStatus
from .database import Session, commit
from .schemas import Id, TaskIn, TaskOut

router = APIRouter(prefix="/tasks", tags=["tasks"])


@router.post("", response_model=TaskOut, status_code=status.HTTP_201_CREATED)
async def create(task: TaskIn, session: Session) -> Task:
    """Create a task."""
    created = Task(**task.model_dump(), completed_at=_completed_at(task, None))
    session.add(created)
    await commit(session)
    return created


@router.get("", response_model=list[TaskOut])
async def read_all(
    session: Session,
    owner_id: Id | None = None,
    task_status: Annotated[TaskStatus | None, Query(alias="status")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Sequence[Task]:
    """Read tasks in the order of their ids, those of one owner or of one status if asked for."""
    asked = {"owner_id": owner_id, "status": task_status}
    filters = {name: value for name, value in asked.items() if value is not None}
    query = select(Task).filter_by(**filters).order_by("id").limit(limit).offset(offset)
    return (await session.scalars(query)).all()


@router.get("/{task_id}", response_model=TaskOut)
async def read(task_id: Id, session: Session) -> Task:
    """Read one task."""
    task = await session.get(Task, task_id)
    if task is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such task.")
    return task


@router.put("/{task_id}", response_model=TaskOut)
async def replace(task_id: Id, task: TaskIn, session: Session) -> Task:
    """Replace one task."""
    stored = await read(task_id, session)
    stored.completed_at = _completed_at(task, stored.completed_at)
    for name, value in task.model_dump().items():
        setattr(stored, name, value)
    await commit(session)
    return stored


@router.delete("/{task_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete(task_id: Id, session: Session) -> None:
    """Delete one task."""
    await session.delete(await read(task_id, session))
    await commit(session)


def _completed_at(task: TaskIn, before: datetime | None) -> datetime | None:
    """Return when the task was completed: now, unless it was so before or is not at all."""
    if task.status is not TaskStatus.DONE:
        return None
    return before or datetime.now(UTC)
