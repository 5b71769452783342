"""What keeps a compute awake and what lets it sleep: a health check must not cost a compute."""

import asyncio
import contextlib
import time

from alembic_neon import check_health, close_db, init_db
from neon.plain import plain_engine
from neon.stand_in import StandIn
from sqlalchemy import text

POLLS_SECONDS = 0.05


async def test_a_health_check_that_queries_keeps_a_compute_awake(neon: StandIn) -> None:
    engine = plain_engine(neon.url())
    neon.edge.compute.suspend_after_seconds = 2  # longer than a busy machine may stand still
    end = time.monotonic() + 5
    while time.monotonic() < end:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        await asyncio.sleep(POLLS_SECONDS)
    assert neon.edge.compute.suspends == 0
    await engine.dispose()


async def test_an_idle_pool_and_our_health_check_let_it_sleep(neon: StandIn) -> None:
    await init_db(neon.settings(), require_head=False)
    assert (await check_health()).ok
    neon.edge.compute.suspend_after_seconds = 0.6

    async def poll() -> None:
        while True:
            await check_health()
            await asyncio.sleep(POLLS_SECONDS)

    polling = asyncio.create_task(poll())
    await neon.until_asleep()
    await asyncio.sleep(0.5)
    assert not neon.edge.compute.is_awake, "and nothing wakes it again"
    assert (await check_health()).ok
    polling.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await polling
    await close_db()
