"""Opens sessions with the server: waits for a compute that wakes."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg

from .driver_errors import is_retryable_connect_error
from .pool import Counters
from .retry import RetryPolicy, retry_async

_log = logging.getLogger(__name__)

# Both are for a client that is gone: its statement ends, and its locks are freed. The server must
# not be the one to end what the client still wants, so an idle transaction gets a minute at least.
_SET_TIMEOUTS_SQL: Final = (
    "SET statement_timeout = {0:d}; SET idle_in_transaction_session_timeout = {1:d}"
)

Connector = Callable[..., Awaitable[asyncpg.Connection]]


def make_connector(counters: Counters, *, server_timeout_seconds: float | None) -> Connector:
    """Make what opens asyncpg's connections for an engine, in place of `asyncpg.connect`.

    A failure that may pass (`driver_errors.is_retryable_connect_error`) is met with another
    attempt, in growing waits with jitter, as long as asyncpg's `timeout` (seconds, for all attempts
    together) lasts. Neon's computes wake within some hundred ms. https://neon.com/docs/introduction/scale-to-zero

    `server_timeout_seconds` is set on the server by `SET`, as Neon's proxy drops startup
    parameters; None where the session is shared (behind the pooler), where a SET would leak.
    """

    async def connect(*args: Any, timeout: float, **kwargs: Any) -> asyncpg.Connection:  # noqa: ASYNC109 - asyncpg's own
        started = time.monotonic()

        async def attempt() -> asyncpg.Connection:
            left_seconds = max(0.001, timeout - (time.monotonic() - started))
            connection = await asyncpg.connect(*args, timeout=left_seconds, **kwargs)
            if server_timeout_seconds is not None:
                await _set_timeouts(connection, server_timeout_seconds)
            return connection

        try:
            connection = await retry_async(
                attempt,
                "connect",
                _log,
                RetryPolicy(is_retryable_connect_error, timeout, longest_wait_seconds=1),
            )
        except Exception as error:
            counters.connect_failures += 1
            counters.last_failure = time.monotonic()
            _forget_frames(error)
            raise
        counters.connects += 1
        if counters.first_connection_ms is None:
            counters.first_connection_ms = round((time.monotonic() - started) * 1000, 1)
        return connection

    return connect


def _forget_frames(error: BaseException | None) -> None:
    """Leave asyncpg's frames out of an error's traceback: they hold the password."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


async def _set_timeouts(connection: asyncpg.Connection, seconds: float) -> None:
    statement_ms = max(1, round(seconds * 1000))
    sql = _SET_TIMEOUTS_SQL.format(statement_ms, max(60_000, statement_ms))
    try:
        await connection.execute(sql)
    except BaseException:
        connection.terminate()
        raise
