"""The tasks: what is to be done, by whom, and how far it is."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Enum,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, enum_values


class TaskStatus(StrEnum):
    """How far a task is."""

    TODO = "todo"
    DOING = "doing"
    DONE = "done"


class Task(Base):
    """Something that one user has to do."""

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("owner_id", "title"),
        CheckConstraint("priority BETWEEN 1 AND 5", name="priority_range"),
        CheckConstraint("(status = 'done') = (completed_at IS NOT NULL)", name="completed_if_done"),
        # Open tasks are few and asked for often: the index holds no others.
        Index("ix_tasks_open", "priority", "id", postgresql_where=text("status <> 'done'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(200))
    status: Mapped[TaskStatus] = mapped_column(
        Enum(TaskStatus, name="task_status", values_callable=enum_values),
        default=TaskStatus.TODO,
        server_default=TaskStatus.TODO,
    )
    priority: Mapped[int] = mapped_column(SmallInteger, default=3, server_default="3")
    tags: Mapped[list[str]] = mapped_column(JSONB, default=list, server_default="[]")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
