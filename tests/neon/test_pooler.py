"""The pooled endpoint: what a server connection shared by clients does to them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import asyncpg.connection
import pytest
from alembic_neon import create_engine
from neon.plain import plain_engine
from neon.stand_in import StandIn
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Making = Callable[[StandIn], AsyncEngine]


def plain(neon: StandIn) -> AsyncEngine:
    return plain_engine(neon.url(pooled=True))


def ours(neon: StandIn) -> AsyncEngine:
    return create_engine(neon.settings(pooled=True))


@asynccontextmanager
async def two(make: Making, neon: StandIn) -> AsyncIterator[tuple[AsyncConnection, ...]]:
    """Open connections of two applications."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(2):
            engine = make(neon)
            stack.push_async_callback(engine.dispose)
            opened.append(await stack.enter_async_context(engine.connect()))
        yield tuple(opened)


async def value(connection: AsyncConnection, sql: str) -> object:
    """Run a statement in a transaction of its own."""
    found = await connection.scalar(text(sql))
    await connection.commit()
    return found


async def test_a_setting_of_one_client_is_another_clients(pooled_neon: StandIn) -> None:
    async with two(ours, pooled_neon) as (one, other):
        await one.execute(text("SET lock_timeout = '123ms'"))
        await one.commit()
        assert await value(other, "SHOW lock_timeout") == "123ms"
        await one.execute(text("RESET lock_timeout"))
        await one.commit()


# Of its own accord PgBouncer gives each client its application_name, and a few others.
CHANGED_SQL = """\
SELECT string_agg(name || '=' || setting, ', ') FROM pg_settings
WHERE source = 'session' AND name <> 'application_name'
"""


async def test_ours_leaves_no_setting_behind(pooled_neon: StandIn) -> None:
    async with two(ours, pooled_neon) as (one, other):
        assert await value(one, CHANGED_SQL) is None
        assert await value(other, CHANGED_SQL) is None


async def test_an_advisory_lock_is_granted_twice(pooled_neon: StandIn) -> None:
    async with two(ours, pooled_neon) as (one, other):
        assert await value(one, "SELECT pg_try_advisory_lock(42)")
        assert await value(other, "SELECT pg_try_advisory_lock(42)"), "and nobody is told"
        await value(one, "SELECT pg_advisory_unlock_all()")


async def moved_to_another_server(one: AsyncConnection, other: AsyncConnection) -> object:
    """Repeat a statement of `one` while `other` holds the server connection it ran on."""
    statement = "SELECT 'mine', pg_backend_pid()"
    await value(one, statement)
    await other.execute(text("SELECT 1"))  # a transaction that stays open
    return await value(one, statement)


async def test_a_prepared_statement_is_not_there_on_the_next_server(pooled_neon: StandIn) -> None:
    async with two(plain, pooled_neon) as (one, other):
        with pytest.raises(DBAPIError, match=r"prepared statement .* does not exist"):
            await moved_to_another_server(one, other)
        await one.rollback()
    async with two(ours, pooled_neon) as (one, other):
        assert await moved_to_another_server(one, other) == "mine"


async def restarted(make: Making, neon: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run statements as two processes do: the driver's count of names begins anew in each."""
    for process in range(2):
        monkeypatch.setattr(asyncpg.connection, "_uid", 0)
        engine = make(neon)
        async with engine.connect() as connection:
            await connection.execute(text(f"SELECT {process}, :x ::int"), {"x": 1})
            await connection.commit()
            # Not disposed of: a process that is killed closes nothing.
            await connection.invalidate()
        await engine.dispose()


async def test_a_prepared_statement_of_a_process_before_is_in_the_way(
    pooled_neon: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DBAPIError, match=r"prepared statement .* already exists"):
        await restarted(plain, pooled_neon, monkeypatch)
    await restarted(ours, pooled_neon, monkeypatch)


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "AUTOCOMMIT"])
async def test_many_clients_share_few_servers(pooled_neon: StandIn, isolation: str) -> None:
    async def work(engine: AsyncEngine, number: int) -> int:
        async with engine.connect() as connection:
            for turn in range(5):
                values = {"a": number, "b": turn}
                got = await connection.scalar(text("SELECT :a ::int * 100 + :b ::int"), values)
                assert got == number * 100 + turn
                await connection.commit()
        return 1

    engine = ours(pooled_neon).execution_options(isolation_level=isolation)
    assert await asyncio.gather(*(work(engine, number) for number in range(30))) == [1] * 30
    await engine.dispose()


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "pooled"])
async def test_a_select_of_everything_survives_a_new_column(
    pooled_neon: StandIn, pooled: bool
) -> None:
    engine = create_engine(pooled_neon.settings(pooled=pooled))
    async with engine.connect() as reader, engine.connect() as migration:
        for sql in ("CREATE TABLE notes (id int)", "INSERT INTO notes VALUES (1)"):
            await migration.execute(text(sql))
        await migration.commit()
        assert (await reader.execute(text("SELECT * FROM notes"))).keys() == ["id"]
        await reader.commit()
        await migration.execute(text("ALTER TABLE notes ADD COLUMN body text"))
        await migration.commit()
        if pooled:
            assert (await reader.execute(text("SELECT * FROM notes"))).keys() == ["id", "body"]
        else:
            # The price of the cache on the direct endpoint: the first statement after it fails,
            # and the next one, which run_transaction makes it, does not.
            with pytest.raises(DBAPIError, match="InvalidCachedStatementError"):
                await reader.execute(text("SELECT * FROM notes"))
            await reader.rollback()
            assert (await reader.execute(text("SELECT * FROM notes"))).keys() == ["id", "body"]
    await engine.dispose()
