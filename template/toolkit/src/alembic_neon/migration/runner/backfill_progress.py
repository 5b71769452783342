"""The progress of a backfill: how many rows it has written, how fast, and how long it may take.

A backfill is an UPDATE that a revision runs again and again outside of its transaction.
"""

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import text

from ...engine.sql_statement import read_statements
from ..sql_events import TOOLKIT_STATEMENT, Execution, Origin, SqlListener

# The time between two lines, in seconds.
_EVERY_SECONDS: Final = 5.0
# What ANALYZE counted last; -1: never.
_ROWS_SQL: Final = text("SELECT reltuples FROM pg_class WHERE oid = to_regclass(:table)")


class BackfillProgress(SqlListener):
    """Counts the rows that batches of a revision write, and says so from time to time."""

    def __init__(self, say: Callable[[str], None], every_seconds: float = _EVERY_SECONDS) -> None:
        self._say = say
        self._every_seconds = every_seconds
        self._table = ""
        self._total = -1.0
        self._rows = 0
        self._started = self._said = 0.0

    def after(self, execution: Execution) -> None:
        """Count the rows of a batch."""
        if execution.origin is not Origin.REVISION or not execution.is_autocommit:
            return
        table = _written_table(execution.sql)
        if table is None or execution.rowcount < 0:
            return
        now = time.monotonic()
        if table != self._table:
            self._table, self._rows, self._started, self._said = table, 0, now, now
            found = execution.connection.execute(
                _ROWS_SQL, {"table": self._table}, execution_options=TOOLKIT_STATEMENT
            )
            self._total = float(found.scalar() or -1)
        self._rows += execution.rowcount
        if now - self._said >= self._every_seconds:
            self._said = now
            self._say(self._line(now - self._started))

    def _line(self, seconds: float) -> str:
        rate = self._rows / max(seconds, 0.001)
        line = f"{self._table}: {self._rows:,} rows written, {rate:,.0f} a second"
        left = self._total - self._rows
        if left <= 0 or rate == 0:
            return line
        return f"{line}; of about {self._total:,.0f}, {left / rate:,.0f} s left"


def _written_table(sql: str) -> str | None:
    """Return the table that one statement writes rows of, as it stands there."""
    found = read_statements(sql)
    if len(found) != 1 or not found[0].is_write or found[0].table is None:
        return None
    return found[0].table.sql
