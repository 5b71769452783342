"""A backfill fills every row in small transactions, can be killed, and needs no toolkit to run."""

# ruff: noqa: S608 - a table is read best on one line; the number of rows is ours

import asyncio
import os
import resource
import signal
from pathlib import Path
from typing import Final

import pytest
from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.migration.commands import script_directory
from alembic_neon.migration.lint import lint_revisions
from alembic_neon.migration.runner.backfill_progress import BackfillProgress
from alembic_neon.migration.runner.progress import Progress
from alembic_neon.migration.runner.run import print_sql, upgrade
from alembic_neon.migration.steps.backfill import backfill
from alembic_neon.migration.steps.blocks import CodeOp
from alembic_neon.migration.steps.facts import Facts
from alembic_neon.migration.steps.options import StepOptions
from alembic_neon.migration.steps.work import Work
from forked_runs import start_upgrade
from queries import Query, first_column, session
from scratch_project import ScratchProject
from sqlalchemy import Connection

ROWS: Final = int(os.environ.get("BACKFILL_ROWS", "1000000"))
LEFT: Final = "SELECT count(*) FROM t WHERE v IS NULL"
LONGEST: Final = (
    "SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)"
    " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND query LIKE '%UPDATE t SET%'"
)
PLAIN_ENVIRONMENT: Final = """
import asyncio
import os

from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine


def run(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    engine = create_async_engine(os.environ["PLAIN_URL"])
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(main())
"""


async def code_of(url: DatabaseURL, value: str) -> str:
    """Return the body that fills the column v of the table t."""

    def read(connection: Connection) -> str:
        facts = Facts.read(connection)
        step = backfill("v", value, facts.tables["public", "t"], Work(facts, StepOptions(), []))
        [operation] = step.upgrade
        assert isinstance(operation, CodeOp)
        return operation.code

    engine = create_migration_engine(url)
    async with engine.connect() as connection:
        code = await connection.run_sync(read)
    await engine.dispose()
    return code


async def written(
    project: ScratchProject, url: DatabaseURL, columns: str, rows: str, value: str = "n"
) -> Path:
    """Make the table with rows, and write the revision that fills it."""
    await first_column(url, f"CREATE TABLE t ({columns}, v bigint)", f"INSERT INTO t {rows}")
    path = project.revision("fill", up=await code_of(url, value))
    path.write_text(path.read_text().replace("import sqlalchemy", "import time\nimport sqlalchemy"))
    return path


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("id bigint PRIMARY KEY, n int", "SELECT g, g FROM generate_series(1, 5000) g"),
        (
            "id uuid PRIMARY KEY, n int",
            "SELECT gen_random_uuid(), g FROM generate_series(1, 5000) g",
        ),
        (
            'a text, "B c" date, n int, PRIMARY KEY (a, "B c")',
            "SELECT (g % 7)::text, date '2020-01-01' + g, g FROM generate_series(1, 5000) g",
        ),
        (
            "id timestamptz PRIMARY KEY, n int",
            "SELECT now() + g * interval '1 s', g FROM generate_series(1, 5000) g",
        ),
        ("id bigint PRIMARY KEY, n int", "SELECT 1, 1 WHERE false"),
        ("id bigint PRIMARY KEY, n int", "SELECT 1, 1"),
    ],
    ids=["a number", "a uuid", "two columns", "a time", "no row", "one row"],
)
async def test_every_row_is_filled_whatever_the_key_is(
    project: ScratchProject, database: DatabaseURL, query: Query, columns: str, rows: str
) -> None:
    await written(project, database, columns, rows)
    await upgrade(database)
    assert await query(LEFT) == 0
    assert await query("SELECT count(*) FROM t WHERE v <> n") == 0


async def test_the_linter_has_nothing_against_it_and_sql_shows_one_statement(
    project: ScratchProject, database: DatabaseURL, capsys: pytest.CaptureFixture[str]
) -> None:
    await written(project, database, "id bigint PRIMARY KEY, n int", "SELECT 1, 1", "n + 1")
    script = script_directory(project.config).get_revision("fill")
    assert lint_revisions(project.config, [script]) == []
    print_sql("head", config=project.config)
    assert "UPDATE t SET v = (n + 1) WHERE v IS NULL;" in capsys.readouterr().out


async def test_a_value_may_hold_colons_and_quotes(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    value = "length('a:b ''c' || n::text)::bigint"
    await written(project, database, "id bigint PRIMARY KEY, n int", "SELECT 1, 7", value)
    await upgrade(database)
    assert await query("SELECT v FROM t") == 7


async def test_a_row_that_is_locked_is_waited_for(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    rows = "SELECT g, g FROM generate_series(1, 900) g"
    await written(project, database, "id bigint PRIMARY KEY, n int", rows)
    async with session(database, "SELECT * FROM t WHERE id = 300 FOR UPDATE") as other:
        run = asyncio.create_task(upgrade(database))
        await asyncio.sleep(2.5)  # more than one lock_timeout
        assert not run.done()
        await other.rollback()
        await run
    assert await query(LEFT) == 0


async def test_it_runs_where_there_is_no_toolkit(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    rows = "SELECT g, g FROM generate_series(1, 3000) g"
    await written(project, database, "id bigint PRIMARY KEY, n int", rows)
    (project.folder / "migrations/env.py").write_text(PLAIN_ENVIRONMENT)
    url = database.parts.set(drivername="postgresql+asyncpg")
    host = url.query.get("host") or url.host
    plain = url.set(query={"host": str(host)}).render_as_string(hide_password=False)
    process = await asyncio.create_subprocess_exec(
        "alembic", "upgrade", "head", cwd=project.folder, env=os.environ | {"PLAIN_URL": plain}
    )
    assert await process.wait() == 0
    assert await query(LEFT) == 0


async def test_a_run_that_is_killed_goes_on_where_it_was(
    project: ScratchProject, database: DatabaseURL, query: Query, tmp_path: Path
) -> None:
    rows = "SELECT g, g FROM generate_series(1, 60000) g"
    await written(project, database, "id bigint PRIMARY KEY, n int", rows)
    process = start_upgrade(database.render(), project.folder, tmp_path / "log")
    async with asyncio.timeout(60):
        while await query(LEFT) in (60000, 0):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    filled = 60000 - int(await query(LEFT))
    assert 0 < filled < 60000
    before = await query("SELECT max(xmin::text::bigint) FROM t WHERE id <= 100")
    await upgrade(database)
    assert await query(LEFT) == 0
    again = await query("SELECT max(xmin::text::bigint) FROM t WHERE id <= 100")
    assert again == before, "what was filled is not written again"


async def test_it_is_said_how_far_a_backfill_is(database: DatabaseURL) -> None:
    lines: list[str] = []
    progress = BackfillProgress(lines.append, every_seconds=0)
    await first_column(
        database,
        "CREATE TABLE t (id int)",
        "INSERT INTO t SELECT g FROM generate_series(1, 100) g",
    )
    await first_column(database, "ANALYZE t")

    def run(connection: Connection) -> None:
        from alembic_neon.migration.sql_events import SqlEvents

        with SqlEvents(connection, [progress]).active():
            for _ in range(2):
                connection.exec_driver_sql("UPDATE t SET id = id WHERE id <= 40")

    engine = create_migration_engine(database)
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        await connection.run_sync(run)
    await engine.dispose()
    assert lines[-1].startswith("t: 80 rows written, ")
    assert "of about 100, " in lines[-1]


@pytest.mark.stress
async def test_a_million_rows_take_no_long_transaction_and_no_memory(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    rows = f"SELECT g, g FROM generate_series(1, {ROWS}) g"
    await written(project, database, "id bigint PRIMARY KEY, n int", rows)
    longest, run = 0.0, asyncio.create_task(asyncio.to_thread(_upgrade, database))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with session(database) as watching:
        connection = await watching.execution_options(isolation_level="AUTOCOMMIT")
        while not run.done():
            found = (await connection.exec_driver_sql(LONGEST)).scalar_one()
            longest = max(longest, float(found))
            await asyncio.sleep(0.02)
    await run
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{ROWS} rows: longest transaction {longest:.2f} s, {grown:.0f} MiB more memory")
    assert await query(LEFT) == 0
    assert longest < 1
    assert grown < 50


def _upgrade(url: DatabaseURL) -> None:
    asyncio.run(upgrade(url, progress=Progress()))
