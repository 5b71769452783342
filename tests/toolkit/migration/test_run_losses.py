"""Runs that lose a connection, a disk or their permission to write: what is true afterwards."""

import asyncio
from pathlib import Path

import pytest
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConnectionFailedError, MigrationError
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.verification.catalog import take_snapshot
from forked_runs import join, start_upgrade
from queries import Query, first_column, session, until_locked
from scratch_project import INDEX, ScratchProject

VERSION = "SELECT version_num FROM alembic_version"
LOCKS = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND database"
    " = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid {} (SELECT pid"
    " FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND pid <> pg_backend_pid())"
)
# The connection is cut a moment after COMMIT was sent, which the trigger holds up.
CUT_AT_COMMIT = """
from sqlalchemy import event
driver = op.get_bind().connection.driver_connection
event.listen(
    op.get_bind(), "commit",
    lambda _: driver._loop.call_later(0.1, driver._transport.abort), once=True,
)
op.execute("CREATE TABLE b (n int)")
op.execute(
    "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {what}; RETURN NULL; END'"
)
op.execute(
    "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON b DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION late()"
)
op.execute("INSERT INTO b VALUES (1)")
"""


async def until(url: DatabaseURL, statement: str) -> None:
    """Wait until a statement returns something that is true."""
    async with asyncio.timeout(60):
        while not (await first_column(url, statement))[0]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@pytest.fixture
def first(project: ScratchProject) -> ScratchProject:
    """A project with a first revision."""
    project.revision("a1", up='op.execute("CREATE TABLE a (n int)")')
    return project


async def test_a_connection_cut_inside_a_revision_takes_it_back_whole_and_says_where_it_stands(
    first: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    first.revision(
        "b2", "a1", up='op.execute("CREATE TABLE b (n int)")\nop.execute("SELECT pg_sleep(60)")'
    )
    run = asyncio.create_task(upgrade(database))
    await until(database, LOCKS.format("="))
    with pytest.raises(ConnectionFailedError, match="lost in b2; the database is at a1"):
        await run
    assert await query("SELECT to_regclass('b')::text") is None
    assert await query(VERSION) == "a1"


async def test_a_lock_connection_cut_inside_a_revision_stops_the_run_after_it(
    first: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    first.revision("b2", "a1", up='op.execute("SELECT pg_sleep(2)")')
    first.revision("c3", "b2", up='op.execute("CREATE TABLE never (n int)")')
    run = asyncio.create_task(upgrade(database))
    await until(database, LOCKS.format("<>").replace("pg_sleep(60)", "pg_sleep(2)"))
    with pytest.raises(MigrationError, match="holds the migration lock was lost"):
        await run
    assert await query(VERSION) == "b2"
    assert await query("SELECT to_regclass('never')::text") is None
    assert [step.revision for step in await upgrade(database)] == ["c3"]


async def test_a_lock_connection_cut_inside_the_last_revision_leaves_it_applied(
    first: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    first.revision("b2", "a1", up='op.execute("SELECT pg_sleep(2)")')
    run = asyncio.create_task(upgrade(database))
    await until(database, LOCKS.format("<>").replace("pg_sleep(60)", "pg_sleep(2)"))
    assert [step.revision for step in await run] == ["a1", "b2"]
    assert await query(VERSION) == "b2"


@pytest.mark.parametrize(
    ("what", "stands_at"),
    [
        ("PERFORM pg_sleep(0.4)", "b2"),
        ("PERFORM pg_sleep(0.4); RAISE EXCEPTION ''no''", "a1"),
    ],
    ids=["the commit came through", "the commit failed"],
)
async def test_after_a_connection_cut_at_commit_it_is_told_what_became_of_it(
    first: ScratchProject, database: DatabaseURL, query: Query, what: str, stands_at: str
) -> None:
    first.revision("b2", "a1", up=CUT_AT_COMMIT.format(what=what))
    with pytest.raises(ConnectionFailedError, match=f"in b2; the database is at {stands_at}"):
        await upgrade(database)
    assert await query(VERSION) == stands_at
    assert await query("SELECT to_regclass('b')::text") == ("b" if stands_at == "b2" else None)


async def test_nobody_starts_while_the_server_still_works_for_a_killed_migrator(
    first: ScratchProject, database: DatabaseURL, tmp_path: Path, query: Query
) -> None:
    # The server is kept from noticing that its client is gone, as in a long uninterrupted piece of
    # work; what else is at work is looked at from inside the next run.
    busy = "SELECT count(*) FROM generate_series(1, 20000000)"
    others = (
        "INSERT INTO a SELECT count(*) FROM pg_stat_activity"  # noqa: S608
        f" WHERE query = '{busy}' AND state = 'active' AND pid <> pg_backend_pid()"
    )
    unaware = "SET client_connection_check_interval = 0"
    statements = (others, unaware, busy)
    first.revision("b2", "a1", up="\n".join(f'op.execute("{each}")' for each in statements))
    process = start_upgrade(database.render(), first.folder, tmp_path / "log")
    await until(database, f"SELECT count(*) FROM pg_stat_activity WHERE query = '{busy}'")  # noqa: S608
    process.kill()
    process.join()
    assert [step.revision for step in await upgrade(database)] == ["b2"]
    assert await first_column(database, "SELECT n FROM a") == [0]


async def test_a_read_only_database_is_told_and_left_as_it_was(
    first: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    await query(f"ALTER DATABASE {database.database} SET default_transaction_read_only = on")
    before = await take_snapshot(database)
    with pytest.raises(MigrationError, match="the database is read-only"):
        await upgrade(database)
    assert before.difference(await take_snapshot(database)) == []


async def test_a_unique_build_that_failed_is_built_anew_when_the_rows_are_mended(
    first: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    await upgrade(database)
    await query("INSERT INTO a VALUES (1), (1)")
    build = INDEX.replace(
        "CREATE INDEX CONCURRENTLY i ON t (v)",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON a (n)",
    )
    first.revision("b2", "a1", up=build)
    with pytest.raises(MigrationError, match="could not create unique index"):
        await upgrade(database)
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"
    assert await query(valid) is False
    assert await query(VERSION) == "a1"
    await query("DELETE FROM a")
    await upgrade(database)
    assert await query(valid) is True


async def test_a_migrator_killed_during_a_concurrent_build_leaves_it_to_the_next_one(
    first: ScratchProject, database: DatabaseURL, tmp_path: Path, query: Query
) -> None:
    await upgrade(database)
    first.revision("b2", "a1", up=INDEX.replace("t (v)", "a (n)"))
    async with session(database, "INSERT INTO a VALUES (0)"):
        process = start_upgrade(database.render(), first.folder, tmp_path / "log")
        await until(
            database,
            "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = "
            "i.indexrelid WHERE c.relname = 'i'",
        )
        process.kill()
        process.join()
        await until_locked(database, is_locked=False)
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"
    assert await query(valid) is False
    assert join([start_upgrade(database.render(), first.folder, tmp_path / "log")]) == [0]
    assert await query(valid) is True
    assert await query(VERSION) == "b2"
