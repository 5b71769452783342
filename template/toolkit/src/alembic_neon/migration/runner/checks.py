"""What is refused before the first revision runs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

from ...errors import IrreversibleError, MigrationError
from ..alembic_internals import VERSION_NUM_LENGTH, Step, script_of
from ..history.markers import revision_marker
from ..sql_events import TOOLKIT_STATEMENT
from .transactionality import check_single_autocommit_operation

_LENGTH_SQL: Final = text(
    "SELECT CASE WHEN atttypmod > 0 THEN atttypmod - 4 END FROM pg_attribute"
    " WHERE attrelid = to_regclass(:name) AND attname = 'version_num'"
)


def check_steps(connection: Connection, steps: Sequence[Step], table: str) -> None:
    """Refuse a run that cannot be finished, or that would revert what says it is irreversible.

    Raises:
        MigrationError: a revision is irreversible, mixed, or its id is too long.
    """
    refuse_irreversible(steps)
    for step in steps:
        if (script := script_of(step)) is not None:
            check_single_autocommit_operation(script, is_upgrade=step.is_upgrade)
    _check_lengths(connection, steps, table)


def refuse_irreversible(steps: Iterable[Step]) -> None:
    """Refuse to revert what says that it is irreversible, whether it is run or printed.

    Raises:
        IrreversibleError: a step would.
    """
    for step in steps:
        script = script_of(step)
        if script is None or step.is_upgrade:
            continue
        reason = revision_marker(script, "irreversible")
        if reason:
            raise IrreversibleError(
                f"Revision {script.revision} is declared irreversible: {reason.rstrip('.')}.",
                f"Nothing was reverted. Downgrade no further than {script.revision}, or write its "
                f"downgrade() in {Path(script.path).name}.",
            )


def _check_lengths(connection: Connection, steps: Sequence[Step], table: str) -> None:
    scripts = [script for step in steps if (script := script_of(step)) is not None]
    longest = max(scripts, key=lambda script: len(script.revision), default=None)
    if longest is None or len(longest.revision) <= VERSION_NUM_LENGTH:
        return
    row = connection.execute(
        _LENGTH_SQL, {"name": table}, execution_options=TOOLKIT_STATEMENT
    ).first()
    length = VERSION_NUM_LENGTH if row is None else row[0]
    if length is not None and len(longest.revision) > length:
        raise MigrationError(
            f"{Path(longest.path).name}: the revision's id has {len(longest.revision)} characters, "
            f"and the version table takes {length}.",
            "Nothing was run. Shorten it, also where other files name it, or widen "
            f"{table}.version_num first.",
        )
