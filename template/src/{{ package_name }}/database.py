"""The database: its engine, and the session of a request or a script.

Plain SQLAlchemy, and yours to change. `create_engine` reads DATABASE_URL and the settings beside it
in `.env.example`, and gives the engine what Neon needs: verified TLS, connections that are renewed
before a suspend, and a wait for a compute that wakes up.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from alembic_neon import create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession


@cache
def get_engine() -> AsyncEngine:
    """Return the engine; it is made at the first use and connects when a session needs it."""
    return create_engine()


async def close_engine() -> None:
    """Close the connections."""
    await get_engine().dispose()
    get_engine.cache_clear()


async def get_session() -> AsyncIterator[AsyncSession]:
    """Yield the session of a request. Commit in the endpoint; the rest is rolled back."""
    async with AsyncSession(get_engine(), expire_on_commit=False) as session:
        yield session


@asynccontextmanager
async def session_scope() -> AsyncIterator[AsyncSession]:
    """Open a session for a script: committed at the end, rolled back on an error."""
    async with AsyncSession(get_engine(), expire_on_commit=False) as session, session.begin():
        yield session
