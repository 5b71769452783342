"""Suspends, restarts and cold starts: what a plain engine makes of them, and what ours does."""

import asyncio
import time
from typing import Any

import asyncpg
import pytest
from alembic_neon import create_engine
from alembic_neon.engine.driver_errors import translate_driver_error
from alembic_neon.errors import ConfigurationError, ConnectionFailedError
from neon.plain import plain_engine
from neon.stand_in import StandIn
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.ext.asyncio import AsyncEngine


async def ask(engine: AsyncEngine, sql: str = "SELECT 1") -> Any:
    async with engine.connect() as connection:
        return await connection.scalar(text(sql))


async def test_an_idle_connection_that_a_suspend_cut(neon: StandIn) -> None:
    plain = plain_engine(neon.url(), pool_pre_ping=False)
    engine = create_engine(neon.settings())
    for each in (plain, engine):
        await ask(each)
    neon.edge.suspend()
    await asyncio.sleep(0.2)  # the drivers take note
    with pytest.raises(InterfaceError, match="connection is closed") as failed:
        await ask(plain)
    assert failed.value.connection_invalidated
    assert await ask(engine) == 1
    for each in (plain, engine):
        await each.dispose()


@pytest.mark.parametrize("fault", ["suspend", "restart", "kill_connections"])
@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "pooled"])
async def test_a_query_that_is_cut_fails_and_the_next_one_does_not(
    pooled_neon: StandIn, pooled: bool, fault: str
) -> None:
    engine = create_engine(pooled_neon.settings(pooled=pooled))
    sleeping = asyncio.create_task(ask(engine, "SELECT pg_sleep(30)"))
    await asyncio.sleep(0.2)
    getattr(pooled_neon.edge, fault)()
    with pytest.raises((DBAPIError, OSError)) as failed:
        await sleeping
    assert not isinstance(failed.value, DBAPIError) or failed.value.connection_invalidated
    assert await ask(engine) == 1
    await engine.dispose()


async def test_a_refused_connection_is_not_wrapped_and_ours_waits_for_the_port(
    neon: StandIn,
) -> None:
    plain, engine = plain_engine(neon.url()), create_engine(neon.settings(db_connect_timeout=20))
    neon.edge.refuse()
    with pytest.raises(ConnectionRefusedError) as failed:
        await ask(plain)
    assert isinstance(translate_driver_error(failed.value, plain.url), ConnectionFailedError)
    opening = asyncio.get_running_loop().call_later(0.3, neon.edge.accept)
    assert await ask(engine) == 1
    opening.cancel()
    for each in (plain, engine):
        await each.dispose()


async def test_a_port_that_stays_closed_is_an_error_within_the_timeout(neon: StandIn) -> None:
    engine = create_engine(neon.settings(db_connect_timeout=0.5))
    neon.edge.refuse()
    started = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        await ask(engine)
    assert time.monotonic() - started < 5
    await engine.dispose()


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "pooled"])
async def test_a_cold_start_is_waited_for(pooled_neon: StandIn, pooled: bool) -> None:
    pooled_neon.edge.compute.wake_seconds = 0.5
    pooled_neon.edge.suspend()
    engine = create_engine(pooled_neon.settings(pooled=pooled, db_connect_timeout=20))
    started = time.monotonic()
    assert await ask(engine) == 1
    assert time.monotonic() - started >= 0.5
    assert pooled_neon.edge.compute.wakes == 1
    await engine.dispose()


async def test_a_cold_start_that_is_too_long_fails_within_the_timeout(neon: StandIn) -> None:
    neon.edge.compute.wake_seconds = 3
    neon.edge.suspend()
    engine = create_engine(neon.settings(db_connect_timeout=0.5))
    started = time.monotonic()
    with pytest.raises((TimeoutError, DBAPIError, ConnectionFailedError)):
        await ask(engine)
    assert 0.4 < time.monotonic() - started < 2.9
    await engine.dispose()


@pytest.mark.parametrize("how", ["compute", "control plane", "permit", "starting"])
async def test_what_the_proxy_says_of_a_cold_start_fails_a_plain_engine_and_not_ours(
    neon: StandIn, how: Any
) -> None:
    plain, engine = plain_engine(neon.url()), create_engine(neon.settings())
    neon.edge.suspend()
    neon.edge.fail_while_waking(2, how)
    with pytest.raises(DBAPIError, match="InternalServerError"):
        await ask(plain)
    assert await ask(engine) == 1
    for each in (plain, engine):
        await each.dispose()


@pytest.mark.parametrize("changed", [{"password": "wrong"}, {"database": "nowhere"}])
async def test_what_is_wrong_is_tried_once(neon: StandIn, changed: dict[str, Any]) -> None:
    engine = create_engine(neon.settings(url=neon.url(**changed)))
    with pytest.raises((DBAPIError, ConfigurationError)) as failed:
        await ask(engine)
    assert neon.edge.figures.requests == 1
    assert not isinstance(failed.value.__cause__, asyncpg.InvalidPasswordError)
    await engine.dispose()
