"""The application's engine and sessions: opened, checked, closed, and rolled back on any error."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from alembic_neon import (
    ToolkitError,
    check_database,
    close_db,
    create_engine,
    get_engine,
    get_session,
    init_db,
    session_scope,
)
from alembic_neon.engine import default_engine, tls
from alembic_neon.engine.default_engine import opened_engine
from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.settings import Settings, load_settings
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConnectionFailedError
from alembic_neon.migration.runner.run import upgrade
from queries import Query
from scratch_project import ScratchProject
from sqlalchemy import Engine, NullPool, Pool, event, text
from sqlalchemy.ext.asyncio import AsyncEngine

COUNT = "SELECT count(*) FROM notes"


@pytest.fixture
async def opened(
    project: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ScratchProject]:
    """A project whose database is at head and whose engine is open."""
    project.revision("a1", up='op.execute("CREATE TABLE notes (t text)")')
    monkeypatch.setenv("DATABASE_URL", database.render())
    await upgrade(database)
    await init_db()
    yield project
    await close_db()


async def test_a_unit_of_work_is_committed_at_its_end(opened: ScratchProject, query: Query) -> None:
    async with session_scope() as session:
        await session.execute(text("INSERT INTO notes VALUES ('a')"))
    assert await query(COUNT) == 1


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
async def test_an_error_rolls_a_unit_of_work_back(
    opened: ScratchProject, query: Query, error: type[BaseException]
) -> None:
    with suppress(error):
        async with session_scope() as session:
            await session.execute(text("INSERT INTO notes VALUES ('a')"))
            raise error
    assert await query(COUNT) == 0


async def test_what_a_request_did_not_commit_is_rolled_back(
    opened: ScratchProject, query: Query
) -> None:
    async for session in get_session():
        await session.execute(text("INSERT INTO notes VALUES ('a')"))
        await session.commit()
        await session.execute(text("INSERT INTO notes VALUES ('b')"))
    assert await query(COUNT) == 1


async def test_a_session_goes_back_to_the_pool(opened: ScratchProject) -> None:
    for _ in range(50):
        async with session_scope() as session:
            await session.execute(text("SELECT 1"))
    assert get_engine().pool.checkedout() == 0  # type: ignore[attr-defined]


async def test_a_database_that_is_not_at_head_does_not_open(
    opened: ScratchProject,
) -> None:
    await close_db()
    opened.revision("b2", "a1")
    with pytest.raises(ToolkitError, match=r"is at a1, the application needs b2\. Run: db upgrade"):
        await init_db()
    assert opened_engine() is None
    await init_db(require_head=False)


async def test_a_session_needs_no_init_db(opened: ScratchProject, query: Query) -> None:
    await close_db()

    async def insert() -> None:
        async with session_scope() as session:
            await session.execute(text("INSERT INTO notes VALUES ('a')"))

    await asyncio.gather(insert(), insert())
    assert await query(COUNT) == 2
    assert opened_engine() is get_engine()


async def test_the_first_use_blocks_no_event_loop(
    opened: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    await close_db()
    makers = []

    def make() -> AsyncEngine:
        makers.append(threading.current_thread())
        return create_engine()

    monkeypatch.setattr(default_engine, "create_engine", make)
    async with session_scope():
        pass
    assert makers
    assert makers[0] is not threading.main_thread()


def test_a_script_may_run_several_event_loops(
    project: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.render())

    async def ask() -> Any:
        async with session_scope() as session:
            return await session.scalar(text("SELECT 1"))

    assert [asyncio.run(ask()) for _ in range(2)] == [1, 1]
    asyncio.run(close_db())


async def test_an_engine_of_the_applications_own_is_checked(
    opened: ScratchProject,
) -> None:
    await close_db()
    engine = create_engine()
    await check_database(engine)
    opened.revision("b2", "a1")
    with pytest.raises(ToolkitError, match=r"is at a1, the application needs b2\. Run: db upgrade"):
        await check_database(engine)
    await check_database(engine, require_head=False)
    assert opened_engine() is None, "nothing but the engine given was used"
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    await engine.dispose()


async def test_a_server_that_is_not_there_does_not_open(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://role:s3cr3t@127.0.0.1:1/db")
    monkeypatch.setenv("DB_CONNECT_TIMEOUT", "0.3")
    with pytest.raises(ConnectionFailedError, match="cannot be reached") as failed:
        await init_db()
    assert "s3cr3t" not in str(failed.value)


async def test_certificates_are_read_once_and_off_the_event_loop(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = []
    make = ssl.create_default_context

    def note(*arguments: Any, **named: Any) -> ssl.SSLContext:
        readers.append(threading.current_thread())
        return make(*arguments, **named)

    monkeypatch.setattr(ssl, "create_default_context", note)
    tls._context.cache_clear()
    monkeypatch.setenv("DATABASE_URL", "postgresql://role@127.0.0.1:1/db?sslmode=verify-full")
    monkeypatch.setenv("DB_CONNECT_TIMEOUT", "0.3")
    for _ in range(2):
        with pytest.raises(ConnectionFailedError):
            await init_db(require_head=False)
    assert len(readers) == 1
    assert readers != [threading.main_thread()]


async def test_closing_twice_is_no_error(opened: ScratchProject) -> None:
    await close_db()
    await close_db()


async def test_the_pool_follows_the_settings(
    project: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.render())
    monkeypatch.setenv("DB_POOL_SIZE", "3")
    assert create_engine().pool.size() == 3  # type: ignore[attr-defined]
    monkeypatch.setenv("DB_POOL_MODE", "serverless")
    assert isinstance(create_engine().pool, NullPool)


async def test_the_server_knows_the_application_by_its_name(
    project: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.render())
    monkeypatch.setenv("DB_APPLICATION_NAME", "the shop")
    engine = create_engine(load_settings())
    async with engine.connect() as connection:
        assert await connection.scalar(text("SHOW application_name")) == "the shop"
    await engine.dispose()


LIBPQ_VARIABLES = {
    "PGHOST": "/nowhere",
    "PGPORT": "1",
    "PGDATABASE": "another",
    "PGUSER": "nobody",
    "PGOPTIONS": "-c no_such=1",
    "PGSSLMODE": "require",
    "PGSSLNEGOTIATION": "direct",
    "PGTARGETSESSIONATTRS": "standby",
    "PGSERVICE": "none",
}


@pytest.mark.parametrize("make", [create_engine, create_migration_engine])
async def test_the_url_alone_says_where_the_database_is(
    project: ScratchProject,
    database: DatabaseURL,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[], AsyncEngine],
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.render())
    for name, value in LIBPQ_VARIABLES.items():
        monkeypatch.setenv(name, value)
    engine = make()
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT current_database()")) == database.database
    await engine.dispose()


async def test_listeners_on_sqlalchemys_classes_do_not_reach_a_migration(
    project: ScratchProject, database: DatabaseURL
) -> None:
    heard: list[str] = []
    own: list[str] = []
    names = {
        Engine: ("before_execute", "before_cursor_execute", "begin", "commit", "engine_connect"),
        Pool: ("connect", "checkout", "close"),
    }
    listeners = [
        (target, name, partial(_note, heard, name)) for target in names for name in names[target]
    ]
    early = create_migration_engine(database)
    for target, name, listener in listeners:
        event.listen(target, name, listener)
    try:
        for engine in (early, create_migration_engine(database)):
            event.listen(engine.sync_engine, "before_cursor_execute", partial(_note, own, "own"))
            async with engine.begin() as connection:
                await connection.execute(text("SELECT 1"))
            await engine.dispose()
        assert heard == []
        assert own == ["own"] * 2
        application = create_engine(Settings.model_validate({"database_url": database}))
        async with application.begin() as connection:
            await connection.execute(text("SELECT 1"))
        await application.dispose()
        assert set(heard) == {name for _, name, _ in listeners}, "the application's own engine"
    finally:
        for target, name, listener in listeners:
            event.remove(target, name, listener)


def _note(heard: list[str], name: str, *_: Any) -> None:
    heard.append(name)
