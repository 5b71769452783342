"""What every branch provider offers: branches of a database, and how one reaches them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Final, Literal, Protocol

from ..engine.url import DatabaseURL
from ..errors import UsageError
from .target import Target

REHEARSAL_PREFIX: Final = "rehearse-"
# Names that the toolkit gives. What it may delete it knows by a mark of its own, never by these.
_RESERVED: Final = (REHEARSAL_PREFIX, "restore-", "restore-point/", "reset-", "scratch-")
# Neon's own limit, https://neon.com/docs/guides/branch-expiration, kept by every provider.
MAX_TTL: Final = timedelta(days=30)

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")


@dataclass(frozen=True)
class Branch:
    """A branch. `parent` is None for one that comes from no other.

    `is_rehearsal`: the toolkit made it for a rehearsal, and marked it so: `prune` may remove it.
    """

    name: str
    parent: str | None
    created_at: datetime | None
    size_bytes: int
    expires_at: datetime | None = None
    is_default: bool = False
    is_protected: bool = False
    is_rehearsal: bool = False

    @property
    def is_expired(self) -> bool:
        """Whether its time to live is over."""
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)


@dataclass(frozen=True)
class RestorePoint:
    """A state of a branch that `restore` brings back. `id` is what the provider knows it by."""

    id: str
    name: str
    branch: str
    kind: Literal["snapshot", "branch", "copy"]
    created_at: datetime


@dataclass(frozen=True)
class NewBranch:
    """A branch that is to be made, by default of the default branch.

    It expires after `ttl`. `force` ends the parent's sessions where they are in the way.
    `is_rehearsal` marks it as the toolkit's own.
    """

    name: str
    parent: str | None = None
    ttl: timedelta | None = None
    force: bool = False
    is_rehearsal: bool = False


class BranchProvider(Protocol):
    """Branches, wherever they live. Every method may raise a `ToolkitError`.

    Names are looked up at each call: what is behind a name changes when it is restored.
    """

    async def list(self) -> list[Branch]:
        """Return all branches, the default one first; restore points are none."""

    async def default_branch(self) -> str:
        """Return the name of the default branch, which may be missing on a broken local server."""

    async def target(self, branch: str) -> Target:
        """Return the database that the URL of a branch leads to, and where it is.

        Raises:
            UsageError: there is no such branch, or it has several databases and none was named.
        """

    async def get(self, name: str) -> Branch:
        """Return a branch.

        Raises:
            UsageError: there is no such branch.
        """

    async def create(self, new: NewBranch) -> Branch:
        """Make a branch with the schema and data of its parent.

        Raises:
            UsageError: the name is taken, reserved or no name, or there is no such parent.
        """

    async def delete(self, name: str, *, force: bool = False) -> None:
        """Delete a branch and its restore points; `force` ends its sessions."""

    async def reset(self, name: str, *, force: bool = False) -> Branch:
        """Bring a branch back to its parent's present state; its own changes are lost."""

    async def url(self, name: str, *, pooled: bool = False) -> DatabaseURL:
        """Return the URL of a branch, on the direct or the pooled endpoint."""

    async def branch_of(self, url: DatabaseURL) -> str | None:
        """Return the name of the branch that a URL leads to, or None."""

    async def make_restore_point(self, branch: str, *, force: bool = False) -> RestorePoint:
        """Keep the present state of a branch."""

    async def list_restore_points(self, branch: str) -> Sequence[RestorePoint]:
        """Return the restore points of a branch, the newest first; the branch may be gone."""

    async def restore(self, branch: str, point: RestorePoint, *, force: bool = False) -> None:
        """Bring a branch back to a restore point. The state before is a new restore point.

        The branch's database need not answer.
        """

    async def delete_restore_point(self, point: RestorePoint) -> None:
        """Delete a restore point."""


async def prune(provider: BranchProvider, *, older_than: timedelta = timedelta()) -> list[str]:
    """Delete what expired, and rehearsals made longer ago than `older_than`; returns the names.

    A rehearsal is known by the mark that the toolkit wrote, and one that still runs elsewhere by
    its age. Sessions on them are ended.
    """
    pruned = []
    for branch in await provider.list():
        age = datetime.now(UTC) - (branch.created_at or datetime.min.replace(tzinfo=UTC))
        if branch.is_expired or (branch.is_rehearsal and age >= older_than):
            await provider.delete(branch.name, force=True)
            pruned.append(branch.name)
    return pruned


def refuse_reserved_name(name: str) -> None:
    """Refuse a name that would look like one of the toolkit's own branches.

    Raises:
        UsageError: it begins like one of those.
    """
    if name.startswith(_RESERVED):
        prefix = next(each for each in _RESERVED if name.startswith(each))
        raise UsageError(
            f"Names that begin with {prefix} are reserved for the toolkit.", "Take another name."
        )


def validate_name(name: str) -> str:
    """Return a branch's name as it is.

    Raises:
        UsageError: it is too long, or holds other characters than letters, digits, `.`, `_`, `/`
            and `-`.
    """
    if _NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} cannot be a branch's name.",
            "It takes 1 to 63 letters, digits, '.', '_', '/' and '-', a letter or digit first.",
        )
    return name


def validate_new_branch(
    branches: Mapping[str, Branch], new: NewBranch, parent: str
) -> datetime | None:
    """Check that a branch can be made, and return when it expires.

    Raises:
        UsageError: the name is taken or cannot be one, the parent is not there or itself expires,
            or the time to live is none.
    """
    if validate_name(new.name) in branches:
        raise UsageError(f"There is a branch {new.name} already.", f"db branch reset {new.name}")
    if require_branch(branches, parent).expires_at is not None:
        raise UsageError(
            f"{parent} expires, and no branch can be made from one that does.",
            "Take a parent that stays.",
        )
    if new.ttl is None:
        return None
    if not timedelta() < new.ttl <= MAX_TTL:
        raise UsageError(f"A branch cannot live for {new.ttl}.", "It takes up to 30 days.")
    return (datetime.now(UTC) + new.ttl).replace(microsecond=0)  # Neon takes whole seconds


def require_branch(branches: Mapping[str, Branch], name: str) -> Branch:
    """Return a branch by its name.

    Raises:
        UsageError: there is none.
    """
    if name not in branches:
        raise UsageError(f"There is no branch {name}.", f"There are: {', '.join(branches)}.")
    return branches[name]


def require_mutable(branches: Mapping[str, Branch], name: str, verb: str) -> Branch:
    """Return a branch that may be deleted or reset.

    Raises:
        UsageError: it is not there, is the default branch, protected, or has children.
    """
    branch = require_branch(branches, name)
    if branch.is_default:
        raise UsageError(
            f"{name} is the default branch and is never {verb}.",
            "Work on a branch of it: db branch create NAME.",
        )
    if branch.is_protected:
        raise UsageError(
            f"{name} is a protected branch and is never {verb}.", "Take another branch."
        )
    if children := [other.name for other in branches.values() if other.parent == name]:
        raise UsageError(
            f"{name} has branches of its own and cannot be {verb}.",
            f"First delete {', '.join(children)}.",
        )
    return branch


def restore_point_name(branch: str) -> str:
    """Return a name for a restore point that nothing else has, and that sorts by time."""
    return f"restore-point/{branch}/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token_hex(2)}"
