"""Health: in time, by stage, and without keeping a compute awake."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from alembic_neon import (
    check_database,
    check_health,
    close_db,
    create_engine,
    get_engine,
    init_db,
    session_scope,
)
from alembic_neon.engine import health
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.migration.runner.run import upgrade
from queries import Query
from scratch_project import ScratchProject
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine


@pytest.fixture
async def statements(
    project: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[str]]:
    """What the open application sends to its database."""
    project.revision("a1")
    monkeypatch.setenv("DATABASE_URL", database.render())
    await upgrade(database)
    await init_db()
    sent: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    event.listen(get_engine().sync_engine, "before_cursor_execute", note)
    yield sent
    await close_db()


async def test_while_the_application_is_silent_nothing_is_asked(
    statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_FRESH_SECONDS", 0.0)
    ages = []
    for _ in range(20):
        answer = await check_health()
        assert (answer.ok, answer.stage) == (True, "ready")
        ages.append(answer.age_seconds)
    assert statements == []
    assert ages == sorted(ages)


async def test_a_statement_that_is_lost_is_looked_into_at_once(
    statements: list[str], query: Query
) -> None:
    async with get_engine().connect() as connection:
        process = await connection.scalar(text("SELECT pg_backend_pid()"))
        await query(f"SELECT pg_terminate_backend({process})")
        with pytest.raises(DBAPIError):
            await connection.execute(text("SELECT 2"))
    statements.clear()
    answer = await check_health()
    assert (answer.ok, answer.age_seconds) == (True, 0.0)
    assert "SELECT 1" in statements
    statements.clear()
    assert (await check_health()).ok
    assert statements == [], "it is known again"


async def test_a_database_that_is_gone_turns_unhealthy_once_traffic_fails(
    statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    await get_engine().dispose()
    monkeypatch.setattr("asyncpg.connect", refuse)
    assert (await check_health()).ok, "nobody has asked since"
    with pytest.raises(PermissionError):
        await get_engine().connect()
    answer = await check_health()
    assert (answer.ok, answer.stage, answer.age_seconds) == (False, "connect", 0.0)
    monkeypatch.undo()
    assert not (await check_health()).ok, "a failure stands for a moment"
    async with session_scope() as session:
        await session.execute(text("SELECT 1"))
    assert (await check_health()).ok, "the application's own success counts"


async def test_health_names_the_stage_that_failed(statements: list[str], query: Query) -> None:
    healthy = await check_health(max_age_seconds=0)
    assert (healthy.ok, healthy.stage, healthy.age_seconds) == (True, "ready", 0.0)
    assert 0 < healthy.latency_ms < 60_000
    await query("UPDATE alembic_version SET version_num = 'older'")
    assert (await check_health(max_age_seconds=0)).stage == "revision"
    async with session_scope() as session:
        await session.execute(text("SELECT 1"))
    assert (await check_health()).stage == "revision", "a statement says nothing of the revision"
    await close_db()
    closed = await check_health()
    assert (closed.ok, closed.stage) == (False, "not_open")


async def test_a_cancelled_request_is_no_lost_statement(statements: list[str]) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5), session_scope() as session:
            await session.execute(text("SELECT pg_sleep(30)"))
    statements.clear()
    assert (await check_health()).ok
    assert statements == []


async def test_of_many_checks_at_once_one_asks(statements: list[str]) -> None:
    answers = await asyncio.gather(*(check_health(max_age_seconds=0) for _ in range(20)))
    assert all(answer.ok for answer in answers)
    assert statements.count("SELECT 1") == 1


async def test_health_answers_in_time(statements: list[str]) -> None:
    async with get_engine().connect() as connection:
        await connection.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        stuck = await check_health(timeout_seconds=0.3, max_age_seconds=0)
    assert (stuck.ok, stuck.stage) == (False, "revision")
    assert 250 < stuck.latency_ms < 5000


async def test_an_engine_of_the_applications_own_has_a_health_of_its_own(
    statements: list[str], query: Query
) -> None:
    engine = create_engine()
    assert (await check_health(engine)).ok, "what nobody checked yet is asked"
    await query("UPDATE alembic_version SET version_num = 'older'")
    assert (await check_health(engine, max_age_seconds=0)).ok, "no revision was required of it"
    assert (await check_health(max_age_seconds=0)).stage == "revision"
    await query("UPDATE alembic_version SET version_num = 'a1'")
    await check_database(engine)
    await query("UPDATE alembic_version SET version_num = 'older'")
    assert (await check_health(engine, max_age_seconds=0)).stage == "revision"
    await engine.dispose()


async def test_the_health_of_an_engine_made_elsewhere_is_not_known(
    statements: list[str], database: DatabaseURL
) -> None:
    with pytest.raises(TypeError, match="create_engine"):
        await check_health(create_async_engine(database.sqlalchemy))
