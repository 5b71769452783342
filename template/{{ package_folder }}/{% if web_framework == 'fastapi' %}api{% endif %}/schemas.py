"""What clients send and get."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ..models import TaskStatus

# PostgreSQL's bigint; and text without the NUL character, which it does not store.
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$"),
]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=320, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$"),
]


class UserIn(BaseModel):
    """A user as clients send it."""

    email: Email
    name: Line


class UserOut(UserIn):
    """A user as clients get it."""

    model_config = ConfigDict(from_attributes=True)

    id: Id
    created_at: datetime


class TaskIn(BaseModel):
    """A task as clients send it."""

    owner_id: Id
    title: Line
    status: TaskStatus = TaskStatus.TODO
    priority: int = Field(default=3, ge=1, le=5)
    tags: list[Line] = Field(default_factory=list, max_length=50)


class TaskOut(TaskIn):
    """A task as clients get it."""

    model_config = ConfigDict(from_attributes=True)

    id: Id
    created_at: datetime
    completed_at: datetime | None
