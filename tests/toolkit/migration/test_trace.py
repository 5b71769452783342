"""The trace: which locks a statement took, what it rewrote and scanned, and for how long."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.migration.sql_events import SqlEvents
from alembic_neon.migration.trace.tracer import RevisionTrace, Tracer
from queries import first_column
from sqlalchemy.ext.asyncio import AsyncConnection

Run = Callable[..., Coroutine[Any, Any, RevisionTrace]]


@pytest.fixture
async def run(database: DatabaseURL) -> Run:
    """A function that runs statements as one revision, each given autocommit or not."""
    await first_column(
        database,
        "CREATE TABLE parents (id int PRIMARY KEY)",
        "CREATE TABLE t (id int PRIMARY KEY, v int, parent int)",
        "INSERT INTO t SELECT g, g, NULL FROM generate_series(1, 50000) g",
    )

    async def run(*statements: str, autocommit: bool = False) -> RevisionTrace:
        engine = create_migration_engine(database)
        tracer = Tracer()
        try:
            async with tracer.following(engine), engine.connect() as connection:
                if autocommit:
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                assert connection.sync_connection is not None
                with SqlEvents(connection.sync_connection, [tracer]).active():
                    await _execute(connection, statements)
        finally:
            await engine.dispose()
        tracer.end_revision("a1", "it is")
        return tracer.revisions[0]

    return run


async def _execute(connection: AsyncConnection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        await connection.exec_driver_sql(statement)
    await connection.commit()


@pytest.mark.parametrize(
    ("sql", "mode", "rewrites", "scans"),
    [
        ("ALTER TABLE t ALTER v TYPE bigint", "AccessExclusiveLock", True, True),
        ("ALTER TABLE t ALTER v SET NOT NULL", "AccessExclusiveLock", False, True),
        ("ALTER TABLE t ADD n int", "AccessExclusiveLock", False, False),
        ("ALTER TABLE t ADD n int DEFAULT 1", "AccessExclusiveLock", False, False),
        ("ALTER TABLE t ADD n float DEFAULT random()", "AccessExclusiveLock", True, True),
        ("CREATE INDEX i ON t (v)", "ShareLock", False, True),
        ("ALTER TABLE t ADD CONSTRAINT c CHECK (v > 0)", "AccessExclusiveLock", False, True),
        (
            "ALTER TABLE t ADD CONSTRAINT c CHECK (v > 0) NOT VALID",
            "AccessExclusiveLock",
            False,
            False,
        ),
        (
            "DO $$ BEGIN EXECUTE 'ALTER TABLE t ALTER v TYPE bigint'; END $$",
            "AccessExclusiveLock",
            True,
            True,
        ),
    ],
)
async def test_a_statement_is_traced(
    run: Run, sql: str, mode: str, rewrites: bool, scans: bool
) -> None:
    (statement,) = (await run(sql)).statements
    assert [(lock.relation, lock.mode) for lock in statement.locks] == [("public.t", mode)]
    assert statement.rewrites == ["public.t"] * rewrites
    assert statement.scans == ["public.t"] * scans
    assert statement.locks[0].held_ms >= statement.duration_ms > 0


async def test_each_statement_has_what_it_added_itself(run: Run) -> None:
    revision = await run(
        "UPDATE t SET v = v + 1 WHERE id <= 10",
        "ALTER TABLE t ADD FOREIGN KEY (parent) REFERENCES parents",
        "ALTER TABLE t ALTER v SET NOT NULL",
    )
    update, foreign_key, not_null = revision.statements
    assert update.rows == 10
    assert not_null.rows is None
    assert update.scans == []
    locks = {lock.relation: lock.mode for lock in foreign_key.locks}
    assert locks == {
        "public.t": "ShareRowExclusiveLock",
        "public.parents": "ShareRowExclusiveLock",
    }
    assert not_null.scans == ["public.t"]
    assert foreign_key.locks[0].held_ms > not_null.duration_ms
    assert revision.transactional


async def test_what_the_run_made_itself_is_left_out(run: Run) -> None:
    revision = await run(
        "CREATE TABLE fresh (id int)",
        "INSERT INTO fresh SELECT generate_series(1, 1000)",
        "ALTER TABLE fresh ALTER id TYPE bigint",
        "DROP TABLE fresh",
    )
    assert all(not (each.locks or each.rewrites or each.scans) for each in revision.statements)


async def test_a_concurrent_statement_is_watched_while_it_runs(run: Run) -> None:
    revision = await run("CREATE INDEX CONCURRENTLY i ON t (v)", autocommit=True)
    (statement,) = revision.statements
    assert not revision.transactional
    assert [(lock.relation, lock.mode) for lock in statement.locks] == [
        ("public.t", "ShareUpdateExclusiveLock")
    ]
    assert statement.scans == ["public.t"]


async def test_the_scans_of_one_transaction_are_not_the_next_ones(
    run: Run, database: DatabaseURL
) -> None:
    first = await run("ALTER TABLE t ALTER v SET NOT NULL")
    second = await run("ALTER TABLE t ALTER v DROP NOT NULL")
    assert (first.statements[0].scans, second.statements[0].scans) == (["public.t"], [])
