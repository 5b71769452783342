"""The databases behind the local provider's branches: the statements, and what a comment tells."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.driver_errors import sqlstate
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
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = :name AND pid <> pg_backend_pid() AND backend_type = 'client backend'
""")


@dataclass(frozen=True)
class BranchMetadata:
    """What a database's comment tells; it lives, moves and dies with the database.

    `point_of` is the branch of which the database is a restore point.
    """

    parent: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    protected: bool = False
    point_of: str | None = None

    @classmethod
    def read(cls, comment: str | None) -> "BranchMetadata":
        """Read a comment. One that was written by hand tells nothing."""
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
    await connection.execute(text(f"CREATE DATABASE {_quoted(connection, name)}"))
    await describe(connection, name, metadata)


async def copy(
    connection: AsyncConnection, name: str, source: str, metadata: BranchMetadata, *, force: bool
) -> None:
    """Copy a database's files, about twice as fast as writing them through the WAL."""
    new, old = _quoted(connection, name), _quoted(connection, source)
    statement = f"CREATE DATABASE {new} TEMPLATE {old} STRATEGY FILE_COPY"
    await _when_unused(connection, statement, source, force=force)
    await describe(connection, name, metadata)


async def rename(connection: AsyncConnection, name: str, to: str, *, force: bool) -> None:
    """Give a database another name."""
    statement = f"ALTER DATABASE {_quoted(connection, name)} RENAME TO {_quoted(connection, to)}"
    await _when_unused(connection, statement, name, force=force)


async def drop(connection: AsyncConnection, name: str, *, force: bool) -> None:
    """Drop a database."""
    await _when_unused(connection, f"DROP DATABASE {_quoted(connection, name)}", name, force=force)


async def describe(connection: AsyncConnection, name: str, metadata: BranchMetadata) -> None:
    """Write a database's comment."""
    literal = "'" + metadata.written().replace("'", "''") + "'"  # COMMENT takes no parameters
    statement = f"COMMENT ON DATABASE {_quoted(connection, name)} IS {literal}"
    await connection.exec_driver_sql(statement)


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
            if sqlstate(error) != asyncpg.ObjectInUseError.sqlstate:
                raise
        else:
            return
        if asyncio.get_running_loop().time() > deadline:
            users = await connection.scalar(_SESSIONS_SQL, {"name": used})
            raise ToolkitError(
                f"Branch {used} is in use by {users or 'a session that just ended'}.",
                "Close that, or end its sessions with --force.",
            )
        await asyncio.sleep(0.05)  # PostgreSQL itself has waited 5 s for CREATE and DROP


def _quoted(connection: AsyncConnection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
