"""The safe run: one migrator at a time, short waits for locks, whole retries, truth at the end."""

import asyncio
from functools import partial
from pathlib import Path

import pytest
from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import MigrationError, ToolkitError
from alembic_neon.migration.runner import execution
from alembic_neon.migration.runner.advisory_lock import migration_lock
from alembic_neon.migration.runner.progress import Progress
from alembic_neon.migration.runner.run import downgrade, upgrade
from alembic_neon.migration.runner.timeouts import Limits
from alembic_neon.verification.catalog import take_snapshot
from forked_runs import join, start_upgrade
from queries import Query, first_column, session, until_locked
from scratch_project import INDEX, ScratchProject
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

DROP_INDEX = (
    'with op.get_context().autocommit_block():\n    op.execute("DROP INDEX CONCURRENTLY i")'
)


class Told(Progress):
    """Keeps the news."""

    def __init__(self) -> None:
        self.waited: list[str] = []

    def on_wait(self, reason: str) -> None:
        self.waited.append(reason)

    async def until(self, part: str) -> None:
        """Wait for news that hold `part`."""
        while not any(part in line for line in self.waited):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.fixture
async def table(database: DatabaseURL) -> DatabaseURL:
    """The database, with a table of a thousand rows."""
    await first_column(
        database,
        "CREATE TABLE t (id int PRIMARY KEY, v int)",
        "INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g",
    )
    return database


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up sooner than people should."""
    monkeypatch.setattr("alembic_neon.migration.runner.timeouts.DEFAULT_LIMITS", Limits(0.5, 60))
    monkeypatch.setattr(execution, "ATTEMPTS", 3)
    monkeypatch.setattr(execution, "FIRST_PAUSE_SECONDS", 0.1)


async def test_at_head_one_query_is_run_and_no_lock_is_taken(
    project: ScratchProject, database: DatabaseURL, engine: AsyncEngine
) -> None:
    from alembic import command

    project.revision("a1")
    await upgrade(database)
    seen: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    config = project.config
    async with engine.connect() as connection:

        def run(given: object) -> None:
            config.attributes["connection"] = given
            command.upgrade(config, "head")

        await connection.run_sync(run)
    assert seen == ['SELECT version_num FROM "alembic_version"']


@pytest.mark.parametrize(
    "setting", ["", 'version_table = "versions"\nversion_table_schema = "ops"\n']
)
async def test_at_head_the_environment_and_its_models_are_not_loaded(
    project: ScratchProject, database: DatabaseURL, setting: str
) -> None:
    settings = project.folder / "pyproject.toml"
    settings.write_text(settings.read_text().replace("[tool.db]\n", f"[tool.db]\n{setting}"))
    project.revision("a1")
    assert [step.revision for step in await upgrade(database)] == ["a1"]
    (project.folder / "migrations/env.py").write_text("raise AssertionError('it is loaded')\n")
    assert await upgrade(database) == []


async def test_a_second_migrator_waits_and_is_told_for_whom(
    project: ScratchProject, database: DatabaseURL, tmp_path: Path
) -> None:
    project.revision("a1", up='op.execute("SELECT pg_sleep(1)")')
    told = Told()
    first = start_upgrade(database.render(), project.folder, tmp_path / "log")
    await until_locked(database)
    assert await upgrade(database, progress=told) == []
    assert join([first]) == [0], (tmp_path / "log").read_text()
    assert "waiting for another migration: pid " in told.waited[0]
    assert "scratch" in told.waited[0]
    assert "since 20" in told.waited[0]


async def test_a_migrator_that_waited_long_enough_gives_up(
    project: ScratchProject,
    database: DatabaseURL,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project.revision("a1", up='op.execute("SELECT pg_sleep(2)")')
    first = start_upgrade(database.render(), project.folder, tmp_path / "log")
    await until_locked(database)
    monkeypatch.setattr(execution, "migration_lock", partial(migration_lock, wait_seconds=0.2))
    with pytest.raises(ToolkitError, match=r"Another migration has been running for .*pid"):
        await upgrade(database)
    assert join([first]) == [0]


async def test_the_lock_of_a_killed_migrator_is_free_at_once(
    project: ScratchProject, database: DatabaseURL, tmp_path: Path, query: Query
) -> None:
    project.revision("a1", up='op.execute("SELECT pg_sleep(30)")')
    first = start_upgrade(database.render(), project.folder, tmp_path / "log")
    await until_locked(database)
    first.kill()
    first.join()
    await until_locked(database, is_locked=False)
    running = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()"
    )
    async with asyncio.timeout(10):
        while await query(running):  # noqa: ASYNC110 - PostgreSQL tells nobody
            await asyncio.sleep(0.1)


async def test_a_run_whose_lock_was_lost_stops_before_the_next_revision(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    kill = (
        'op.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks '
        "WHERE locktype = 'advisory' AND pid <> pg_backend_pid()\")\n"
        'op.execute("SELECT pg_sleep(0.3)")'
    )
    project.revision("a1", up=kill)
    project.revision("b2", "a1", up='op.execute("CREATE TABLE never ()")')
    with pytest.raises(MigrationError, match="holds the migration lock was lost"):
        await upgrade(database)
    assert await query("SELECT to_regclass('never')::text") is None
    assert await query("SELECT version_num FROM alembic_version") == "a1"


async def test_a_lock_that_is_released_in_mid_wait_is_waited_for(
    project: ScratchProject, table: DatabaseURL, quick: None
) -> None:
    project.revision("a1", up='op.execute("ALTER TABLE t ADD n int")')
    told = Told()
    async with session(table, "SELECT count(*) FROM t"):
        run = asyncio.create_task(upgrade(table, progress=told))
        async with asyncio.timeout(30):
            await told.until("rolled back; attempt 2 of 3")
    assert [step.revision for step in await run] == ["a1"]
    waited = "\n".join(told.waited)
    assert "waiting for pid" in waited
    assert "idle in transaction" in waited
    assert "AccessShareLock" in waited
    assert "SELECT count(*) FROM t" in waited


async def test_a_table_that_stays_locked_ends_the_run_and_leaves_nothing(
    project: ScratchProject, table: DatabaseURL, query: Query, quick: None
) -> None:
    project.revision("a1", up='op.execute("CREATE TABLE kept ()")')
    project.revision(
        "b2", "a1", up='op.execute("CREATE TABLE half ()")\nop.execute("ALTER TABLE t ADD n int")'
    )
    async with session(table, "LOCK TABLE t IN SHARE MODE"):
        with pytest.raises(MigrationError) as failed:
            await upgrade(table)
    assert "b2 waited for a lock 3 times" in str(failed.value)
    assert "LOCK TABLE t IN SHARE MODE" in str(failed.value)
    assert await query("SELECT to_regclass('half')::text") is None
    assert await query("SELECT to_regclass('kept')::text") == "kept"
    assert await query("SELECT version_num FROM alembic_version") == "a1"


async def test_readers_do_not_queue_behind_a_waiting_migration_for_long(
    project: ScratchProject, table: DatabaseURL, query: Query, quick: None
) -> None:
    project.revision("a1", up='op.execute("ALTER TABLE t ADD n int")')
    loop = asyncio.get_running_loop()
    async with session(table, "SELECT count(*) FROM t"):
        run = asyncio.create_task(upgrade(table))
        longest = 0.0
        for _ in range(20):
            started = loop.time()
            await query("SELECT v FROM t WHERE id = 1")
            longest = max(longest, loop.time() - started)
            await asyncio.sleep(0.05)
        with pytest.raises(MigrationError):
            await run
    assert 0.05 < longest < 5


async def test_limits_fit_the_statement_and_survive_an_autocommit_block(
    project: ScratchProject, table: DatabaseURL, query: Query
) -> None:
    note = (
        "op.execute(\"INSERT INTO noted SELECT current_setting('lock_timeout'), "
        "current_setting('statement_timeout')\")"
    )
    await query("CREATE TABLE noted (lock text, statement text)")
    project.revision(
        "a1",
        up=f"{note}\n{INDEX}\n    {note}\n{note}",
        extra='mixed = "to look at the limits"',
    )
    await upgrade(table)
    assert (
        await first_column(table, "SELECT lock || ' ' || statement FROM noted") == ["3s 30min"] * 3
    )


async def test_a_concurrent_build_waits_for_old_transactions_as_long_as_they_last(
    project: ScratchProject, table: DatabaseURL, query: Query, quick: None
) -> None:
    project.revision("a1", up=INDEX, undo=DROP_INDEX)
    async with session(table, "SELECT count(*) FROM t"):
        run = asyncio.create_task(upgrade(table))
        await asyncio.sleep(1.5)  # three times the patience of other statements
        assert not run.done()
    assert [step.revision for step in await run] == ["a1"]
    assert await query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass")


async def test_an_interrupted_build_is_found_dropped_and_built_anew(
    project: ScratchProject, table: DatabaseURL, query: Query
) -> None:
    project.revision("a1", up=INDEX, undo=DROP_INDEX)
    await leave_invalid(table, "CREATE INDEX CONCURRENTLY i ON t (v)")
    assert await upgrade(table)
    assert await query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass")
    assert await downgrade(table, "base")


async def test_an_invalid_index_of_another_definition_is_left_alone(
    project: ScratchProject, table: DatabaseURL, query: Query
) -> None:
    project.revision("a1", up=INDEX.replace("CONCURRENTLY i", "CONCURRENTLY IF NOT EXISTS i"))
    await leave_invalid(table, "CREATE INDEX CONCURRENTLY i ON t (id, v)")
    with pytest.raises(MigrationError, match=r"another one: CREATE INDEX i .* \(id, v\)"):
        await upgrade(table)
    assert await query("SELECT count(*) FROM pg_index WHERE indexrelid = 'i'::regclass") == 1


async def test_what_was_built_or_dropped_before_a_kill_is_taken_as_done(
    project: ScratchProject, table: DatabaseURL, query: Query
) -> None:
    project.revision("a1", up=INDEX, undo=DROP_INDEX)
    await query("CREATE INDEX i ON t (v)")
    assert await upgrade(table)
    await query("DROP INDEX i")
    assert await downgrade(table, "base")


async def test_an_index_name_that_postgresql_cuts_is_found_again(
    project: ScratchProject, table: DatabaseURL, query: Query
) -> None:
    name = "i" * 70
    project.revision("a1", up=INDEX.replace("CONCURRENTLY i", f"CONCURRENTLY {name}"))
    assert await upgrade(table)
    await query("DELETE FROM alembic_version")
    assert await upgrade(table)
    assert await query(f"SELECT to_regclass('{name[:63]}')::text") == name[:63]


async def leave_invalid(url: DatabaseURL, statement: str) -> None:
    """Interrupt a concurrent build, which leaves an invalid index."""
    async with session(url, "INSERT INTO t VALUES (0, 0)"):
        engine = create_migration_engine(url)
        async with engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            await connection.exec_driver_sql("SET statement_timeout = '300ms'")
            with pytest.raises(Exception, match="statement timeout"):
                await connection.exec_driver_sql(statement)
        await engine.dispose()
    invalid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"
    assert await first_column(url, invalid) == [False]


@pytest.mark.parametrize("extra", ["", 'mixed = "both at once"'])
async def test_a_mixed_revision_is_refused_unless_it_says_why(
    project: ScratchProject, table: DatabaseURL, extra: str
) -> None:
    project.revision("a1", up=f'op.execute("CREATE TABLE x ()")\n{INDEX}', extra=extra)
    before = await take_snapshot(table)
    if extra:
        assert await upgrade(table)
    else:
        with pytest.raises(MigrationError, match="2 things, and 1 of them outside"):
            await upgrade(table)
        assert before.difference(await take_snapshot(table)) == []


async def test_a_failure_after_a_commit_inside_is_told_as_it_is(
    project: ScratchProject, table: DatabaseURL
) -> None:
    project.revision(
        "a1", up=f'{INDEX}\nop.execute("SELECT 1/0")', extra='mixed = "to see it fail"'
    )
    with pytest.raises(MigrationError, match="outside its transaction is committed") as failed:
        await upgrade(table)
    assert "rolled back" not in str(failed.value)


async def test_a_run_that_is_rolled_back_behind_its_back_is_an_error(
    project: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What Alembic does where env.py runs SQL first: it takes the transaction for the caller's.
    project.revision("a1", up='op.execute("CREATE TABLE x ()")')
    environment = project.folder / "migrations/env.py"
    environment.write_text(
        environment.read_text().replace(
            "run_migrations(",
            "from alembic.runtime.migration import MigrationContext\n"
            "from contextlib import nullcontext\n"
            "MigrationContext.begin_transaction = lambda *_, **__: nullcontext()\n"
            "run_migrations(",
            1,
        )
    )
    from alembic.runtime.migration import MigrationContext

    monkeypatch.setattr(MigrationContext, "begin_transaction", MigrationContext.begin_transaction)
    with pytest.raises(MigrationError, match="ended at a1, but the database is at no revision"):
        await upgrade(database)


async def test_an_old_transaction_is_told_before_the_first_statement(
    project: ScratchProject, table: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alembic_neon.migration.runner.blockers.LONG_TRANSACTION_SECONDS", 0)
    project.revision("a1")
    told = Told()
    async with session(table, "SELECT 'an old one'"):
        await asyncio.sleep(0.05)
        await upgrade(table, progress=told)
    assert "an old transaction may stand in the way: pid" in told.waited[0]
    assert "an old one" in told.waited[0]


async def test_the_last_commit_waits_for_the_disk(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    note = "op.execute(\"INSERT INTO noted SELECT current_setting('synchronous_commit')\")"
    await query("CREATE TABLE noted (n text)")
    for down, name in ((None, "a1"), ("a1", "b2"), ("b2", "c3")):
        project.revision(name, down, up=note)
    await upgrade(database)
    assert await first_column(database, "SELECT n FROM noted") == ["off", "off", "on"]
