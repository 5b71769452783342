"""What a pool did: statistics as a plain object, and log lines for what is out of the ordinary."""

import logging
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from .driver_errors import driver_error, is_connection_loss
from .pool import CheckedQueuePool, CountedPool, Counters

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PoolStats:
    """The pool of one engine at one moment; all counts are since the engine was made.

    - `size`: connections that the pool holds; 0 without a pool (DB_POOL_MODE=serverless).
    - `checked_in`, `checked_out`, `overflow`: idle ones, those in use, those in use beyond `size`.
    - `waits`, `timeouts`: checkouts that found all connections in use, and those that gave up.
    - `connects`, `connect_failures`: sessions that were opened, and attempts that failed.
    - `invalidations`: connections thrown away because they were lost.
    - `first_connection_ms`: how long the first session took, a sleeping compute's wake included.
    """

    size: int
    checked_in: int
    checked_out: int
    overflow: int
    waits: int
    timeouts: int
    connects: int
    connect_failures: int
    invalidations: int
    first_connection_ms: float | None


def pool_stats(engine: AsyncEngine) -> PoolStats:
    """Return the statistics of an engine that `create_engine` made.

    Raises:
        TypeError: the engine was made elsewhere.
    """
    pool, counters = engine.pool, counters_of(engine)
    queue = pool if isinstance(pool, CheckedQueuePool) else None
    return PoolStats(
        size=queue.size() if queue else 0,
        checked_in=queue.checkedin() if queue else 0,
        checked_out=queue.checkedout() if queue else counters.open,
        overflow=max(0, queue.overflow()) if queue else 0,
        waits=counters.waits,
        timeouts=counters.timeouts,
        connects=counters.connects,
        connect_failures=counters.connect_failures,
        invalidations=counters.invalidations,
        first_connection_ms=counters.first_connection_ms,
    )


def counters_of(engine: AsyncEngine) -> Counters:
    """Return the living counters of an engine that `create_engine` made.

    Raises:
        TypeError: the engine was made elsewhere.
    """
    if not isinstance(engine.pool, CountedPool):
        raise TypeError("Only the pool of an engine that create_engine() made is counted.")
    return engine.pool.counters


def instrument(engine: AsyncEngine, counters: Counters) -> None:
    """Count and log what happens to the engine's connections, by SQLAlchemy's events."""
    assert isinstance(engine.pool, CountedPool)  # noqa: S101 - chosen by create_engine
    engine.pool.counters = counters
    target = engine.sync_engine

    def opened(*_: Any) -> None:
        counters.open += 1

    def closed(*_: Any) -> None:
        counters.open -= 1

    def failed(context: Any) -> None:
        if is_connection_loss(context.sqlalchemy_exception or context.original_exception):
            counters.last_failure = time.monotonic()

    def invalidated(_: Any, __: Any, error: BaseException | None) -> None:
        counters.invalidations += 1
        reason = type(driver_error(error)).__name__ if error else "not needed any more"
        _log.info("A connection was lost and is replaced: %s", reason)

    event.listen(target, "connect", opened)
    event.listen(target, "close", closed)
    event.listen(target, "invalidate", invalidated)
    event.listen(target, "handle_error", failed)
