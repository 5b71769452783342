"""A session that never holds up an error: it is closed in time, whatever the server does."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

_log = logging.getLogger(__name__)

_ROLLBACK_SECONDS: Final = 5.0


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
