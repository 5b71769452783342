"""The application's engine and sessions: opened by `init_db`, closed by `close_db`."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from ..errors import ConfigurationError, ToolkitError
from .driver_errors import translate_driver_errors
from .factory import create_engine
from .revisions import current_revisions, expected_heads
from .settings import Settings

_log = logging.getLogger(__name__)

_ROLLBACK_SECONDS: Final = 5.0

_engine: AsyncEngine | None = None
_heads: frozenset[str] | None = None  # None: the application asked for none


async def init_db(settings: Settings | None = None, *, require_head: bool = True) -> None:
    """Open the application's engine and check the connection and that the database is at head.

    A compute that sleeps is waited for, up to DB_CONNECT_TIMEOUT.
    It never creates a table: that is what migrations are for.

    Raises:
        ConfigurationError: a setting is wrong.
        ConnectionFailedError: the database cannot be reached.
        ToolkitError: the database is not at head, and `require_head` is set.
    """
    global _engine, _heads
    # Both block: files are read, and the embedded server may have to be started.
    heads = await asyncio.to_thread(expected_heads) if require_head else None
    engine = await asyncio.to_thread(create_engine, settings)
    try:
        with translate_driver_errors(engine.url):
            async with engine.connect() as connection:
                current = await current_revisions(connection)
        if heads is not None and current != heads:
            raise ToolkitError(
                f"The database is at {_names(current)}, the application needs {_names(heads)}.",
                "Run: db upgrade",
            )
    except BaseException:
        await engine.dispose()
        raise
    await close_db()
    _engine, _heads = engine, heads


async def close_db() -> None:
    """Close every connection of the application's engine. Safe to call twice."""
    global _engine
    engine, _engine = _engine, None
    if engine is not None:
        await engine.dispose()


def get_engine() -> AsyncEngine:
    """Return the application's engine.

    Raises:
        ConfigurationError: `init_db` has not run.
    """
    if _engine is None:
        raise ConfigurationError("The database is not open.", "Await init_db() at start.")
    return _engine


def get_required_heads() -> frozenset[str] | None:
    """Return the revisions that `init_db` required; None where it required none."""
    return _heads


@asynccontextmanager
async def session_context(engine: AsyncEngine, **options: Any) -> AsyncIterator[AsyncSession]:
    """Open a session; at the end close it, which rolls back what is not committed.

    A server that does not answer the ROLLBACK within 5 s loses the connection, so that neither an
    error nor a cancellation is held up: SQLAlchemy's own end of a session would wait for
    DB_COMMAND_TIMEOUT. `options` are those of AsyncSession.
    """
    session = AsyncSession(engine, expire_on_commit=False, **options)
    try:
        yield session
    except BaseException:
        await _close_in_time(session)
        raise
    await session.close()


async def _close_in_time(session: AsyncSession) -> None:
    closing = asyncio.create_task(session.close())  # which another cancellation does not reach
    await asyncio.wait({closing}, timeout=_ROLLBACK_SECONDS)
    if not closing.done():
        _log.warning("A ROLLBACK was not answered in time; its connection is closed.")
        closing.cancel()
        await asyncio.wait({closing}, timeout=_ROLLBACK_SECONDS)


@asynccontextmanager
async def session_scope() -> AsyncIterator[AsyncSession]:
    """Open a session for one unit of work: commit at the end, roll back on any error.

    Cancellation counts as an error. What was loaded stays readable after the commit.
    """
    async with session_context(get_engine()) as session:
        yield session
        await session.commit()


async def get_session() -> AsyncIterator[AsyncSession]:
    """Yield one session per request; the caller commits, and what is left is rolled back.

    A dependency for web frameworks. The commit is the endpoint's own, since a dependency may end
    only after the response was sent: a commit that failed then could not be told to the client.
    """
    async with session_context(get_engine()) as session:
        yield session


def _names(revisions: frozenset[str]) -> str:
    return ", ".join(sorted(revisions)) or "no revision"
