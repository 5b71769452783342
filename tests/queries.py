"""Statements that tests run on a database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.url import DatabaseURL
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# The fixture `query`: runs a statement, commits it and returns the first value, or None.
Query = Callable[[str], Awaitable[Any]]


async def first_column(url: DatabaseURL, *statements: str) -> list[Any]:
    """Run statements in one transaction and return the first column of what the last one gave."""
    engine = create_migration_engine(url)
    try:
        async with engine.begin() as connection:
            for statement in statements:
                result = await connection.execute(text(statement))
            return list(result.scalars()) if result.returns_rows else []
    finally:
        await engine.dispose()


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
