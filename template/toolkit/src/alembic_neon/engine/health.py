"""The health of the database, as an answer that may be shown to the outside."""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Final, Literal
from weakref import WeakKeyDictionary

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from .database_check import required_revisions
from .database_state import read_database_state
from .default_engine import opened_engine
from .pool import Counters
from .pool_stats import counters_of

Stage = Literal["ready", "not_open", "connect", "query", "revision"]

# How long an answer stands while the application works, or while the database fails.
_FRESH_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Health:
    """Whether the database answers, and the stage that failed otherwise ("ready": none).

    `latency_ms` is how long the database took when it was last asked, `age_seconds` how long ago it
    last answered or failed, be it the application or a check: 0 where it was asked just now.
    """

    ok: bool
    stage: Stage
    latency_ms: float
    age_seconds: float = 0.0


@dataclass
class _Memory:
    """The last check of an engine."""

    health: Health
    checked_at: float
    lock: asyncio.Lock


_memories: "WeakKeyDictionary[AsyncEngine, _Memory]" = WeakKeyDictionary()


async def check_health(
    engine: AsyncEngine | None = None,
    *,
    timeout_seconds: float = 2.0,
    max_age_seconds: float | None = None,
) -> Health:
    """Tell whether the database can serve requests, within `timeout_seconds`.

    `engine` is one that `create_engine` made, by default the process's own where it is open.

    A check that queries every few seconds keeps a Neon compute awake for ever, so the database is
    asked (connect, query, compare the revision) only where its own use does not answer it:

    - while the application's own units of work end well, nothing is asked;
    - while the application is silent, nothing is asked either: the last answer stands, with its
      age, and a database that died meanwhile is healthy here until the application uses it;
    - once a statement or a connect was lost, or is without an answer for 5 s, it is asked at once,
      and then every 5 s at most, until it answers.

    `max_age_seconds` asks anew when the last answer is older, so that an idle database's death is
    noticed within that time; 0 asks always. Give it where the compute never sleeps.
    https://neon.com/docs/introduction/scale-to-zero

    It never raises for the state of the database, and never says more of a failure than its stage.

    Raises:
        TypeError: `create_engine` did not make the engine.
    """
    engine = engine or opened_engine()
    if engine is None:
        return Health(False, "not_open", 0.0)
    counters = counters_of(engine)
    memory = _memories.get(engine)
    if memory is None:
        memory = _memories[engine] = _Memory(
            Health(False, "connect", 0.0), float("-inf"), asyncio.Lock()
        )
    started = time.monotonic()
    try:
        async with asyncio.timeout(timeout_seconds):
            await memory.lock.acquire()  # of many checks at once, one asks
    except TimeoutError:
        return Health(False, "connect", round((time.monotonic() - started) * 1000, 1))
    try:
        if (known := _known(memory, counters, max_age_seconds, started)) is not None:
            return known
        memory.health = await _ask(engine, timeout_seconds - (time.monotonic() - started))
        memory.checked_at = time.monotonic()
        return memory.health
    finally:
        memory.lock.release()


def _known(
    memory: _Memory, counters: Counters, max_age_seconds: float | None, asked_at: float
) -> Health | None:
    """Return what is known without asking the database, or None where it has to be asked."""
    if memory.checked_at >= asked_at:
        return memory.health  # it was asked while this check waited
    now = time.monotonic()
    checked_age_seconds = now - memory.checked_at
    answered_at = max(counters.last_success, memory.checked_at if memory.health.ok else 0.0)
    age_seconds = now - answered_at
    if max_age_seconds is not None and min(age_seconds, checked_age_seconds) >= max_age_seconds:
        return None
    is_recovered = memory.health.stage != "revision" and counters.last_success > memory.checked_at
    if not (memory.health.ok or is_recovered):
        is_fresh = checked_age_seconds < _FRESH_SECONDS
        return _aged(memory.health, checked_age_seconds) if is_fresh else None
    is_lost = counters.last_failure > answered_at
    is_overdue = counters.last_checkout > answered_at and age_seconds > _FRESH_SECONDS
    if answered_at == 0.0 or is_lost or is_overdue:
        return None
    return _aged(Health(True, "ready", memory.health.latency_ms), age_seconds)


def _aged(health: Health, age_seconds: float) -> Health:
    return replace(health, age_seconds=round(age_seconds, 1))


async def _ask(engine: AsyncEngine, timeout_seconds: float) -> Health:
    started = time.perf_counter()
    stage: Stage = "connect"
    ok = False
    try:
        async with asyncio.timeout(timeout_seconds):
            async with engine.connect() as connection:
                stage = "query"
                await connection.execute(text("SELECT 1"))
                stage = "revision"
                graph = required_revisions(engine)
                if graph is None or (await read_database_state(connection, graph)).is_served:
                    stage, ok = "ready", True
    except Exception:  # noqa: BLE001, S110 - whatever it was, the stage says where
        pass
    return Health(ok, stage, round((time.perf_counter() - started) * 1000, 1))
