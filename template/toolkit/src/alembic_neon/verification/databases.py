"""Databases for tests: made beside those that are there, which are never touched, and dropped."""

import asyncio
import os
import time
from collections.abc import Iterator
from itertools import count
from secrets import token_hex
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..embedded.server import LocalServer
from ..engine.driver_errors import sqlstate, translate_driver_errors
from ..engine.factory import create_migration_engine
from ..engine.url import DatabaseURL

_PREFIX: Final = "pytest_"
_AT: Final = "at_"
_MAINTENANCE: Final = "postgres"
# On a server that others use too, nobody knows whose process has ended: what is older goes.
_LEFTOVER_SECONDS: Final = 24 * 3600
_NOT_PERMITTED: Final = "42501"
_LIST_SQL: Final = "SELECT datname FROM pg_database WHERE datname LIKE 'pytest\\_%'"
_CREATE_SQL: Final = "CREATE DATABASE {}"
# Copying the files is about twice as fast as writing them through the WAL; PostgreSQL 14 and
# Neon have their own one way.
_COPY_FILES_SQL: Final = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
_COPY_SQL: Final = "CREATE DATABASE {} TEMPLATE {}"
_DROP_SQL: Final = "DROP DATABASE IF EXISTS {} WITH (FORCE)"
# Without FORCE PostgreSQL sends its own autovacuum away; with it, that takes a superuser.
_DROP_UNUSED_SQL: Final = "DROP DATABASE IF EXISTS {}"


class TestDatabases:
    """Makes and drops databases on one server, each under a name that nobody else uses.

    The server is the embedded one, or that of any URL whose role may create databases. On it only
    databases whose names begin with `pytest_` are ever dropped.

    `create`, `drop` and `drop_leftovers` block; `make` and `remove` are for where a loop runs.
    """

    __test__ = False  # pytest would collect it by its name

    def __init__(self, server: LocalServer | DatabaseURL) -> None:
        self._is_embedded = isinstance(server, LocalServer)
        self._maintenance = (
            server.url(_MAINTENANCE) if isinstance(server, LocalServer) else server.direct()
        )
        self._names = _names(self._is_embedded)

    def create(self, template: DatabaseURL | None = None) -> DatabaseURL:
        """Make a database, empty or as a copy of `template`, which must have no sessions."""
        return asyncio.run(self.make(template))

    def drop(self, url: DatabaseURL) -> None:
        """Drop a database that was made here, and end the sessions that are still open in it."""
        asyncio.run(self.remove(url))

    def drop_leftovers(self) -> None:
        """Drop what killed runs have left: of ended processes, or a day old where others test."""
        for name in asyncio.run(self._run(_LIST_SQL)):
            if _is_left_over(name, self._is_embedded):
                asyncio.run(self._drop(name))

    async def make(self, template: DatabaseURL | None = None) -> DatabaseURL:
        """Make a database, as `create` does."""
        name = next(self._names)
        if template is None:
            await self._run(_CREATE_SQL, name)
        else:
            copy = _COPY_FILES_SQL if self._is_embedded else _COPY_SQL
            await self._run(copy, name, template.database)
        return self._maintenance.with_database(name)

    async def remove(self, url: DatabaseURL) -> None:
        """Drop a database, as `drop` does."""
        if not url.database.startswith(_PREFIX):
            raise ValueError(f"{url.database} was not made here")
        await self._drop(url.database)

    async def _drop(self, name: str) -> None:
        try:
            await self._run(_DROP_SQL, name)
        except DBAPIError as error:
            if sqlstate(error) != _NOT_PERMITTED:
                raise
            await self._run(_DROP_UNUSED_SQL, name)

    async def _run(self, statement: str, *names: str) -> list[str]:
        engine = create_migration_engine(self._maintenance)
        try:
            with translate_driver_errors(engine.url):
                async with engine.connect() as plain:
                    connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
                    quoted = statement.format(*_quoted(connection, names))
                    result = await connection.execute(text(quoted))
                    return [str(row[0]) for row in result] if result.returns_rows else []
        finally:
            await engine.dispose()


def _names(is_embedded: bool) -> Iterator[str]:
    """Yield names that tell whose they are: by the process, or by the time and a random part."""
    owner = str(os.getpid()) if is_embedded else f"{_AT}{int(time.time())}_{token_hex(4)}"
    return (f"{_PREFIX}{owner}_{number}" for number in count(1))


def _is_left_over(name: str, is_embedded: bool) -> bool:
    owner = name.removeprefix(_PREFIX)
    number = owner.removeprefix(_AT).partition("_")[0]
    if not number.isdecimal() or owner.startswith(_AT) == is_embedded:
        return False  # made by the other rule, under which its number means something else
    if is_embedded:
        import psutil  # of the extra `embedded`, which this server needs anyway

        return not psutil.pid_exists(int(number))
    return time.time() - int(number) > _LEFTOVER_SECONDS


def _quoted(connection: AsyncConnection, names: tuple[str, ...]) -> list[str]:
    return [connection.dialect.identifier_preparer.quote_identifier(name) for name in names]
