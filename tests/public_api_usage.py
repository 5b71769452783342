"""Uses every public name as an application does. Nothing runs it: mypy checks its types."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, assert_type

from alembic_neon import (
    NAMING_CONVENTION,
    CommitOutcomeUnknownError,
    ConfigurationError,
    ConnectionFailedError,
    Health,
    PoolStats,
    Settings,
    ToolkitError,
    check_database,
    check_health,
    close_db,
    create_engine,
    get_engine,
    get_session,
    init_db,
    load_settings,
    pool_stats,
    run_transaction,
    session_scope,
)
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

metadata = MetaData(naming_convention=NAMING_CONVENTION)


@cache
def engine() -> AsyncEngine:
    """A `database.py` of the application's own."""
    return create_engine()


async def session() -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine(), expire_on_commit=False) as opened:
        yield opened


@asynccontextmanager
async def lifespan(_: object) -> AsyncIterator[None]:
    await check_database(engine())
    yield
    await engine().dispose()


async def health() -> dict[str, Any]:
    answer = await check_health(engine(), timeout_seconds=1, max_age_seconds=10)
    assert_type(answer, Health)
    assert_type(answer.ok, bool)
    stats = pool_stats(engine())
    assert_type(stats, PoolStats)
    return {"latency_ms": answer.latency_ms, "stage": answer.stage, "in_use": stats.checked_out}


async def count(session: AsyncSession) -> int:
    return int(await session.scalar(text("SELECT count(*) FROM tasks")) or 0)


async def work() -> int:
    try:
        total = await run_transaction(count, idempotent=True, engine=engine())
        assert_type(total, int)
        return total + await run_transaction(count, isolation_level="SERIALIZABLE")
    except CommitOutcomeUnknownError:
        return -1
    except (ConfigurationError, ConnectionFailedError) as error:
        raise SystemExit(error.exit_code) from None


async def script() -> None:
    """What projects of earlier versions import, and what needs no engine of its own."""
    settings = load_settings()
    assert_type(settings, Settings)
    try:
        await init_db(settings, require_head=False)
    except ToolkitError as error:
        print(error.message, error.hint)
    async with session_scope() as opened:
        assert_type(opened, AsyncSession)
    async for each in get_session():
        assert_type(each, AsyncSession)
    assert_type(get_engine(), AsyncEngine)
    assert_type(await check_health(), Health)
    await close_db()
