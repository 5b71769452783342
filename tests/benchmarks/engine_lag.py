"""How late the event loop runs while many tasks wait for the pool."""

import asyncio
import time
from typing import Final

from alembic_neon import create_engine
from benchmarks.engine_contenders import Endpoint, bare_engine, our_settings
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

TASKS: Final = 200
TICK_SECONDS: Final = 0.002
RUNS: Final = 3


def report_lag(endpoint: Endpoint) -> None:
    """Print the lag for our engine and a bare one; with no database at all it is the noise."""
    print(f"\n### Event loop lag while {TASKS} tasks wait for a pool of 20+10\n")
    print("| | median | 99 % | highest | altogether |\n|---|---|---|---|---|")
    for name in ("no engine", "bare AsyncEngine", "ours"):
        runs = [asyncio.run(lag(name, endpoint)) for _ in range(RUNS)]
        late_ms = sorted(1000 * seconds for late, _ in runs for seconds in late)
        cells = [late_ms[int(len(late_ms) * part)] for part in (0.5, 0.99)]
        seconds = min(seconds for _, seconds in runs)
        print(
            f"| {name} | {cells[0]:.1f} ms | {cells[1]:.1f} ms | {late_ms[-1]:.1f} ms"
            f" | {seconds:.2f} s |"
        )


async def lag(name: str, endpoint: Endpoint) -> tuple[list[float], float]:
    """Return by how much each tick was late, and how long all tasks took, in seconds."""
    late: list[float] = []
    if name == "no engine":
        ticking = asyncio.create_task(tick(late))
        await asyncio.sleep(0.5)
        ticking.cancel()
        return late, 0.5
    engine = (
        bare_engine(endpoint) if name.startswith("bare") else create_engine(our_settings(endpoint))
    )
    started = time.perf_counter()
    ticking = asyncio.create_task(tick(late))
    await asyncio.gather(*(wait_and_work(engine) for _ in range(TASKS)))
    seconds = time.perf_counter() - started
    ticking.cancel()
    await engine.dispose()
    return late, seconds


async def wait_and_work(engine: AsyncEngine) -> None:
    """Hold a connection for a while."""
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_sleep(0.05)"))


async def tick(late: list[float]) -> None:
    """Sleep again and again, and note the lateness."""
    while True:
        started = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        late.append(time.perf_counter() - started - TICK_SECONDS)
