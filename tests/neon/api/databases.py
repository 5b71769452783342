"""The PostgreSQL databases behind the stand-in's branches, on an embedded server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from alembic_neon.embedded.binaries import EmbeddedBinaries
from alembic_neon.embedded.server import OWNER, LocalServer

_END_SESSIONS_SQL: Final = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = ANY($1::text[]) AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@dataclass(frozen=True)
class Databases:
    """Makes, copies, swaps and drops databases, whose names are the stand-in's own."""

    server: LocalServer

    async def create(self, name: str) -> None:
        """Make an empty database."""
        async with self._connection() as connection:
            await connection.execute(f'CREATE DATABASE "{name}"')

    async def copy(self, source: str, name: str) -> None:
        """Copy a database without disturbing it: from its files, or by a dump while it is used.

        On Neon a branch costs its parent nothing, whoever uses it.
        """
        async with self._connection() as connection:
            try:
                await connection.execute(
                    f'CREATE DATABASE "{name}" TEMPLATE "{source}" STRATEGY FILE_COPY'
                )
                return
            except asyncpg.ObjectInUseError:
                await connection.execute(f'CREATE DATABASE "{name}"')
        dump = await self._program("pg_dump", source)
        await self._program("psql", name, "--quiet", "--no-psqlrc", stdin=dump)

    async def copy_schema(self, source: str, name: str) -> None:
        """Copy a database without its rows."""
        await self.create(name)
        dump = await self._program("pg_dump", source, "--schema-only")
        await self._program("psql", name, "--quiet", "--no-psqlrc", stdin=dump)

    async def swap(self, one: str, other: str) -> None:
        """Let two databases change names; the sessions in both end, as in a restore on Neon."""
        async with self._connection() as connection:
            await connection.execute(_END_SESSIONS_SQL, [one, other])
            between = f"{one}-swap"
            for old, new in ((one, between), (other, one), (between, other)):
                await connection.execute(f'ALTER DATABASE "{old}" RENAME TO "{new}"')

    async def drop(self, *names: str) -> None:
        """Drop databases and end their sessions."""
        async with self._connection() as connection:
            for name in names:
                await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def schema(self, name: str) -> str:
        """Return the statements that make the schema."""
        return await self._program("pg_dump", name, "--schema-only", "--no-owner")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        folder = str(self.server.socket_folder)
        connection = await asyncpg.connect(host=folder, user=OWNER, database="postgres")
        try:
            yield connection
        finally:
            await connection.close()

    async def _program(self, name: str, database: str, *options: str, stdin: str = "") -> str:
        binaries = EmbeddedBinaries.find(self.server.major_version)
        where = f"host={self.server.socket_folder} user={OWNER} dbname={database}"
        result = await asyncio.to_thread(
            binaries.run, name, *options, "--dbname", where, stdin=stdin
        )
        if result.returncode != 0:
            raise RuntimeError(f"{name}: {result.stderr}")
        return result.stdout
