"""Restore points of a branch: which there are, what would be lost, and the way back."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..branches.provider import BranchProvider, RestorePoint
from ..errors import ToolkitError, UsageError
from ..migration.history.status import read_status
from .writes_since import count_writes, written_since


@dataclass(frozen=True)
class RestoreOption:
    """A restore point, how old it is, and how many rows were written since, where that is known."""

    point: RestorePoint
    age: timedelta
    rows: int | None

    @property
    def rows_words(self) -> str:
        """How many rows were written since, as a person reads it."""
        return "unknown" if self.rows is None else f"{self.rows:,}".replace(",", " ")

    @property
    def loss(self) -> str:
        """What going back there loses."""
        what = "everything" if self.rows is None else f"{self.rows_words} rows"
        return f"{what} written in the last {humanize_age(self.age)}"


async def list_restore_options(provider: BranchProvider, branch: str) -> list[RestoreOption]:
    """Return the restore points of a branch, the newest first.

    Raises:
        UsageError: there is no such branch.
    """
    now = datetime.now(UTC)
    points = await provider.list_restore_points(branch)
    counted = None
    if points:
        with suppress(ToolkitError):  # a database that cannot be reached may be why one goes back
            counted = await count_writes(await provider.url(branch))
    return [
        RestoreOption(point, now - point.created_at, counted and written_since(point, counted))
        for point in points
    ]


def find_restore_option(ways: Sequence[RestoreOption], name: str) -> RestoreOption:
    """Return the way back of that name.

    Raises:
        UsageError: there is none.
    """
    for way in ways:
        if name in (way.point.name, way.point.id):
            return way
    raise UsageError(f"There is no restore point {name}.", "db restore lists those that there are.")


def humanize_age(age: timedelta) -> str:
    """Return a time as a person says it."""
    seconds = int(age.total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if count := seconds // length:
            return f"{count} {unit}{'s' * (count != 1)}"
    return f"{seconds} second{'s' * (seconds != 1)}"


async def revision_of(provider: BranchProvider, branch: str) -> str:
    """Return the revision that a branch is at."""
    status = await read_status(await provider.url(branch))
    return ", ".join(status.current) or "base"
