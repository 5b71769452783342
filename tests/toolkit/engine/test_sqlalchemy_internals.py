"""The parts of SQLAlchemy beyond its documented API are where the toolkit looks for them."""

import inspect
from typing import Any

import pytest
import sqlalchemy
from alembic_neon import create_engine
from alembic_neon.engine import sqlalchemy_internals as internals
from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.pool import CheckedQueuePool, CountedNullPool, CountedPool
from alembic_neon.engine.settings import Settings
from alembic_neon.engine.simple_query import SimpleQueryConnection
from alembic_neon.engine.url import DatabaseURL
from sqlalchemy import AsyncAdaptedQueuePool, Connection, NullPool, Pool, text


def test_they_were_read_in_the_minor_version_that_is_installed() -> None:
    read, installed = (
        version.split(".")[:2] for version in (internals.READ_IN, sqlalchemy.__version__)
    )
    assert read == installed, "read sqlalchemy_internals.py beside its changes, then raise it"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (CountedPool.connect, Pool.connect),
        (CountedPool.recreate, Pool.recreate),
        (CountedPool._do_return_conn, AsyncAdaptedQueuePool._do_return_conn),
        (CountedNullPool._do_return_conn, NullPool._do_return_conn),
        (CheckedQueuePool._do_get, AsyncAdaptedQueuePool._do_get),
    ],
)
def test_what_the_pools_override_takes_the_same_parameters(ours: Any, theirs: Any) -> None:
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)


async def test_sqlalchemy_calls_what_the_pools_override(
    database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def note(pool: type[Any], name: str) -> None:
        original = getattr(pool, name)

        def noted(self: Any, *arguments: Any) -> Any:
            calls.append(name)
            return original(self, *arguments)

        monkeypatch.setattr(pool, name, noted)

    for name in ("_do_get", "_do_return_conn", "recreate"):
        note(CheckedQueuePool, name)
    engine = create_engine(Settings.model_validate({"database_url": database.render()}))
    async with engine.connect():
        assert calls == ["_do_get"]
    assert calls == ["_do_get", "_do_return_conn"]
    await engine.dispose()
    assert calls[-1] == "recreate"


async def test_the_dialect_prepares_as_the_migration_connection_expects(
    database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another keyword would turn the saving of round trips off, and nobody would notice."""
    options = []
    prepare = SimpleQueryConnection.prepare

    async def noted(self: SimpleQueryConnection, query: str, **given: Any) -> Any:
        options.append(given)
        return await prepare(self, query, **given)

    monkeypatch.setattr(SimpleQueryConnection, "prepare", noted)
    engine = create_migration_engine(database)
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE t ()"))
        await connection.rollback()
    await engine.dispose()
    assert options
    assert all(given == {"name": None} for given in options)


async def test_synchronous_code_on_an_event_loop_waits_without_blocking_it(
    database: DatabaseURL,
) -> None:
    async def answer() -> int:
        return 42

    def ask(_: Connection) -> tuple[bool, int]:
        return internals.is_on_event_loop(), internals.wait_for(answer())

    engine = create_migration_engine(database)
    async with engine.connect() as connection:
        assert await connection.run_sync(ask) == (True, 42)
    await engine.dispose()
    assert not internals.is_on_event_loop()


def test_the_dialect_writes_sql_without_a_connection() -> None:
    assert internals.dialect().identifier_preparer.quote("User") == '"User"'
    assert str(text("SELECT :a").compile(dialect=internals.dialect())) == "SELECT $1"
