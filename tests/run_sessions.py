"""Other sessions beside a run, for tests of what stands in its way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from db.connection.engine import create_migration_engine
from db.connection.url import DatabaseURL
from queries import first_column
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

INDEX = (
    "with op.get_context().autocommit_block():\n"
    '    op.execute("CREATE INDEX CONCURRENTLY i ON t (v)")'
)


@asynccontextmanager
async def session(url: DatabaseURL, *statements: str) -> AsyncIterator[AsyncConnection]:
    """Another session of the database, with an open transaction."""
    engine = create_migration_engine(url)
    try:
        async with engine.connect() as connection:
            for statement in statements:
                await connection.execute(text(statement))
            yield connection
    finally:
        await engine.dispose()


async def until_locked(url: DatabaseURL, *, is_locked: bool = True) -> None:
    """Wait until a migrator holds its lock, or no longer does."""
    locks = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    async with asyncio.timeout(30):
        while ((await first_column(url, locks))[0] > 0) is not is_locked:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
