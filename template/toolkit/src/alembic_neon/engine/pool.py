"""The pools: what leaves them is alive, and what happens in them is counted.

They override methods of SQLAlchemy's pools that are not documented: see `sqlalchemy_internals`.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any, Final, Self

import asyncpg
from sqlalchemy import AsyncAdaptedQueuePool, NullPool, Pool
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

_log = logging.getLogger(__name__)

_SLOW_CHECKOUT_SECONDS: Final = 1.0
# A connection that was used within this time is not asked whether it lives: that it was closed is
# seen without asking, and what is not seen so (a lost network, a frozen machine) takes longer.
_TRUSTED_IDLE_SECONDS: Final = 5.0
_PING_TIMEOUT_SECONDS: Final = 5.0


@dataclass
class Counters:
    """What happened to one engine's pool; the times are those of `time.monotonic`.

    `capacity` is how many connections a pool may have in use at once.
    """

    capacity: int = 0
    waits: int = 0
    timeouts: int = 0
    connects: int = 0
    connect_failures: int = 0
    invalidations: int = 0
    first_connection_ms: float | None = None
    last_checkout: float = 0.0
    last_success: float = 0.0
    last_failure: float = 0.0
    open: int = 0


class CountedPool(Pool):
    """A pool that counts; `counters` outlive the pool itself, which SQLAlchemy makes anew.

    It overrides what SQLAlchemy's own pools do, as the events for it (`checkout`, `checkin`,
    `after_cursor_execute`) cost a tenth of a request each: see docs/benchmarks-engine.md.
    """

    counters: Counters

    def recreate(self) -> Self:
        pool = super().recreate()
        assert isinstance(pool, type(self))  # noqa: S101 - SQLAlchemy makes another of the class
        pool.counters = self.counters
        return pool

    def connect(self) -> PoolProxiedConnection:
        started = self.counters.last_checkout = time.monotonic()
        must_wait = self._is_exhausted()
        self.counters.waits += must_wait
        try:
            connection = super().connect()
        except PoolTimeoutError:
            self.counters.timeouts += 1
            raise
        waited_seconds = time.monotonic() - started
        if waited_seconds > _SLOW_CHECKOUT_SECONDS:
            reason = "all were in use" if must_wait else "it had to be opened or checked"
            _log.warning("A connection was waited for %.1f s: %s", waited_seconds, reason)
        return connection

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if record.dbapi_connection is not None:  # it was not lost in the meantime
            record.info["used_at"] = self.counters.last_success = time.monotonic()
        super()._do_return_conn(record)

    def _is_exhausted(self) -> bool:
        return False


class CheckedQueuePool(CountedPool, AsyncAdaptedQueuePool):
    """SQLAlchemy's pool for asyncio, which replaces a lost connection before it hands it out.

    This is `pool_pre_ping` with fewer round trips: that one takes three (BEGIN, a statement,
    ROLLBACK) before every unit of work, and fails the work if the ping meets an OSError. Here a
    connection that was in use a moment ago costs none, and an idle one costs one.
    """

    def _do_get(self) -> ConnectionPoolEntry:
        record = super()._do_get()
        try:
            if (error := _loss_of(record)) is not None:
                record.invalidate(error)  # SQLAlchemy then connects it anew
        except BaseException:  # cancelled: nobody else would return the entry
            record.invalidate()
            super()._do_return_conn(record)
            raise
        return record

    def _is_exhausted(self) -> bool:
        return self.checkedout() >= self.counters.capacity


class CountedNullPool(CountedPool, NullPool):
    """No pool, counted."""


def _loss_of(record: ConnectionPoolEntry) -> Exception | None:
    """Return why an entry has a connection that is of no use any more; otherwise None."""
    connection: Any = record.dbapi_connection
    if connection is None:
        return None
    if connection.driver_connection.is_closed():
        return ConnectionError("The server closed the connection.")
    now = time.monotonic()
    if now - record.info.get("used_at", now) > _TRUSTED_IDLE_SECONDS:
        try:
            connection.run_async(_ping)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return error
    return None


async def _ping(connection: asyncpg.Connection) -> None:
    # The simple protocol: one round trip, and on the pooler a transaction of its own. An empty
    # statement would do, but asyncpg 0.32 ends in an AttributeError, as it has no command tag.
    async with asyncio.timeout(_PING_TIMEOUT_SECONDS):
        await connection.execute("SELECT")
