"""What is read of Neon's answers. New fields are ignored, and states are texts: any may come."""

from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

_GOOD: Final = frozenset({"finished", "skipped"})
_BAD: Final = frozenset({"failed", "error", "cancelled"})


class Model(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Operation(Model):
    """A step of asynchronous work; a status that is not known yet is one on the way."""

    id: str
    action: str = "operation"
    status: str = ""
    branch_id: str | None = None
    error: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it will not change any more."""
        return self.status in _GOOD | _BAD

    @property
    def is_good(self) -> bool:
        """Whether it has ended as it should."""
        return self.status in _GOOD


class Response(Model):
    """An answer, with the operations that it may have begun."""

    operations: tuple[Operation, ...] = ()


class NeonBranch(Model):
    """A branch as Neon tells it."""

    id: str
    name: str
    parent_id: str | None = None
    current_state: str = ""
    default: bool = False
    protected: bool = False
    created_at: datetime
    expires_at: datetime | None = None
    logical_size: int | None = None


class Endpoint(Model):
    """A compute endpoint."""

    id: str
    host: str
    branch_id: str
    type: str = ""


class Database(Model):
    """A database of a branch."""

    name: str
    owner_name: str


class Snapshot(Model):
    """A snapshot of a root branch."""

    id: str
    name: str
    source_branch_id: str | None = None
    created_at: datetime


class Pagination(Model):
    """Where the next page begins."""

    next: str | None = None


class Page(Response):
    """One page of a list."""

    pagination: Pagination | None = None

    @property
    def has_items(self) -> bool:
        """Whether there is anything on it."""
        raise NotImplementedError


class Annotation(Model):
    """What was written to a branch when it was made; Neon keeps it beside the branch."""

    value: dict[str, str] = {}


class BranchesPage(Page):
    """One page of branches, and the annotations of those that have some, by their ids."""

    branches: tuple[NeonBranch, ...]
    annotations: dict[str, Annotation] = {}

    @property
    def has_items(self) -> bool:
        """Whether there is anything on it."""
        return bool(self.branches)


class BranchResponse(Response):
    """One branch."""

    branch: NeonBranch


class OperationsPage(Page):
    """The newest operations."""

    @property
    def has_items(self) -> bool:
        """Whether there is anything on it."""
        return bool(self.operations)


class EndpointsResponse(Response):
    """Compute endpoints."""

    endpoints: tuple[Endpoint, ...]


class DatabasesResponse(Response):
    """The databases of a branch."""

    databases: tuple[Database, ...]


class ConnectionUri(Response):
    """A connection string, which holds a password."""

    uri: str


class SnapshotResponse(Response):
    """One snapshot."""

    snapshot: Snapshot


class SnapshotsResponse(Response):
    """All snapshots of a project."""

    snapshots: tuple[Snapshot, ...]
