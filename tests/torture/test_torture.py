"""The product under faults that are drawn from a seed: docs/reliability.md has what it promises.

    uv run pytest -m torture -n 0 --torture-minutes 60 --torture-seed 7

The seed says which faults come in which order and after which waits; what they hit, the machine.
"""

import asyncio
import time
from itertools import count

import pytest
from alembic_neon import create_engine
from alembic_neon.engine.settings import Settings
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from . import faults
from .bank import SETUP_SQL, Bank, closed
from .faults import disturbed
from .migrators import race, undisturbed, write_history
from .promotions import MAIN, Releases, Writers
from .world import World

pytestmark = pytest.mark.torture


def engine_of(url: str) -> AsyncEngine:
    """Return an application's engine."""
    return create_engine(Settings(database_url=SecretStr(url), db_application_name="bank"))


async def test_migrators_race_and_each_revision_is_applied_once(
    world: World, seconds: float
) -> None:
    write_history(world.project)
    expected = await undisturbed(world)
    deadline = time.monotonic() + seconds
    for number in count():
        await race(world, number, expected)
        if time.monotonic() > deadline:
            break


async def test_no_transfer_is_lost_or_done_twice(world: World, seconds: float) -> None:
    for statement in SETUP_SQL:
        await world.execute(statement, MAIN)
    engine = engine_of(world.url(MAIN).render())
    bank = Bank(engine, world.random)
    every = (*faults.OF_SESSIONS * 3, *faults.OF_THE_NETWORK * 3, *faults.OF_THE_SERVER)
    async with disturbed(world, every, pause_seconds=0.3):
        await bank.serve(time.monotonic() + seconds)
    await closed(engine)
    await bank.judge(world, MAIN)


async def test_no_write_is_lost_in_promotions_and_restores(world: World, seconds: float) -> None:
    engine = engine_of(world.server.url(MAIN).render())
    writers = Writers(engine)
    releases = Releases(world, writers)
    releases.write_first()
    assert (await world.run("upgrade")).code == 0
    deadline = time.monotonic() + seconds
    await asyncio.gather(writers.write(deadline), releases.release(deadline))
    await closed(engine)
    await releases.judge()
    await writers.judge(world)
