"""The server provider: a database on a server without branches, rehearsed on a copy of it.

The copy is made beside it where nobody uses it and its role may create databases, or else with
pg_dump on the embedded server.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.factory import migration_connection
from ..engine.url import DatabaseURL
from ..errors import MigrationError, ToolkitError, UsageError
from . import local_databases as databases
from .client_programs import find_program, run_program
from .local import LocalProvider
from .local_databases import BranchMetadata, list_databases
from .provider import Branch, NewBranch, RestorePoint, require_branch, require_mutable
from .target import Target, read_system_identifier, shown_host

# More than this goes through pg_dump neither fast nor kindly to a server that others use.
MAX_DUMP_BYTES: Final = 1024**3
_MAINTENANCE: Final = ("postgres", "template1")
# It is in use, or of another role, or the server only reads, as a standby does.
_NO_COPY_BESIDE: Final = (
    asyncpg.ObjectInUseError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ReadOnlySQLTransactionError,
)
_DUMP_OPTIONS: Final = (
    *("--no-owner", "--no-privileges", "--no-security-labels", "--no-tablespaces"),
    *("--no-subscriptions", "--no-publications"),
)
_FACTS_SQL: Final = text("""
SELECT pg_database_size(current_database()) AS size_bytes,
    current_setting('server_version_num')::int / 10000 AS version,
    (SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user) AS may_create,
    (SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()
       AND backend_type = 'client backend') AS sessions
""")


@dataclass(frozen=True)
class _Facts:
    size_bytes: int
    version: int
    may_create: bool
    sessions: int


@dataclass(frozen=True)
class ServerProvider:
    """One database at `configured`, as the only branch; its copies are rehearsals alone.

    There are no restore points: what a promotion did is undone by a downgrade or from a backup.
    """

    configured: DatabaseURL
    local: LocalProvider = field(default_factory=LocalProvider)

    async def list(self) -> list[Branch]:
        """Return the database, and the copies of it that rehearsals made on its server."""
        facts = await self._facts()
        found = [Branch(self.configured.database, None, None, facts.size_bytes, is_default=True)]
        async with self._connection() as connection:
            rows = [] if connection is None else await list_databases(connection)
        return [*found, *(_copy(row) for row in rows if row.metadata.rehearsal)]

    async def default_branch(self) -> str:
        """Return the name of the database."""
        return self.configured.database

    async def target(self, branch: str) -> Target:
        """Return the database.

        Raises:
            UsageError: another one is named.
        """
        self._require_itself(branch)
        url = self.configured
        system = await read_system_identifier(url)
        role = url.parts.username or ""
        return Target("server", system, branch, shown_host(url), branch, role)

    async def get(self, name: str) -> Branch:
        """Return the database or a copy of it.

        Raises:
            UsageError: there is no such one.
        """
        return require_branch({each.name: each for each in await self.list()}, name)

    async def create(self, new: NewBranch) -> Branch:
        """Copy the database for a rehearsal; on a server that is not ours `force` ends nothing.

        Raises:
            UsageError: it is not for a rehearsal, or `parent` is another database.
            ToolkitError: it is in use or may not be copied, and is too large for pg_dump.
        """
        self._require_itself(new.parent or self.configured.database)
        if not new.is_rehearsal:
            raise _no_branches(self.configured)
        expires_at = None if new.ttl is None else datetime.now(UTC) + new.ttl
        metadata = BranchMetadata(
            self.configured.database, datetime.now(UTC), expires_at, rehearsal=True
        )
        facts = await self._facts()
        if not await self._copy_beside(new.name, metadata, facts):
            await self._copy_by_dump(new.name, facts)
        return Branch(
            new.name,
            metadata.parent,
            metadata.created_at,
            facts.size_bytes,
            expires_at,
            is_rehearsal=True,
        )

    async def _copy_beside(self, name: str, metadata: BranchMetadata, facts: _Facts) -> bool:
        """Copy the database on its own server; return whether that was possible."""
        if not facts.may_create or facts.sessions:
            return False
        async with self._connection() as connection:
            if connection is None:
                return False
            url = self.configured
            new, old = (databases.quoted(connection, each) for each in (name, url.database))
            driver: Any = (await connection.get_raw_connection()).driver_connection
            try:
                await driver.execute(f"CREATE DATABASE {new} TEMPLATE {old}")
            except _NO_COPY_BESIDE:
                return False
            await databases.describe(connection, name, metadata)
        return True

    async def _copy_by_dump(self, name: str, facts: _Facts) -> None:
        url = self.configured
        if facts.size_bytes > MAX_DUMP_BYTES:
            reason = "is in use" if facts.sessions else "cannot be copied by its role"
            size, limit = facts.size_bytes / 1024**3, MAX_DUMP_BYTES / 1024**3
            raise ToolkitError(
                f"Database {url.database} {reason}, and its {size:.1f} GiB are more than the "
                f"{limit:.0f} GiB that are copied with pg_dump.",
                "Close its sessions and give its role CREATEDB, or rehearse on a smaller copy: set"
                " DATABASE_URL to it.",
            )
        dump = await run_program(url, find_program("pg_dump", facts.version), *_DUMP_OPTIONS)
        copy = await self.local.create_empty(name, is_rehearsal=True)
        options = ("--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--output=/dev/null")
        try:
            await run_program(copy, find_program("psql", facts.version), *options, stdin=dump)
        except BaseException as error:
            await self.local.delete(name, force=True)
            if isinstance(error, MigrationError):
                raise ToolkitError(
                    f"Database {url.database} cannot be copied to the embedded server: "
                    f"{error.message}",
                    "Give its role CREATEDB and close its sessions, and it is copied on its own"
                    " server.",
                ) from None
            raise

    async def delete(self, name: str, *, force: bool = False) -> None:
        """Drop a copy that a rehearsal made.

        Raises:
            UsageError: there is no such copy, or it is the database itself.
        """
        if any(each.name == name and each.is_rehearsal for each in await self.local.list()):
            await self.local.delete(name, force=force)
            return
        require_mutable({each.name: each for each in await self.list()}, name, "deleted")
        async with self._connection() as connection:
            if connection is not None:
                await databases.drop(connection, name, force=force)

    async def reset(self, name: str, *, force: bool = False) -> Branch:
        """Refuse: there are no branches."""
        raise _no_branches(self.configured)

    async def url(self, name: str, *, pooled: bool = False) -> DatabaseURL:
        """Return the URL of the database or a copy of it; there is no other endpoint.

        Raises:
            UsageError: there is no such one.
        """
        if name == self.configured.database:
            return self.configured
        if any(each.name == name and each.is_rehearsal for each in await self.local.list()):
            return await self.local.url(name)
        return self.configured.with_database((await self.get(name)).name)

    async def branch_of(self, url: DatabaseURL) -> str | None:
        """Return the database's name where the URL leads to it."""
        return url.database if url == self.configured else None

    async def make_restore_point(self, branch: str, *, force: bool = False) -> RestorePoint:
        """Refuse: there are no branches."""
        raise _no_branches(self.configured)

    async def list_restore_points(self, branch: str) -> Sequence[RestorePoint]:
        """Return none."""
        self._require_itself(branch)
        return []

    async def restore(self, branch: str, point: RestorePoint, *, force: bool = False) -> None:
        """Refuse: there are no restore points."""
        raise _no_branches(self.configured)

    async def delete_restore_point(self, point: RestorePoint) -> None:
        """Refuse: there are no restore points."""
        raise _no_branches(self.configured)

    def _require_itself(self, name: str) -> None:
        if name != self.configured.database:
            raise UsageError(
                f"{shown_host(self.configured)} has no branch {name}.",
                f"DATABASE_URL leads to the database {self.configured.database}.",
            )

    async def _facts(self) -> _Facts:
        async with migration_connection(self.configured) as connection:
            return _Facts(*(await connection.execute(_FACTS_SQL)).one())

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection | None]:
        """Connect to another database of the server, as one in use cannot be copied; or to none."""
        for name in _MAINTENANCE:
            try:
                opened = migration_connection(self.configured.with_database(name))
                plain = await opened.__aenter__()
            except ToolkitError:
                continue
            try:
                yield await plain.execution_options(isolation_level="AUTOCOMMIT")
            finally:
                await opened.__aexit__(None, None, None)
            return
        yield None


def _copy(row: databases.DatabaseRow) -> Branch:
    metadata = row.metadata
    return Branch(
        row.name,
        metadata.parent,
        metadata.created_at,
        row.size_bytes,
        metadata.expires_at,
        is_rehearsal=True,
    )


def _no_branches(url: DatabaseURL) -> UsageError:
    return UsageError(
        f"Database {url.database} on {shown_host(url)} has no branches and no restore points.",
        "They are Neon's (set NEON_API_KEY and NEON_PROJECT_ID) and the embedded server's. Undo a"
        " migration with db downgrade, or from a backup.",
    )
