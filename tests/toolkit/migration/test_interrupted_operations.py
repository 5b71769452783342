"""Concurrent operations that are interrupted: the next run finishes them, none counts as done."""

import asyncio

import pytest
from alembic_neon.engine.factory import migration_connection
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConnectionFailedError, MigrationError
from alembic_neon.migration.runner.leftovers import find_leftovers
from alembic_neon.migration.runner.run import upgrade
from queries import Query, first_column, session
from scratch_project import ScratchProject

BLOCK = "with op.get_context().autocommit_block():\n    op.execute({!r})"
READER = "LOCK TABLE t IN ACCESS SHARE MODE"  # and no snapshot, which would stop it earlier
WRITER = "INSERT INTO t VALUES (0, 'new')"
INVALID = "SELECT relname::text FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE NOT {}"
PENDING = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhdetachpending"
INDEXES = (
    "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE NOT indisprimary"
    " AND indrelid = 't'::regclass"
)
# The toolkit's own, which waits for the reader or the writer that is in its way.
END = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'CONCURRENTLY'"
    " AND state = 'active' AND pid <> pg_backend_pid()"
)


@pytest.fixture
async def table(database: DatabaseURL) -> DatabaseURL:
    """The database, with a table of rows and of long texts."""
    await first_column(
        database,
        "CREATE TABLE t (id int, v text)",
        "INSERT INTO t SELECT g, g FROM generate_series(1, 100) g",
        "ALTER TABLE t ADD PRIMARY KEY (id)",
    )
    return database


@pytest.fixture
async def partitioned(database: DatabaseURL) -> DatabaseURL:
    """The database, with a partitioned table."""
    await first_column(
        database,
        "CREATE TABLE t (id int, v text) PARTITION BY LIST (id)",
        "CREATE TABLE low PARTITION OF t FOR VALUES IN (0)",
        'CREATE TABLE "High" PARTITION OF t FOR VALUES IN (1)',
    )
    return database


async def interrupt(url: DatabaseURL, blocker: str, leftover: str) -> None:
    """Run an upgrade that a transaction holds up, and end its session once `leftover` is there."""
    async with session(url, blocker):
        run = asyncio.create_task(upgrade(url))
        async with asyncio.timeout(60):
            while not await first_column(url, leftover):
                assert not run.done(), run
                await asyncio.sleep(0.05)
        assert True in await first_column(url, END)
        with pytest.raises(ConnectionFailedError, match="the database is at no revision"):
            await run
    assert await first_column(url, leftover), "the interruption leaves something"


@pytest.mark.parametrize(
    ("statement", "made"),
    [
        ("/* why */ CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (v)", "INDEX i"),
        ("-- why\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (v)", "INDEX i"),
        ("CREATE INDEX CONCURRENTLY ON t (v)", "INDEX t_v_idx"),
        ("CREATE UNIQUE INDEX CONCURRENTLY ON public.t (v)", "UNIQUE INDEX t_v_idx"),
    ],
)
async def test_a_build_is_built_anew_whatever_stands_before_it_and_without_a_name(
    project: ScratchProject, table: DatabaseURL, statement: str, made: str
) -> None:
    project.revision("a1", up=BLOCK.format(statement))
    await interrupt(table, WRITER, INVALID.format("indisvalid"))
    await upgrade(table)
    assert await first_column(table, INVALID.format("indisvalid")) == []
    assert await first_column(table, INDEXES) == [f"CREATE {made} ON public.t USING btree (v)"]


async def test_an_unnamed_index_that_was_built_before_a_kill_is_not_built_twice(
    project: ScratchProject, table: DatabaseURL, query: Query
) -> None:
    project.revision("a1", up=BLOCK.format("CREATE INDEX CONCURRENTLY ON t (v)"))
    await query("CREATE INDEX mine ON t (v)")
    await upgrade(table)
    assert len(await first_column(table, INDEXES)) == 2, "an index of another name is not it"
    await query("DELETE FROM alembic_version")
    await upgrade(table)
    assert len(await first_column(table, INDEXES)) == 2


@pytest.mark.parametrize(
    ("statement", "blocker", "suffix"),
    [
        ("REINDEX INDEX CONCURRENTLY t_pkey", WRITER, "ccnew"),
        ("REINDEX INDEX CONCURRENTLY t_pkey", READER, "ccold"),
        ("/* why */ REINDEX TABLE CONCURRENTLY t", WRITER, "ccnew"),
        ("REINDEX TABLE CONCURRENTLY t", READER, "ccold"),
        ("REINDEX (VERBOSE, CONCURRENTLY) SCHEMA public", WRITER, "ccnew"),
    ],
)
async def test_what_a_reindex_has_left_is_dropped_before_it_runs_again(
    project: ScratchProject, table: DatabaseURL, statement: str, blocker: str, suffix: str
) -> None:
    project.revision("a1", up=BLOCK.format(statement))
    await interrupt(table, blocker, f"{INVALID.format('indisvalid')} AND relname ~ '_{suffix}$'")
    await upgrade(table)
    assert await first_column(table, INVALID.format("indisvalid")) == []
    assert await first_column(table, "SELECT count(*) FROM t WHERE id > 0") == [100]


@pytest.mark.parametrize("partition", ["low", 'public . "High"'])
async def test_a_pending_detach_is_finished(
    project: ScratchProject, partitioned: DatabaseURL, partition: str
) -> None:
    detach = f"/* why */ ALTER TABLE t DETACH PARTITION {partition} CONCURRENTLY"
    project.revision("a1", up=BLOCK.format(detach))
    await interrupt(partitioned, READER, PENDING)
    await upgrade(partitioned)
    assert await first_column(partitioned, PENDING) == []
    assert await first_column(partitioned, "SELECT count(*) FROM pg_inherits") == [1]


async def test_a_detach_that_was_finished_before_a_kill_is_taken_as_done(
    project: ScratchProject, partitioned: DatabaseURL, query: Query
) -> None:
    project.revision("a1", up=BLOCK.format("ALTER TABLE t DETACH PARTITION low CONCURRENTLY"))
    await query("ALTER TABLE t DETACH PARTITION low")
    assert [step.revision for step in await upgrade(partitioned)] == ["a1"]


async def test_a_refresh_that_is_interrupted_leaves_nothing(
    project: ScratchProject, table: DatabaseURL, query: Query
) -> None:
    await query("CREATE MATERIALIZED VIEW m AS SELECT id, v FROM t")
    await query("CREATE UNIQUE INDEX ON m (id)")
    await query("UPDATE t SET v = 'new'")
    project.revision("a1", up=BLOCK.format("REFRESH MATERIALIZED VIEW CONCURRENTLY m"))
    waits = "SELECT pid FROM pg_stat_activity WHERE query ~ '^REFRESH' AND wait_event_type = 'Lock'"
    async with session(table, "REFRESH MATERIALIZED VIEW m"):
        run = asyncio.create_task(upgrade(table))
        async with asyncio.timeout(60):
            while not await first_column(table, waits):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert await first_column(table, END) == [True]
        with pytest.raises(ConnectionFailedError, match="the database is at no revision"):
            await run
    assert await query("SELECT count(*) FROM m WHERE v = 'new'") == 0
    await upgrade(table)
    assert await query("SELECT count(*) FROM m WHERE v = 'new'") == 100


async def test_a_revision_that_hides_the_failure_of_its_build_does_not_count_as_done(
    project: ScratchProject, table: DatabaseURL, query: Query
) -> None:
    await query("UPDATE t SET v = 'same'")
    build = BLOCK.format("CREATE UNIQUE INDEX CONCURRENTLY i ON t (v)").replace("\n", "\n    ")
    project.revision("a1", up=f"try:\n    {build}\nexcept Exception:\n    pass")
    with pytest.raises(MigrationError, match=r"leaves an invalid index, public\.i on public\.t"):
        await upgrade(table)
    assert await query("SELECT count(*) FROM alembic_version") == 0
    await query("UPDATE t SET v = id")
    assert await upgrade(table)
    assert await first_column(table, INVALID.format("indisvalid")) == []


async def test_what_was_left_before_a_run_is_named_and_left_alone(
    project: ScratchProject,
    table: DatabaseURL,
    query: Query,
    caplog: pytest.LogCaptureFixture,
) -> None:
    project.revision("a1", up=BLOCK.format("CREATE INDEX CONCURRENTLY mine ON t (v)"))
    await interrupt(table, WRITER, INVALID.format("indisvalid"))
    caplog.clear()
    project.revision("a1", up=BLOCK.format("CREATE INDEX CONCURRENTLY other ON t (id, v)"))
    await upgrade(table)
    assert "invalid index, public.mine on public.t" in caplog.text
    assert await first_column(table, INVALID.format("indisvalid")) == ["mine"]


async def test_what_another_session_builds_at_the_moment_is_no_leftover(
    project: ScratchProject, table: DatabaseURL
) -> None:
    project.revision("a1", up=BLOCK.format("CREATE INDEX CONCURRENTLY mine ON t (v)"))
    async with session(table, WRITER):
        run = asyncio.create_task(upgrade(table))
        async with asyncio.timeout(60):
            while not await first_column(table, INVALID.format("indisvalid")):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        async with migration_connection(table) as connection:
            assert await connection.run_sync(find_leftovers) == ()
    await run
