"""Sends a statement of a migration in one round trip, where SQLAlchemy and asyncpg take three.

They prepare each statement, run it and close it again, which helps those that are run many times.
A migration's are run once, and its server is far away: at 20 ms, 1000 revisions spend two thirds of
their time on that (docs/benchmarks.md).
"""

import re
from typing import Any, Final

import asyncpg

# What begins so returns no rows, if it does not say RETURNING.
_WITHOUT_ROWS: Final = re.compile(
    r"\s*(ALTER|COMMENT|CREATE|DELETE|DROP|GRANT|INSERT|REVOKE|TRUNCATE|UPDATE)\b", re.IGNORECASE
)
# A parameter; rows; and a second statement, which the simple protocol would run and PREPARE does
# not: after a COMMIT in the middle a revision would be half-done.
_NEEDS_PREPARING: Final = re.compile(r"\$\d|\bRETURNING\b|;(?!\s*\Z)", re.IGNORECASE)


class SimpleQueryConnection(asyncpg.Connection):  # type: ignore[misc] # it has no types
    """asyncpg's connection, which does not prepare what has no parameters and returns no rows."""

    __slots__ = ()

    async def prepare(self, query: str, **options: Any) -> Any:
        """Return what runs the statement: one that is prepared, or one that need not be.

        SQLAlchemy asks with `name=None`; who else asks gets what asyncpg has.
        """
        is_sqlalchemy = options == {"name": None}
        if is_sqlalchemy and _WITHOUT_ROWS.match(query) and not _NEEDS_PREPARING.search(query):
            return UnpreparedStatement(self, query)
        return await super().prepare(query, **options)


class UnpreparedStatement:
    """What SQLAlchemy uses of a prepared statement, over the simple query protocol.

    https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SIMPLE-QUERY
    """

    def __init__(self, connection: asyncpg.Connection, query: str) -> None:
        self._connection = connection
        self._query = query
        self._status = ""

    def get_attributes(self) -> tuple[()]:
        """Return the columns of the rows."""
        return ()

    async def fetch(self, *parameters: Any) -> tuple[()]:
        """Run it; return the rows. Parameters without a place in it are refused by the server."""
        self._status = await self._connection.execute(self._query, *parameters)
        return ()

    def get_statusmsg(self) -> str:
        """Return the command's tag, which has the number of rows."""
        return self._status
