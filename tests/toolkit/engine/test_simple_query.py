"""The migration engine's statements: which are not prepared, and what they return."""

import socket
from collections.abc import AsyncIterator

import pytest
from alembic_neon.engine.driver_errors import sqlstate
from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.url import DatabaseURL
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection


@pytest.fixture
async def connection(database: DatabaseURL) -> AsyncIterator[AsyncConnection]:
    """A connection of the migration engine's, on which there is a table of three rows."""
    engine = create_migration_engine(database)
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE notes (id int, words text)"))
        await connection.execute(
            text("INSERT INTO notes SELECT n, 'a' FROM generate_series(1,3) n")
        )
        await connection.commit()
        yield connection
    await engine.dispose()


async def is_prepared(connection: AsyncConnection, sql: str) -> bool:
    """Tell whether the session has prepared a statement that begins as this one does."""
    found = await connection.scalar(
        text("SELECT count(*) FROM pg_prepared_statements WHERE starts_with(statement, :start)"),
        {"start": sql[:15]},
    )
    return bool(found)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE other (id int)",
        "\n  alter table notes ADD COLUMN more text;\n",
        "COMMENT ON TABLE notes IS 'what is noted'",
        "DROP TABLE notes",
        "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2'",
    ],
)
async def test_ddl_is_not_prepared(connection: AsyncConnection, sql: str) -> None:
    await connection.execute(text(sql))
    assert not await is_prepared(connection, sql)


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("UPDATE notes SET words = 'b' WHERE id > 1", 2),
        ("DELETE FROM notes", 3),
        ("INSERT INTO notes VALUES (4, 'd')", 1),
        ("INSERT INTO notes SELECT 5, 'e' WHERE false", 0),
    ],
)
async def test_rows_that_were_written_are_counted(
    connection: AsyncConnection, sql: str, count: int
) -> None:
    result = await connection.execute(text(sql))
    assert result.rowcount == count
    assert not result.returns_rows
    assert not await is_prepared(connection, sql)


@pytest.mark.parametrize(
    ("sql", "parameters", "first"),
    [
        ("UPDATE notes SET words = 'b' WHERE id = 1 Returning words", {}, "b"),
        ("UPDATE notes SET words = :words WHERE id = 1", {"words": "b"}, None),
        ("SELECT words FROM notes WHERE id = 2", {}, "a"),
    ],
)
async def test_what_returns_rows_or_has_parameters_is_prepared(
    connection: AsyncConnection, sql: str, parameters: dict[str, str], first: str | None
) -> None:
    result = await connection.execute(text(sql), parameters)
    assert (result.scalars().first() if result.returns_rows else None) == first
    assert await is_prepared(connection, sql)


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("CREATE TABLE a (); UPDATE notes SET words = 'b; c' WHERE id > 1", 2),
        ("SELECT 1; -- and then;\nDELETE FROM notes;", 3),
        ("DO $a$ BEGIN PERFORM 1; END $a$; UPDATE notes SET words = ';' WHERE id = 1", 1),
    ],
)
async def test_several_statements_in_one_text_run_and_the_last_one_counts(
    connection: AsyncConnection, sql: str, count: int
) -> None:
    assert (await connection.execute(text(sql))).rowcount == count


async def test_a_single_statement_that_holds_semicolons_returns_its_rows(
    connection: AsyncConnection,
) -> None:
    assert await connection.scalar(text("SELECT $$a;b$$ || 'c;' /* ; */ -- ;")) == "a;bc;"


@pytest.mark.parametrize("sql", ["UPDATE notes SET words = %s", "DELETE FROM notes"])
async def test_parameters_without_a_place_are_refused_as_ever(
    connection: AsyncConnection, sql: str
) -> None:
    with pytest.raises(DBAPIError):
        await connection.exec_driver_sql(sql, ("x",))


async def test_the_drivers_own_prepared_statements_are_asyncpgs(
    connection: AsyncConnection,
) -> None:
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    statement = await driver.prepare("UPDATE notes SET words = 'b'")
    assert statement.get_query() == "UPDATE notes SET words = 'b'"


async def test_a_failure_is_sqlalchemys_and_takes_the_transaction(
    connection: AsyncConnection,
) -> None:
    await connection.execute(text("CREATE TABLE other (id int)"))
    with pytest.raises(DBAPIError) as failure:
        await connection.execute(text("ALTER TABLE nowhere ADD COLUMN more text"))
    assert sqlstate(failure.value) == "42P01"
    await connection.rollback()
    assert await connection.scalar(text("SELECT to_regclass('other')")) is None


async def test_the_same_statement_runs_as_often_as_it_is_asked(connection: AsyncConnection) -> None:
    sql = text("INSERT INTO notes VALUES (4, 'd')")
    for _ in range(3):
        await connection.execute(sql)
    assert await connection.scalar(text("SELECT count(*) FROM notes")) == 6


async def test_a_broken_socket_is_closed_without_a_word(
    database: DatabaseURL, caplog: pytest.LogCaptureFixture
) -> None:
    engine = create_migration_engine(database)
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        driver._transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
    await engine.dispose()
    assert "Traceback" not in caplog.text
