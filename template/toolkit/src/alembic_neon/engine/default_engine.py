"""The engine of the process, for those that have none of their own: opened at its first use."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from .database_check import check_database
from .factory import create_engine
from .session import session_context
from .settings import Settings


@dataclass
class DefaultEngine:
    """The engine, and the event loop that its connections belong to, once there is one."""

    engine: AsyncEngine
    loop: asyncio.AbstractEventLoop | None = None


_lock: Final = Lock()
_default: DefaultEngine | None = None


async def init_db(settings: Settings | None = None, *, require_head: bool = True) -> None:
    """Open the process's engine and check its database, as `check_database` does.

    Raises:
        ConfigurationError: a setting is wrong.
        ConnectionFailedError: the database cannot be reached.
        ToolkitError: the database is behind the migration files, and `require_head` is set.
    """
    global _default
    # It blocks: files are read, and the embedded server may have to be started.
    engine = await asyncio.to_thread(create_engine, settings)
    try:
        await check_database(engine, require_head=require_head)
    except BaseException:
        await engine.dispose()
        raise
    await close_db()
    _default = DefaultEngine(engine, asyncio.get_running_loop())


async def close_db() -> None:
    """Close every connection of the process's engine. Safe to call twice; the next use reopens."""
    global _default
    engine = opened_engine()
    _default = None
    if engine is not None:
        await engine.dispose()


def get_engine() -> AsyncEngine:
    """Return the process's engine; the first call makes it, which blocks as `create_engine` does.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    global _default
    with _lock:
        if (engine := opened_engine()) is not None:
            return engine
        _default = DefaultEngine(create_engine())
        return _default.engine


def opened_engine() -> AsyncEngine | None:
    """Return the process's engine where it was opened already, else None.

    Connections whose event loop was closed are of no use: a script that calls `asyncio.run` twice
    gets an engine for each.
    """
    global _default
    if _default is None:
        return None
    if _default.loop is not None and _default.loop.is_closed():
        _default.engine.sync_engine.dispose(close=False)
        _default = None
        return None
    return _default.engine


async def open_engine() -> AsyncEngine:
    """Return the process's engine; where it has to be made, that is done in a thread.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    engine = opened_engine()
    if engine is None:
        engine = await asyncio.to_thread(get_engine)
    if _default is not None and _default.loop is None:
        _default.loop = asyncio.get_running_loop()
    return engine


@asynccontextmanager
async def session_scope() -> AsyncIterator[AsyncSession]:
    """Open a session for one unit of work: commit at the end, roll back on any error.

    It needs no `init_db` and no web application. Cancellation counts as an error. What was loaded
    stays readable after the commit.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    async with session_context(await open_engine()) as session:
        yield session
        await session.commit()


async def get_session() -> AsyncIterator[AsyncSession]:
    """Yield one session per request; the caller commits, and what is left is rolled back.

    A dependency for web frameworks. The commit is the endpoint's own, since a dependency may end
    only after the response was sent: nobody could answer the client that a commit failed.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    async with session_context(await open_engine()) as session:
        yield session
