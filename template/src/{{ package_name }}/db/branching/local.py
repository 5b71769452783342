"""The local provider: one embedded server a project, one database a branch."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any, Final

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..connection.engine import create_migration_engine
from ..connection.errors import ToolkitError, UsageError
from ..connection.failures import explained
from ..connection.local_server import MAIN_BRANCH, LocalServer
from ..connection.url import DatabaseURL
from .provider import Branch, checked_name

_WAIT_SECONDS: Final = 10.0
_MAINTENANCE: Final = "postgres"

_LIST_SQL: Final = text("""
SELECT datname, shobj_description(oid, 'pg_database'), pg_database_size(oid)
FROM pg_database
WHERE NOT datistemplate AND datname <> 'postgres'
ORDER BY datname <> 'main', datname
""")
_SESSIONS_SQL: Final = text("""
SELECT string_agg(DISTINCT coalesce(nullif(application_name, ''), 'pid ' || pid), ', ')
FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()
""")
_END_SESSIONS_SQL: Final = text("""
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = :name AND pid <> pg_backend_pid() AND backend_type = 'client backend'
""")


class LocalProvider:
    """Branches as databases of the project's embedded server, which is started at first use."""

    def __init__(self, server: LocalServer | None = None) -> None:
        self._server = server or LocalServer.for_project()

    async def list(self) -> list[Branch]:
        """Return all branches, `main` first."""
        async with self._connection() as connection:
            return await _branches(connection)

    async def create(
        self,
        name: str,
        parent: str | None = None,
        *,
        time_to_live: timedelta | None = None,
        force: bool = False,
    ) -> Branch:
        """Copy the database `parent` (default: `main`), files and all.

        PostgreSQL copies a database only while nobody uses it: its sessions are waited for, ten
        seconds at most, or ended with `force`.

        Raises:
            UsageError: the name is taken or cannot be one, or there is no such parent.
            ToolkitError: the parent is in use.
        """
        parent = parent or MAIN_BRANCH
        async with self._connection() as connection:
            branches = {branch.name: branch for branch in await _branches(connection)}
            _existing(branches, parent)
            if checked_name(name) in branches or name in (_MAINTENANCE, "template0", "template1"):
                raise UsageError(f"There is a branch {name} already.", f"db branch reset {name}")
            await _copy(connection, name, parent, force=force)
            return _existing({found.name: found for found in await _branches(connection)}, name)

    async def create_empty(self, name: str) -> DatabaseURL:
        """Make a database without a parent, as a scratch branch; returns its URL."""
        async with self._connection() as connection:
            create = f"CREATE DATABASE {_quoted(connection, checked_name(name))}"
            await connection.execute(text(create))
            await _describe(connection, name, MAIN_BRANCH)
        return self._server.url(name)

    async def delete(self, name: str, *, force: bool = False) -> None:
        """Drop a branch's database.

        Raises:
            UsageError: there is no such branch, or it is `main`.
            ToolkitError: the branch is in use, and `force` is not set.
        """
        async with self._connection() as connection:
            branches = {branch.name: branch for branch in await _branches(connection)}
            _changeable(branches, name, "deleted")
            await _drop(connection, name, force=force)

    async def reset(self, name: str, *, force: bool = False) -> Branch:
        """Replace a branch's database by a fresh copy of its parent's.

        The copy is made under another name first, so a failure leaves the branch as it was.

        Raises: as `create` and `delete` do.
        """
        async with self._connection() as connection:
            branches = {branch.name: branch for branch in await _branches(connection)}
            parent = _changeable(branches, name, "reset").parent or MAIN_BRANCH
            _existing(branches, parent)
            copy = f"reset-{token_hex(4)}"
            await _copy(connection, copy, parent, force=force)
            try:
                await _drop(connection, name, force=force)
            except BaseException:
                await _drop(connection, copy, force=True)
                raise
            rename = (
                f"ALTER DATABASE {_quoted(connection, copy)} RENAME TO {_quoted(connection, name)}"
            )
            await connection.execute(text(rename))
            return _existing({found.name: found for found in await _branches(connection)}, name)

    async def url(self, name: str) -> DatabaseURL:
        """Return a branch's URL.

        Raises:
            UsageError: there is no such branch.
        """
        branches = {branch.name: branch for branch in await self.list()}
        return self._server.url(_existing(branches, name).name)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        engine = create_migration_engine(self._server.url(_MAINTENANCE))
        try:
            with explained(engine.url):
                async with engine.connect() as connection:
                    # CREATE and DROP DATABASE refuse to run inside a transaction.
                    yield await connection.execution_options(isolation_level="AUTOCOMMIT")
        finally:
            await engine.dispose()


async def _branches(connection: AsyncConnection) -> list[Branch]:
    rows = (await connection.execute(_LIST_SQL)).all()
    return [_branch(name, description, size) for name, description, size in rows]


def _branch(name: str, description: str | None, size_bytes: int) -> Branch:
    """Read a branch from its database's comment, which lives and dies with the database."""
    try:
        told: dict[str, Any] = json.loads(description or "{}")
        created_at = datetime.fromisoformat(told["created_at"])
    except (ValueError, KeyError, TypeError):  # made by hand, by CREATE DATABASE
        told, created_at = {}, None
    parent = None if name == MAIN_BRANCH else told.get("parent", MAIN_BRANCH)
    return Branch(name, parent, created_at, size_bytes)


def _existing(branches: dict[str, Branch], name: str) -> Branch:
    if name not in branches:
        raise UsageError(f"There is no branch {name}.", f"There are: {', '.join(branches)}.")
    return branches[name]


def _changeable(branches: dict[str, Branch], name: str, verb: str) -> Branch:
    branch = _existing(branches, name)
    if branch.is_default:
        raise UsageError(
            f"{name} is the default branch and is never {verb}.", "db downgrade base empties it."
        )
    return branch


async def _copy(connection: AsyncConnection, name: str, parent: str, *, force: bool) -> None:
    # Copying the files is about twice as fast as writing them through the WAL.
    copy, source = _quoted(connection, name), _quoted(connection, parent)
    statement = f"CREATE DATABASE {copy} TEMPLATE {source} STRATEGY FILE_COPY"
    await _when_unused(connection, statement, parent, force=force)
    await _describe(connection, name, parent)


async def _drop(connection: AsyncConnection, name: str, *, force: bool) -> None:
    await _when_unused(connection, f"DROP DATABASE {_quoted(connection, name)}", name, force=force)


async def _when_unused(
    connection: AsyncConnection, statement: str, used: str, *, force: bool
) -> None:
    """Run a statement that needs the database `used` to have no sessions."""
    deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS
    while True:
        if force:
            await connection.execute(_END_SESSIONS_SQL, {"name": used})
        try:
            await connection.execute(text(statement))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != asyncpg.ObjectInUseError.sqlstate:
                raise
        else:
            return
        if asyncio.get_running_loop().time() > deadline:
            users = await connection.scalar(_SESSIONS_SQL, {"name": used})
            raise ToolkitError(
                f"Branch {used} is in use by {users or 'a session that just ended'}.",
                "Close that, or end its sessions with --force.",
            )


async def _describe(connection: AsyncConnection, name: str, parent: str) -> None:
    told = json.dumps({"parent": parent, "created_at": datetime.now(UTC).isoformat()})
    literal = "'" + told.replace("'", "''") + "'"  # COMMENT takes no parameters
    statement = f"COMMENT ON DATABASE {_quoted(connection, name)} IS {literal}"
    await connection.exec_driver_sql(statement)


def _quoted(connection: AsyncConnection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
