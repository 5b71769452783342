"""Restore points of a branch: which there are, and what restoring one would lose."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.exc import DBAPIError

from ..branches.provider import BranchProvider, RestorePoint
from ..engine.database_state import current_revisions
from ..engine.driver_errors import server_message
from ..engine.factory import migration_connection
from ..errors import ToolkitError, UsageError
from .writes_since import count_writes, written_since

_UNREADABLE: Final = (ToolkitError, DBAPIError)


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
    """Return the restore points of a branch, the newest first; its database need not answer.

    Raises:
        UsageError: there is no such branch, nor a restore point of one.
    """
    now = datetime.now(UTC)
    points = await provider.list_restore_points(branch)
    counted = None
    if points:
        with suppress(*_UNREADABLE):  # a database that does not answer may be why one restores
            counted = await count_writes(await provider.url(branch))
    return [
        RestoreOption(point, now - point.created_at, counted and written_since(point, counted))
        for point in points
    ]


def find_restore_option(options: Sequence[RestoreOption], name: str) -> RestoreOption:
    """Return the option of that restore point.

    Raises:
        UsageError: there is none.
    """
    for option in options:
        if name in (option.point.name, option.point.id):
            return option
    raise UsageError(f"There is no restore point {name}.", "db restore lists the restore points.")


def humanize_age(age: timedelta) -> str:
    """Return a time as a person says it."""
    seconds = int(age.total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if count := seconds // length:
            return f"{count} {unit}{'s' * (count != 1)}"
    return f"{seconds} second{'s' * (seconds != 1)}"


async def describe_revision(provider: BranchProvider, branch: str) -> str:
    """Return the revision that a branch is at; the database need not answer."""
    try:
        async with migration_connection(await provider.url(branch)) as connection:
            return ", ".join(sorted(await current_revisions(connection))) or "base"
    except _UNREADABLE as error:
        reason = error.message if isinstance(error, ToolkitError) else server_message(error)
        return f"an unknown revision ({reason.rstrip('.')})"
