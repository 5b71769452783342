"""Databases for tests: made on the embedded test server, and gone when the session ends."""

import asyncio
import os
from itertools import count
from typing import Final

import psutil
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..connection.engine import create_migration_engine
from ..connection.local_server import LocalServer
from ..connection.url import DatabaseURL

_PREFIX: Final = "pytest_"


class TestDatabases:
    """Makes and drops databases. Each name holds the process's number, so workers never meet."""

    __test__ = False  # pytest would collect it by its name

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self._numbers = count(1)

    def create(self, template: DatabaseURL | None = None) -> DatabaseURL:
        """Make a database, empty or as a copy of `template`, which must have no sessions."""
        name = f"{_PREFIX}{os.getpid()}_{next(self._numbers)}"
        statement = "CREATE DATABASE {}"
        if template is not None:
            statement += " TEMPLATE {} STRATEGY FILE_COPY"
        self._run(statement, name, *([] if template is None else [template.database]))
        return self._server.url(name)

    def drop(self, url: DatabaseURL) -> None:
        """Drop a database and end the sessions that are still open in it."""
        self._run("DROP DATABASE {} WITH (FORCE)", url.database)

    def drop_leftovers(self) -> None:
        """Drop the databases of test processes that were killed."""
        for name in self._run("SELECT datname FROM pg_database WHERE datname LIKE 'pytest\\_%'"):
            pid = name.removeprefix(_PREFIX).partition("_")[0]
            if pid.isdecimal() and not psutil.pid_exists(int(pid)):
                self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _run(self, statement: str, *names: str) -> list[str]:
        return asyncio.run(_execute(self._server.url("postgres"), statement, names))


async def _execute(url: DatabaseURL, statement: str, names: tuple[str, ...]) -> list[str]:
    engine = create_migration_engine(url)
    try:
        async with engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            result = await connection.execute(text(statement.format(*_quoted(connection, names))))
            return [str(row[0]) for row in result] if result.returns_rows else []
    finally:
        await engine.dispose()


def _quoted(connection: AsyncConnection, names: tuple[str, ...]) -> list[str]:
    return [connection.dialect.identifier_preparer.quote_identifier(name) for name in names]
