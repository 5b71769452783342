"""How long a statement of a revision may wait for a lock, and run; nothing else knows of that.

A statement that waits for a strong lock makes everybody wait who comes after it, readers too: with
`lock_timeout = 0` a SELECT stood 2.8 s behind an ALTER TABLE that waited itself. So it gives up
early, and is tried again when the queue has passed.
https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-LOCK-TIMEOUT
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, TextClause, event, text

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


# Half an hour for what holds its locks all the while, data changes included. A revision that needs
# longer sets its own limit, or does its work in batches.
DEFAULT_LIMITS: Final = Limits(LOCK_TIMEOUT_SECONDS, STATEMENT_TIMEOUT_SECONDS)
# These wait and work without making anybody else wait, and a limit would leave an invalid index.
NO_LIMITS: Final = Limits(0, 0)

_PATIENT: Final = re.compile(
    r"""(CREATE\s+(UNIQUE\s+)?INDEX\s+CONCURRENTLY
       | DROP\s+INDEX\s+CONCURRENTLY
       | REINDEX\b.{0,80}?\bCONCURRENTLY
       | REFRESH\s+MATERIALIZED\s+VIEW\s+CONCURRENTLY
       | ALTER\s+TABLE\b[^;]*?\bDETACH\s+PARTITION\b[^;]*?\bCONCURRENTLY
       | ALTER\s+TABLE\b[^;]*?\bVALIDATE\s+CONSTRAINT)\b""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_LEADING_COMMENTS: Final = re.compile(r"(\s+|--[^\n]*\n|/\*.*?\*/)*", re.DOTALL)

# A client that is gone is noticed in mid-statement after a second, and its locks are free then.
_CHECK_CLIENT_SQL: Final = text(
    "SELECT set_config('client_connection_check_interval', '1s', false)"
)
_LIMITS_SQL: Final = text(
    "SELECT set_config('lock_timeout', :lock, false),"
    " set_config('statement_timeout', :statement, false)"
)


def limits_of(sql: str) -> Limits:
    """Return the limits that a statement runs under."""
    comments = _LEADING_COMMENTS.match(sql)
    start = comments.end() if comments else 0
    return NO_LIMITS if _PATIENT.match(sql, start) else DEFAULT_LIMITS


class Timeouts:
    """Keeps a connection's limits fit for its next statement.

    They are the session's: what is set for a transaction alone is lost after an `autocommit_block`.
    As most statements are of one class, hardly any costs a round trip of its own.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._current: Limits | None = None
        self._is_setting = False

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Set the limits of ordinary statements, and inside the block those that each needs."""
        self._set(DEFAULT_LIMITS)
        self._execute(_CHECK_CLIENT_SQL)
        self._connection.commit()
        event.listen(self._connection, "before_cursor_execute", self._before)
        event.listen(self._connection, "rollback", self._forget)
        try:
            yield
        finally:
            event.remove(self._connection, "before_cursor_execute", self._before)
            event.remove(self._connection, "rollback", self._forget)

    def _before(self, _: Connection, __: Any, sql: str, *___: Any) -> None:
        if not self._is_setting and (limits := limits_of(sql)) != self._current:
            self._set(limits)

    def _forget(self, _: Connection) -> None:
        """A rollback takes back what was set since the transaction began."""
        self._current = None

    def _set(self, limits: Limits) -> None:
        self._execute(
            _LIMITS_SQL,
            lock=f"{round(limits.lock_seconds * 1000)}ms",
            statement=f"{round(limits.statement_seconds * 1000)}ms",
        )
        self._current = limits

    def _execute(self, sql: TextClause, **parameters: str) -> None:
        self._is_setting = True
        try:
            self._connection.execute(sql, parameters)
        finally:
            self._is_setting = False
