"""Sends a statement of a migration in one round trip, where SQLAlchemy and asyncpg take three.

They prepare each statement, run it and close it again, which helps those that are run many times.
A migration's are run once, and its server is far away: at 20 ms, 1000 revisions spend two thirds of
their time on that (docs/benchmarks.md).
"""

from typing import Any, Final

import asyncpg

from .sql_scan import has_parameters
from .sql_statement import read_statements

# These return no rows, if they do not say RETURNING.
_WITHOUT_ROWS: Final = (
    *("ALTER", "COMMENT", "CREATE", "DROP", "GRANT", "REVOKE", "TRUNCATE"),
    *("DELETE", "INSERT", "UPDATE"),
)


class SimpleQueryConnection(asyncpg.Connection):  # type: ignore[misc] # it has no types
    """asyncpg's connection, which does not prepare what has no parameters and returns no rows.

    So several statements in one string run, as they do under psycopg; PREPARE takes only one.
    `begin_with` is SQL that the next BEGIN takes along, in its round trip.
    """

    __slots__ = ("begin_with",)

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        """Run statements without results, as asyncpg does; a BEGIN takes `begin_with` along."""
        first = getattr(self, "begin_with", "")
        if first and query.startswith("BEGIN"):  # asyncpg's Transaction.start()
            self.begin_with = ""
            query = f"{query} {first}"
        status: str = await super().execute(query, *args, **options)
        return status

    async def close(self, **options: Any) -> None:
        """Close it; one whose socket is broken is closed, and SQLAlchemy would log a traceback."""
        try:
            await super().close(**options)
        except OSError:
            self.terminate()

    async def prepare(self, query: str, **options: Any) -> Any:
        """Return what runs the statement: one that is prepared, or one that need not be.

        SQLAlchemy asks with `name=None`; who else asks gets what asyncpg has.
        """
        if options == {"name": None} and _is_simple(query):
            return UnpreparedStatement(self, query)
        return await super().prepare(query, **options)


def _is_simple(query: str) -> bool:
    if has_parameters(query):
        return False
    statements = read_statements(query)
    if len(statements) != 1:
        return len(statements) > 1
    return statements[0].verb in _WITHOUT_ROWS and "RETURNING" not in statements[0].words


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
        """Run it; return the rows. The server refuses parameters that it does not have."""
        self._status = await self._connection.execute(self._query, *parameters)
        return ()

    def get_statusmsg(self) -> str:
        """Return the command's tag, which has the number of rows."""
        return self._status
