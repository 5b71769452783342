"""Statements that tests run on a database."""

from collections.abc import Awaitable, Callable
from typing import Any

from db.connection.engine import create_migration_engine
from db.connection.url import DatabaseURL
from sqlalchemy import text

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
