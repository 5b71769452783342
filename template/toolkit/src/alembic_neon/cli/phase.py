"""The option `--phase`, and what is said of the revisions that wait for the contracting one."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer
from alembic.script import Script

from ..branches.target import target_url
from ..errors import UsageError
from ..migration.history.markers import is_contracting
from ..migration.history.plan import joined
from ..migration.history.status import read_status
from .console import result


class Phase(StrEnum):
    """What an upgrade may do to the releases that run."""

    EXPAND = "expand"
    CONTRACT = "contract"


PhaseOption = Annotated[
    Phase | None,
    typer.Option(
        help="expand: stop before the first revision that removes what an older release may need."
    ),
]


def expand_target(revision: str, *, sql: bool) -> str:
    """Return the revision before the first contracting one that is pending.

    Raises:
        UsageError: another revision is asked for, or SQL, which no database is asked for.
    """
    if revision != "head" or sql:
        raise UsageError(
            "--phase asks the database where it stands, and goes to the head.",
            "Leave out the revision and --sql, or name the revision to stop at.",
        )
    status = asyncio.run(read_status(target_url()))
    return joined(status.expanding().heads) if status.waiting else revision


def phase_of(script: Script) -> Phase:
    """Return the phase of a revision."""
    return Phase.CONTRACT if is_contracting(script) else Phase.EXPAND


def print_waiting(waiting: Sequence[Script]) -> None:
    """Say which revisions an expanding upgrade leaves, and when they may run."""
    if not waiting:
        return
    first, count = waiting[0], len(waiting)
    what = "1 revision waits" if count == 1 else f"{count} revisions wait"
    result(
        f"{what} for the contract phase, from {first.revision} ({first.doc}): run db upgrade when "
        "no running release needs what it removes.",
        "yellow",
    )
