"""The databases behind the local provider's branches: their statements and their comments."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import ToolkitError

_WAIT_SECONDS: Final = 10.0

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
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = :name AND pid <> pg_backend_pid() AND backend_type = 'client backend'
""")


@dataclass(frozen=True)
class BranchMetadata:
    """What a database's comment says; it lives, moves and dies with the database.

    `point_of` is the branch of which the database is a restore point. `rehearsal`: the toolkit made
    it for a rehearsal.
    """

    parent: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    protected: bool = False
    point_of: str | None = None
    rehearsal: bool = False

    @classmethod
    def read(cls, comment: str | None) -> "BranchMetadata":
        """Read a comment. One that was written by hand says nothing."""
        try:
            metadata: dict[str, Any] = json.loads(comment or "{}")
            created_at = datetime.fromisoformat(metadata["created_at"])
            expires_at = metadata.get("expires_at")
            return cls(
                metadata.get("parent"),
                created_at,
                datetime.fromisoformat(expires_at) if expires_at else None,
                bool(metadata.get("protected")),
                metadata.get("point_of"),
                bool(metadata.get("rehearsal")),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def written(self) -> str:
        """Return the comment."""
        metadata: dict[str, Any] = {
            "parent": self.parent,
            "created_at": (self.created_at or datetime.now(UTC)).isoformat(),
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "protected": self.protected,
            "point_of": self.point_of,
            "rehearsal": self.rehearsal,
        }
        return json.dumps({name: value for name, value in metadata.items() if value})


@dataclass(frozen=True)
class DatabaseRow:
    """A database, as the server lists it."""

    name: str
    metadata: BranchMetadata
    size_bytes: int


async def list_databases(connection: AsyncConnection) -> list[DatabaseRow]:
    """Return all databases but PostgreSQL's own, `main` first."""
    rows = (await connection.execute(_LIST_SQL)).all()
    return [DatabaseRow(name, BranchMetadata.read(comment), size) for name, comment, size in rows]


async def create(connection: AsyncConnection, name: str, metadata: BranchMetadata) -> None:
    """Make an empty database."""
    await connection.execute(text(f"CREATE DATABASE {quoted(connection, name)}"))
    await describe(connection, name, metadata)


async def copy(
    connection: AsyncConnection, name: str, source: str, metadata: BranchMetadata, *, force: bool
) -> None:
    """Copy a database's files, about twice as fast as writing them through the WAL."""
    new, old = quoted(connection, name), quoted(connection, source)
    statement = f"CREATE DATABASE {new} TEMPLATE {old} STRATEGY FILE_COPY"
    await run_when_unused(connection, statement, source, force=force)
    await describe(connection, name, metadata)


async def replace(
    connection: AsyncConnection, name: str, fresh: str, renamed: str | None, *, force: bool
) -> None:
    """Give the database `fresh` the name and the comment of `name`, all at once or not at all.

    The one that had the name is called `renamed` from then on; None: there is none. Several
    statements in one query are one transaction, so a killed process leaves the state before or
    after, and no session gets in between.
    https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT
    """
    rows = {row.name: row.metadata for row in await list_databases(connection)}
    metadata = rows.get(name, BranchMetadata(created_at=datetime.now(UTC)))
    steps = [_rename(connection, fresh, name), _comment(connection, name, metadata)]
    if renamed is not None:
        point = BranchMetadata(created_at=datetime.now(UTC), point_of=name)
        steps[:0] = [_rename(connection, name, renamed), _comment(connection, renamed, point)]
    await run_when_unused(connection, "; ".join(steps), name if renamed else fresh, force=force)


async def drop(connection: AsyncConnection, name: str, *, force: bool) -> None:
    """Drop a database."""
    statement = f"DROP DATABASE {quoted(connection, name)}"
    await run_when_unused(connection, statement, name, force=force)


async def describe(connection: AsyncConnection, name: str, metadata: BranchMetadata) -> None:
    """Write a database's comment."""
    await connection.exec_driver_sql(_comment(connection, name, metadata))


def _rename(connection: AsyncConnection, name: str, to: str) -> str:
    return f"ALTER DATABASE {quoted(connection, name)} RENAME TO {quoted(connection, to)}"


def _comment(connection: AsyncConnection, name: str, metadata: BranchMetadata) -> str:
    literal = "'" + metadata.written().replace("'", "''") + "'"  # COMMENT takes no parameters
    return f"COMMENT ON DATABASE {quoted(connection, name)} IS {literal}"


async def run_when_unused(
    connection: AsyncConnection, script: str, used: str, *, force: bool
) -> None:
    """Run statements that need the database `used` to have no sessions; `force` ends them.

    Raises:
        ToolkitError: it has been in use for ten seconds.
    """
    driver: Any = (await connection.get_raw_connection()).driver_connection
    deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS
    async with _ending_sessions(connection, used) if force else nullcontext():
        while True:
            with suppress(asyncpg.ObjectInUseError):
                await driver.execute(script)
                return
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.05)  # PostgreSQL itself has waited 5 s
    users = await connection.scalar(_SESSIONS_SQL, {"name": used})
    raise ToolkitError(
        f"Branch {used} is in use by {users or 'a session that just ended'}.",
        "Close that, or end its sessions with --force.",
    )


@asynccontextmanager
async def _ending_sessions(connection: AsyncConnection, used: str) -> AsyncIterator[None]:
    """End the sessions of a database, again and again, while the block runs a statement on it.

    CREATE, ALTER and DROP DATABASE lock the database, so that new sessions have to wait, and then
    give the old ones five seconds to end. Only in that time does ending them help: a busy
    application has connected again before the next statement. The lock goes with the statement,
    whatever happens to this process.
    """

    async def end_them() -> None:
        async with connection.engine.connect() as plain:
            other = await plain.execution_options(isolation_level="AUTOCOMMIT")
            while True:
                await other.execute(_END_SESSIONS_SQL, {"name": used})
                await asyncio.sleep(0.02)

    task = asyncio.create_task(end_them())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def quoted(connection: AsyncConnection, name: str) -> str:
    """Return a name as SQL has it."""
    return connection.dialect.identifier_preparer.quote_identifier(name)
