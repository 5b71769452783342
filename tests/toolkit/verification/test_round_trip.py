"""The round trip: its order, its databases, what it reports, and what a file may declare."""

import ast
import asyncio
import contextlib
import re
import time

import pytest
from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import MigrationError, UsageError
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.verification.catalog import take_snapshot
from alembic_neon.verification.databases import TestDatabases
from alembic_neon.verification.history import History
from alembic_neon.verification.round_trip import (
    HistoryChecker,
    RoundTrip,
    check_history,
    check_round_trip,
    walk_history,
)
from queries import Query, first_column
from scratch_project import ScratchProject
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

DATABASES = "SELECT datname FROM pg_database ORDER BY 1"


def executes(*statements: str) -> str:
    """Return the body of a function that runs statements."""
    return "\n".join(f"op.execute({statement!r})" for statement in statements)


@pytest.fixture
def based(project: ScratchProject) -> ScratchProject:
    """A project whose first revision makes a table."""
    table = "CREATE TABLE t (id int PRIMARY KEY, s varchar(40), n int NOT NULL DEFAULT 1)"
    project.revision("a1", up=executes(table), undo=executes("DROP TABLE t"))
    return project


async def test_a_setting_of_a_revision_ends_with_it_as_under_the_runner(
    project: ScratchProject, database: DatabaseURL
) -> None:
    """As pg_dump's output has it: the version table is found, and the next revision's tables."""
    up = executes("SET search_path TO ''", "SET ROLE pg_read_all_data", "RESET ROLE")
    made, dropped = executes("CREATE TABLE public.t ()"), executes("DROP TABLE public.t")
    project.revision("a1", up=f"{up}\n{made}", undo=f"{dropped}\n{up}")
    project.revision("b2", "a1", up=executes("CREATE TABLE u ()"), undo=executes("DROP TABLE u"))
    assert [str(each) for each in await check_history(database) if not each.ok] == []


@pytest.fixture
def in_steps(project: ScratchProject) -> ScratchProject:
    """A table, and a reference that is added to it in three steps, as `db revision` writes them."""
    tables = ("CREATE TABLE u (id int PRIMARY KEY)", "CREATE TABLE t (id int PRIMARY KEY)")
    project.revision("a1", up=executes(*tables), undo=executes("DROP TABLE t", "DROP TABLE u"))
    key = "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (r) REFERENCES u NOT VALID"
    steps = (
        ("b2", "ALTER TABLE t ADD r int", "ALTER TABLE t DROP r"),
        ("c3", key, "ALTER TABLE t DROP CONSTRAINT k"),
        ("d4", "ALTER TABLE t VALIDATE CONSTRAINT k", f"ALTER TABLE t DROP CONSTRAINT k; {key}"),
    )
    below = "a1"
    for number, (name, up, undo) in enumerate(steps, 1):
        path = project.revision(name, below, up=executes(up), undo=executes(undo))
        path.write_text(path.read_text().replace(f"{name} it is", f"r ({number} of 3: x)"))
        below = name
    return project


async def test_no_row_comes_between_the_steps_of_a_change(
    in_steps: ScratchProject, database: DatabaseURL
) -> None:
    """A value of ours in a new column refers to nothing before its foreign key is there."""
    assert [str(each) for each in await check_history(database) if not each.ok] == []


async def test_a_later_step_of_a_change_is_checked_on_the_rows_before_it(
    in_steps: ScratchProject, database: DatabaseURL
) -> None:
    assert (await check_round_trip(database, "c3")).ok
    assert await first_column(database, "SELECT count(*) > 0 FROM t") == [True]
    assert (await check_round_trip(database, "d4")).ok


@pytest.fixture
def forked(project: ScratchProject) -> ScratchProject:
    """A history that parts in two and is merged: a1, then b2 and c3, then d4."""
    downs: dict[str, str | tuple[str, ...] | None] = {
        "a1": None,
        "b2": "a1",
        "c3": "a1",
        "d4": ("b2", "c3"),
    }
    for name, down in downs.items():
        up, undo = executes(f"CREATE TABLE {name} (n int)"), executes(f"DROP TABLE {name}")
        project.revision(name, down, up=up, undo=undo)
    return project


async def checked(databases: TestDatabases, *revisions: str) -> list[RoundTrip]:
    """Check revisions of the project in the working directory, one after the other."""
    async with HistoryChecker(databases, History.load()) as checker:
        return [await checker.check(revision) for revision in revisions]


# What a file may declare


async def test_an_irreversible_revision_is_only_upgraded_and_says_why(
    based: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    based.revision(
        "b2",
        "a1",
        up=executes("ALTER TABLE t DROP s"),
        undo='raise NotImplementedError("the column is gone")',
        extra='irreversible = "the texts are not kept"',
    )
    found = await check_round_trip(database, "b2")
    assert found.ok
    assert str(found) == "b2 is irreversible: the texts are not kept"
    assert await query("SELECT version_num FROM alembic_version") == "b2"


async def test_an_irreversible_revision_still_has_to_work_on_rows(
    based: ScratchProject, database: DatabaseURL
) -> None:
    up = executes("ALTER TABLE t ADD c int NOT NULL")
    based.revision("b2", "a1", up=up, extra='irreversible = "why not"')
    found = await check_round_trip(database, "b2")
    assert not found.ok
    assert "the upgrade fails on tables with rows" in str(found)


async def test_lost_values_have_to_be_declared(
    based: ScratchProject, databases: TestDatabases, database: DatabaseURL
) -> None:
    up, undo = executes("ALTER TABLE t DROP s"), executes("ALTER TABLE t ADD s varchar(40)")
    path = based.revision("b2", "a1", up=up, undo=undo)
    found = await check_round_trip(database, "b2")
    assert not found.ok
    assert [(loss.table, loss.column) for loss in found.lost] == [("public.t", "s")]
    assert 'data_loss = "why"' in str(found)
    assert "\n  the downgrade does not restore the values from before:\n" in str(found)

    path.write_text(path.read_text().replace("def upgrade", 'data_loss = "unread"\n\ndef upgrade'))
    (_, declared) = await check_history(database)
    assert declared.ok, str(declared)
    assert str(declared) == "b2 loses data, and says so: unread"


async def test_a_declared_loss_hides_no_difference_of_the_schema(
    based: ScratchProject, database: DatabaseURL
) -> None:
    up, undo = executes("ALTER TABLE t DROP s"), executes("ALTER TABLE t ADD s text")
    based.revision("b2", "a1", up=up, undo=undo, extra='data_loss = "unread"')
    found = await check_round_trip(database, "b2")
    assert not found.ok
    assert "column public.t.s" in str(found)


# What is reported


async def test_a_downgrade_that_fails_is_told_with_its_line(
    based: ScratchProject, database: DatabaseURL
) -> None:
    path = based.revision("b2", "a1", up="pass", undo=executes("DROP TABLE not_there"))
    found = await check_round_trip(database, "b2")
    line = path.read_text().splitlines().index("    op.execute('DROP TABLE not_there')") + 1
    assert found.failure is not None
    assert found.failure.location == f"migrations/versions/{path.name}:{line}"
    assert 'the downgrade fails: table "not_there" does not exist' in str(found)
    assert "in DROP TABLE not_there" in str(found)


async def test_an_upgrade_that_fails_is_headed_by_its_own_line(
    based: ScratchProject, database: DatabaseURL
) -> None:
    path = based.revision("b2", "a1", up=executes("ALTER TABLE t ADD c int NOT NULL"))
    report = str(await check_round_trip(database, "b2"))
    lines = path.read_text().splitlines()
    line = lines.index("    op.execute('ALTER TABLE t ADD c int NOT NULL')") + 1
    assert report.startswith(f"migrations/versions/{path.name}:{line}: revision b2 (b2 it is)\n")


async def test_an_error_of_what_a_revision_calls_is_a_finding_of_the_revision(
    based: ScratchProject, database: DatabaseURL
) -> None:
    """A module of the application, or models of the revision's own: the walk goes on."""
    (based.folder / "helper.py").write_text("def encode(value):\n    return value.encode()\n")
    path = f"import sys\nsys.path.insert(0, {str(based.folder)!r})\n"
    based.revision("b2", "a1", up=f"{path}from helper import encode\nencode(None)")
    (found,) = [each async for each in walk_history(database, ["b2"])]
    assert not found.ok
    assert "the upgrade fails: AttributeError: 'NoneType' object has no attribute" in str(found)
    assert "b2.py:" in str(found)
    own = """
    metadata = sa.MetaData()
    sa.Table("u", metadata, sa.Column("n", sa.ForeignKey("missing.id")))
    metadata.create_all(op.get_bind())
    """
    based.revision("b2", "a1", up=own)
    (found,) = [each async for each in walk_history(database, ["b2"])]
    assert "NoReferencedTableError" in str(found)


async def test_a_downgrade_that_nobody_wrote_may_be_declared(
    based: ScratchProject, database: DatabaseURL
) -> None:
    based.revision("b2", "a1", undo="raise NotImplementedError")
    report = str(await check_round_trip(database, "b2"))
    assert "the downgrade fails: NotImplementedError" in report
    assert 'irreversible = "why"' in report


async def test_a_difference_shows_both_sides_and_what_to_write(
    based: ScratchProject, database: DatabaseURL
) -> None:
    path = based.revision(
        "b2",
        "a1",
        up="""
            op.execute("CREATE TYPE mood AS ENUM ('ok')")
            op.alter_column("t", "n", server_default="2")
            op.create_index("ix", "t", ["n"])
        """,
    )
    report = str(await check_round_trip(database, "b2"))
    line = path.read_text().splitlines().index("def downgrade():") + 1
    assert report.startswith(f"migrations/versions/{path.name}:{line}: revision b2 (b2 it is)\n")
    assert 'op.execute("DROP TYPE public.mood")' in report
    assert "sa.Enum(name='mood').drop(op.get_bind())" in report
    assert "ALTER TABLE public.t ALTER COLUMN n SET DEFAULT 1" in report
    assert 'op.execute("DROP INDEX public.ix")' in report
    sides = next(line for line in report.splitlines() if "DEFAULT 1 ≠" in line).split(" ≠ ")
    assert sides[0].strip() == sides[1].replace("DEFAULT 2", "DEFAULT 1")


async def test_a_table_that_is_left_is_told_without_its_columns(
    based: ScratchProject, database: DatabaseURL
) -> None:
    based.revision("b2", "a1", up=executes("CREATE TABLE more (id int PRIMARY KEY, n int UNIQUE)"))
    found = await check_round_trip(database, "b2")
    assert len(found.after_downgrade) > 4
    assert str(found).count("public.more") == str(found).count("table public.more") + 2
    assert str(found).count("\n    + ") == 1


async def test_a_column_dropped_from_the_middle_is_one_finding(
    based: ScratchProject, database: DatabaseURL
) -> None:
    based.revision("b2", "a1", up=executes("ALTER TABLE t DROP s"), extra='data_loss = "unread"')
    found = await check_round_trip(database, "b2")
    assert [str(each).partition(":")[0] for each in found.after_downgrade] == [
        "- column public.t.s"
    ]


async def test_a_column_added_again_is_the_one_that_moved(
    based: ScratchProject, database: DatabaseURL
) -> None:
    undo = executes("ALTER TABLE t ADD s varchar(40)")
    based.revision("b2", "a1", up=executes("ALTER TABLE t DROP s"), undo=undo)
    found = await check_round_trip(database, "b2")
    assert [each.object.label for each in found.after_downgrade] == ["column public.t.s"]
    assert "columns in another position: public.t.s\n" in str(found)


async def test_a_not_null_that_is_named_after_an_older_name_is_no_difference(
    based: ScratchProject, database: DatabaseURL
) -> None:
    """PostgreSQL 18 keeps it as a constraint, whose name a renaming leaves as it is."""
    based.revision(
        "b2",
        "a1",
        up=executes("ALTER TABLE t RENAME n TO m", "ALTER TABLE t ALTER m DROP NOT NULL"),
        undo=executes(
            "UPDATE t SET m = 1 WHERE m IS NULL",
            "ALTER TABLE t ALTER m SET NOT NULL",
            "ALTER TABLE t RENAME m TO n",
        ),
    )
    found = await check_round_trip(database, "b2")
    assert found.ok, str(found)


async def test_a_not_null_that_is_lost_is_found_and_none_is_dropped_as_advised(
    based: ScratchProject, database: DatabaseURL
) -> None:
    up = executes("ALTER TABLE t ALTER n DROP NOT NULL")
    based.revision("b2", "a1", up=up)
    found = await check_round_trip(database, "b2")
    assert 'op.execute("ALTER TABLE public.t ALTER COLUMN n SET NOT NULL")' in str(found)
    assert "CONSTRAINT" not in str(found)


async def test_what_is_advised_is_valid_whatever_the_names_are(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    """Each statement is run as it stands in the report; what is left then has no plain remedy."""
    up = (
        'CREATE TABLE "Odd.Table" (id int, "a "" b" int)',
        'CREATE SCHEMA "s p"',
        'CREATE TYPE "s p"."Mood" AS ENUM (\'ok\')',
        'CREATE TABLE "s p"."group" (id int)',
        'ALTER TABLE "s p"."group" ADD CONSTRAINT "x:y" CHECK (id > 0)',
        'CREATE INDEX "I x" ON "s p"."group" (id)',
        'CREATE FUNCTION "F"("A" int) RETURNS int LANGUAGE sql AS \'SELECT 1\'',
        "CREATE DOMAIN d AS int CONSTRAINT positive CHECK (VALUE > 0)",
        'CREATE CAST ("s p"."Mood" AS text) WITH INOUT',
        "ALTER TABLE plain ADD more int",
        'ALTER TABLE plain ALTER "N" SET DEFAULT 2, ALTER "N" DROP NOT NULL',
        'ALTER TABLE plain DROP CONSTRAINT "C"',
    )
    table = (
        'CREATE TABLE plain (id int, "N" int NOT NULL DEFAULT 1, CONSTRAINT "C" CHECK ("N" > 0))'
    )
    project.revision("a1", up=executes(table), undo=executes("DROP TABLE plain"))
    project.revision("b2", "a1", up=executes(*up))
    await upgrade(database, "a1")
    before = await take_snapshot(database)
    report = str(await check_round_trip(database, "b2"))
    statements = [
        ast.literal_eval(argument) for argument in re.findall(r"op\.execute\((.+)\)$", report, re.M)
    ]
    assert len(statements) == 11, report
    waiting = list(statements)
    for _ in statements:  # in an order that their dependencies allow
        for statement in list(waiting):
            with contextlib.suppress(DBAPIError):
                await query(statement.replace("\\:", ":"))
                waiting.remove(statement)
    assert waiting == []
    assert before.difference(await take_snapshot(database)) == []


async def test_a_second_upgrade_that_makes_something_else_is_caught(
    based: ScratchProject, database: DatabaseURL
) -> None:
    """The downgrade gives back the schema, and loses what the upgrade counted on."""
    based.revision("b2", "a1", up=executes("CREATE SEQUENCE turn"))
    based.revision(
        "c3",
        "b2",
        up="""
            first = op.get_bind().exec_driver_sql("SELECT nextval('turn')").scalar() == 1
            op.create_table("once" if first else "twice")
        """,
        undo="op.execute('DROP TABLE IF EXISTS once, twice')",
    )
    found = await check_round_trip(database, "c3")
    assert {str(each)[:1] for each in found.after_second_upgrade} == {"-", "+"}
    assert not found.ok


async def test_a_table_that_cannot_be_filled_is_told_of_once(
    project: ScratchProject, databases: TestDatabases
) -> None:
    never = "CREATE TABLE never (n int NOT NULL CHECK (n > 1 AND n < 1))"
    project.revision("a1", up=executes(never), undo=executes("DROP TABLE never"))
    project.revision("b2", "a1")
    project.revision("c3", "b2")
    found = await checked(databases, "a1", "b2", "c3")
    assert [[each.table for each in trip.unfilled] for trip in found] == [[], ["public.never"], []]


async def test_a_hook_fills_what_nothing_else_can(
    project: ScratchProject, databases: TestDatabases
) -> None:
    async def hook(table: str, connection: AsyncConnection) -> bool:
        await connection.exec_driver_sql("INSERT INTO t VALUES ('hand-made')")
        return True

    project.revision("a1", up=executes("CREATE TABLE t (s text)"), undo=executes("DROP TABLE t"))
    up = executes("ALTER TABLE t ADD CONSTRAINT c CHECK (s <> 'hand-made')")
    project.revision("b2", "a1", up=up, undo=executes("ALTER TABLE t DROP CONSTRAINT c"))
    async with HistoryChecker(databases, History.load(), hook) as checker:
        found = await checker.check("b2")
    assert found.failure is not None
    assert found.failure.object == "constraint public.t.c"


# Rows in the tables


async def test_rows_changed_before_an_autocommit_block_are_seen(
    based: ScratchProject, databases: TestDatabases
) -> None:
    """The block commits what was before it, so that its locks tell nothing at the end."""
    up, undo = executes("CREATE TABLE other (n int)"), executes("DROP TABLE other")
    based.revision("b2", "a1", up=up, undo=undo)
    based.revision(
        "c3",
        "b2",
        up="""
            op.execute("UPDATE t SET s = NULL")
            with op.get_context().autocommit_block():
                op.execute("CREATE INDEX CONCURRENTLY ix ON other (n)")
        """,
        undo="op.drop_index('ix')",
    )
    _, found = await checked(databases, "b2", "c3")
    assert [(loss.table, loss.column) for loss in found.lost] == [("public.t", "s")]


async def test_a_statement_is_prepared_anew_for_each_step(
    based: ScratchProject, database: DatabaseURL
) -> None:
    """The table that it reads is another one after the downgrade."""
    based.revision(
        "b2",
        "a1",
        up="""
            op.execute("CREATE TYPE mood AS ENUM ('ok')")
            op.execute("CREATE TABLE m (m mood)")
            op.get_bind().exec_driver_sql("SELECT m FROM m WHERE m = $1", ("ok",))
        """,
        undo=executes("DROP TABLE m", "DROP TYPE mood"),
    )
    found = await check_round_trip(database, "b2")
    assert found.ok, str(found)


async def test_a_table_that_a_revision_makes_has_rows_before_the_next_one(
    based: ScratchProject, databases: TestDatabases
) -> None:
    up, undo = executes("CREATE TABLE more (m int)"), executes("DROP TABLE more")
    based.revision("b2", "a1", up=up, undo=undo)
    based.revision("c3", "b2", up=executes("ALTER TABLE more ADD c int NOT NULL"))
    right, found = await checked(databases, "b2", "c3")
    assert right.ok
    assert found.failure is not None
    assert found.failure.object == "column public.more.c"


async def test_an_upgrade_that_fails_on_rows_does_not_fail_those_after_it(
    based: ScratchProject, database: DatabaseURL
) -> None:
    based.revision("b2", "a1", up=executes("ALTER TABLE t ADD c int NOT NULL"))
    up, undo = executes("ALTER TABLE t ADD d int"), executes("ALTER TABLE t DROP d")
    based.revision("c3", "b2", up=up, undo=undo)
    found = {each.revision: each.ok for each in await check_history(database)}
    assert found == {"a1": True, "b2": False, "c3": True}


@pytest.mark.parametrize("order", ["b2 c3 d4", "c3 d4", "d4"])
async def test_what_a_trigger_does_for_the_toolkits_own_rows_is_nobodys_loss(
    project: ScratchProject, databases: TestDatabases, order: str
) -> None:
    """c3 gives `t` more rows, for which the trigger changes `counts`; d4 only adds a column."""
    tables = ("CREATE TABLE t (id int)", "CREATE TABLE counts (n int NOT NULL)")
    project.revision("a1", up=executes(*tables), undo=executes("DROP TABLE t, counts"))
    count = (
        "CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN UPDATE counts SET n = n % 1000 + 1; RETURN NULL; END'"
    )
    trigger = "CREATE TRIGGER c AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION count_up()"
    undo = executes("DROP TRIGGER c ON t", "DROP FUNCTION count_up")
    project.revision("b2", "a1", up=executes(count, trigger), undo=undo)
    for name, down, table in (("c3", "b2", "t"), ("d4", "c3", "counts")):
        up, undo = executes(f"ALTER TABLE {table} ADD z int"), f'op.drop_column("{table}", "z")'
        project.revision(name, down, up=up, undo=undo)
    for found in await checked(databases, *order.split()):
        assert found.ok, str(found)


async def test_what_a_hook_does_to_another_table_is_nobodys_loss(
    project: ScratchProject, databases: TestDatabases
) -> None:
    async def hook(table: str, connection: AsyncConnection) -> bool:
        await connection.exec_driver_sql("UPDATE counts SET n = n % 1000 + 1")
        return False

    tables = ("CREATE TABLE t (id int)", "CREATE TABLE counts (n int NOT NULL)")
    project.revision("a1", up=executes(*tables), undo=executes("DROP TABLE t, counts"))
    for name, down, table in (("b2", "a1", "t"), ("c3", "b2", "counts")):
        up, undo = executes(f"ALTER TABLE {table} ADD z int"), f'op.drop_column("{table}", "z")'
        project.revision(name, down, up=up, undo=undo)
    async with HistoryChecker(databases, History.load(), hook) as checker:
        for revision in ("b2", "c3"):
            found = await checker.check(revision)
            assert found.ok, str(found)


# The order of the history, and the databases


def test_revisions_come_after_those_that_they_build_on(forked: ScratchProject) -> None:
    history = History.load()
    order = [script.revision for script in history.revisions]
    assert order[0] == "a1"
    assert sorted(order[1:3]) == ["b2", "c3"]
    assert order[3] == "d4"
    assert [script.revision for script in history.before("d4")] == order[:3]
    assert history.applied(["b2"]) == {"a1", "b2"}
    assert history.applied(["d4"]) == {"a1", "b2", "c3", "d4"}


def test_what_a_revision_depends_on_is_applied_with_it(forked: ScratchProject) -> None:
    forked.revision("z9", extra="depends_on = 'b2'")
    assert History.load().applied(["z9"]) == {"a1", "b2", "z9"}


@pytest.mark.parametrize("order", ["a1 b2 c3 d4", "c3 a1 b2 d4", "d4 c3 b2 a1", "b2 b2"])
async def test_a_history_of_branches_is_checked_in_any_order(
    forked: ScratchProject, databases: TestDatabases, order: str
) -> None:
    for found in await checked(databases, *order.split()):
        assert found.ok, str(found)


async def test_a_wrong_revision_does_not_fail_those_after_it(
    forked: ScratchProject, database: DatabaseURL
) -> None:
    forked.revision("b2", "a1", up=executes("CREATE TABLE b2 (n int)"))
    found = {each.revision: each.ok for each in await check_history(database)}
    assert found == {"a1": True, "b2": False, "c3": True, "d4": True}


async def test_a_walk_ends_at_a_revision_that_nothing_gets_past(
    forked: ScratchProject, database: DatabaseURL
) -> None:
    forked.revision("c3", "a1", up=executes("CREATE TABLE nonsense (n nonsense)"))
    found = await check_history(database)
    assert [each.ok for each in found].count(False) == 1
    assert found[-1].revision == "c3"
    with pytest.raises(MigrationError, match=r"c3\.py:\d+: revision c3, before d4, fails"):
        await check_history(database, ["d4"])


async def test_a_walk_touches_no_database_that_was_there(
    forked: ScratchProject, database: DatabaseURL
) -> None:
    await upgrade(database, "b2")
    before = await first_column(database, DATABASES)
    seen: set[str] = set()
    async for found in walk_history(database, ["b2", "d4"]):
        assert found.ok, str(found)
        seen |= set(await first_column(database, DATABASES)) - set(before)
    assert len(seen) == 1
    assert await first_column(database, DATABASES) == before
    assert await first_column(database, "SELECT version_num FROM alembic_version") == ["b2"]


async def test_a_database_in_the_middle_of_the_history_is_taken_on(
    forked: ScratchProject, database: DatabaseURL
) -> None:
    await upgrade(database, "b2")
    assert (await check_round_trip(database, "d4")).ok
    with pytest.raises(UsageError, match="d4 is applied already"):
        await check_round_trip(database, "d4")
    with pytest.raises(UsageError, match="no revision nope"):
        await check_round_trip(database, "nope")


def test_only_databases_made_for_tests_are_ever_dropped(
    databases: TestDatabases, database: DatabaseURL
) -> None:
    with pytest.raises(ValueError, match="not made here"):
        databases.drop(database.with_database("main"))


async def created(database: DatabaseURL, name: str) -> None:
    """Make a database under a name of the test's choice."""
    engine = create_migration_engine(database)
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql(f"CREATE DATABASE {name}")
    await engine.dispose()


async def test_on_a_server_of_others_only_what_is_a_day_old_is_left_over(
    databases: TestDatabases, database: DatabaseURL
) -> None:
    now = int(time.time())
    names = [f"pytest_at_{now - 90_000}_0_1", f"pytest_at_{now - 3600}_0_1", "pytest_1_1"]
    for name in names:
        await created(database, name)
    await asyncio.to_thread(TestDatabases(database).drop_leftovers)
    left = await first_column(database, DATABASES)
    assert [name for name in names if name in left] == names[1:]
    for name in names[1:]:
        await databases.remove(database.with_database(name))
