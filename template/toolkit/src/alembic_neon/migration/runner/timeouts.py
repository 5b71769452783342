"""How long a statement of a revision may wait for a lock, and run; no other module sets either.

A statement that waits for a strong lock makes everybody wait who comes after it, readers too: with
`lock_timeout = 0` a SELECT stood 2.8 s behind an ALTER TABLE that waited itself. So it gives up
early, and is tried again when the queue has passed.
https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-LOCK-TIMEOUT
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from ...engine.sql_statement import SqlStatement, read_statements
from ..sql_events import TOOLKIT_STATEMENT, Execution, SqlListener

LOCK_TIMEOUT_SECONDS: Final = 3.0
STATEMENT_TIMEOUT_SECONDS: Final = 1800.0
ATTEMPTS: Final = 6
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 8.0

LOCK_NOT_AVAILABLE: Final = "55P03"
DEADLOCK_DETECTED: Final = "40P01"


@dataclass(frozen=True)
class Limits:
    """The two limits of a class of statements, in seconds; 0 is none."""

    lock_seconds: float
    statement_seconds: float

    @property
    def settings(self) -> dict[str, str]:
        """The two as PostgreSQL's settings."""
        return {
            "lock_timeout": f"{round(self.lock_seconds * 1000)}ms",
            "statement_timeout": f"{round(self.statement_seconds * 1000)}ms",
        }


# Half an hour for what holds its locks all the while, data changes included. A revision that needs
# longer sets its own limit, or does its work in batches.
DEFAULT_LIMITS: Final = Limits(LOCK_TIMEOUT_SECONDS, STATEMENT_TIMEOUT_SECONDS)
# These wait and work without making anybody else wait, and a limit would leave an invalid index.
NO_LIMITS: Final = Limits(0, 0)

_LIMITS_SQL: Final = text(
    "SELECT set_config('lock_timeout', :lock_timeout, false),"
    " set_config('statement_timeout', :statement_timeout, false)"
)


def limits_of(sql: str) -> Limits:
    """Return the limits that a statement, or several in one string, run under."""
    statements = read_statements(sql)
    return NO_LIMITS if statements and all(map(_blocks_nobody, statements)) else DEFAULT_LIMITS


def _blocks_nobody(statement: SqlStatement) -> bool:
    if statement.is_concurrent:
        return True
    validates = [action[:2] == ("VALIDATE", "CONSTRAINT") for action in statement.actions]
    return statement.object_type == "TABLE" and bool(validates) and all(validates)


class Timeouts(SqlListener):
    """Keeps a connection's limits fit for its next statement.

    They are the session's: what is set for a transaction alone is lost after an `autocommit_block`.
    As most statements are of one class, hardly any costs a round trip of its own.
    """

    def __init__(self) -> None:
        self._current: Limits | None = None
        self._is_setting = False

    def reset(self) -> Limits:
        """Return the limits of ordinary statements, which the caller is about to set."""
        self._current = DEFAULT_LIMITS
        return DEFAULT_LIMITS

    def before(self, execution: Execution) -> None:
        """Set the limits that the statement needs, where they are not the ones that are set."""
        limits = limits_of(execution.sql)
        if self._is_setting or limits == self._current:
            return
        self._is_setting = True
        try:
            execution.connection.execute(
                _LIMITS_SQL, limits.settings, execution_options=TOOLKIT_STATEMENT
            )
        finally:
            self._is_setting = False
        self._current = limits

    def before_rollback(self, connection: Connection) -> None:
        """A rollback reverts what was set since the transaction began."""
        self._current = None
