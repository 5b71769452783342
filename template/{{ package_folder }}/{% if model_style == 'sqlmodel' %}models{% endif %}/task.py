"""The tasks: what is to be done, by whom, and how far it is."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Enum,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from .base import Base, enum_values


class TaskStatus(StrEnum):
    """How far a task is."""

    TODO = "todo"
    DOING = "doing"
    DONE = "done"


class Task(Base, table=True):
    """Something that one user has to do."""

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("owner_id", "title"),
        CheckConstraint("priority BETWEEN 1 AND 5", name="priority_range"),
        CheckConstraint("(status = 'done') = (completed_at IS NOT NULL)", name="completed_if_done"),
        # Open tasks are few and asked for often: the index holds no others.
        Index("ix_tasks_open", "priority", "id", postgresql_where=text("status <> 'done'")),
    )

    id: int | None = Field(
        default=None, primary_key=True, sa_type=BigInteger, sa_column_args=[Identity()]
    )
    owner_id: int = Field(sa_type=BigInteger, foreign_key="users.id", ondelete="CASCADE")
    title: str = Field(max_length=200)
    status: TaskStatus = Field(
        default=TaskStatus.TODO,
        sa_type=Enum(TaskStatus, name="task_status", values_callable=enum_values),
        sa_column_kwargs={"server_default": TaskStatus.TODO},
    )
    priority: int = Field(default=3, sa_type=SmallInteger, sa_column_kwargs={"server_default": "3"})
    tags: list[str] = Field(
        default_factory=list, sa_type=JSONB, sa_column_kwargs={"server_default": "[]"}
    )
    created_at: datetime = Field(
        default=None,  # the database's clock sets it
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"server_default": func.now()},
    )
    completed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
