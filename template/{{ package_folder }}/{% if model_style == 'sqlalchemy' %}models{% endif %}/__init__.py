"""The tables. Import each new model here: what is not imported, no migration sees."""

from .base import Base
from .task import Task, TaskStatus
from .user import User

metadata = Base.metadata

__all__ = ["Base", "Task", "TaskStatus", "User", "metadata"]
