"""A revision and its transaction: what it finds in the session, and what may not end it."""

import pytest
from alembic import command
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import MigrationError
from alembic_neon.migration.runner.run import downgrade, print_sql, upgrade
from alembic_neon.migration.trace.tracer import Tracer
from queries import Query, first_column
from scratch_project import INDEX, ScratchProject

VERSION = "SELECT version_num FROM alembic_version"
MADE = "SELECT to_regclass('public.made')::text"
NOTE = (
    "op.execute(\"INSERT INTO public.noted SELECT current_setting('lock_timeout') || ' ' ||"
    " current_setting('search_path') || ' ' || current_user\")"
)


@pytest.mark.parametrize(
    "sets",
    [
        "SET lock_timeout = '7s'",
        "SET search_path = pg_catalog",
        "SELECT pg_catalog.set_config('search_path', '', false)",
        "SET ROLE pg_monitor",
        "RESET ALL",
    ],
)
async def test_what_one_revision_sets_is_not_the_next_ones(
    project: ScratchProject, database: DatabaseURL, query: Query, sets: str
) -> None:
    await query("CREATE TABLE public.noted (n text)")
    project.revision("a1", up=NOTE)
    project.revision("b2", "a1", up=f'op.execute("{sets}")')
    project.revision("c3", "b2", up=NOTE)
    if "ROLE" in sets:
        superuser = DatabaseURL(database.parts.set(username="postgres"))
        await first_column(superuser, "GRANT pg_monitor TO neondb_owner")
    assert len(await upgrade(database)) == 3
    first, last = await first_column(database, "SELECT n FROM public.noted")
    assert first == last
    assert first.startswith("3s ")


@pytest.mark.parametrize(
    "ends",
    [
        "COMMIT",
        "ROLLBACK",
        "  /* now */ commit and chain",
        "SELECT 1; END; BEGIN",
        "ABORT",
        "START TRANSACTION",
        "PREPARE TRANSACTION 'x'",
    ],
)
async def test_a_statement_that_would_end_the_transaction_is_refused_before_it_is_sent(
    project: ScratchProject, database: DatabaseURL, query: Query, ends: str
) -> None:
    project.revision("a1", up=f'op.execute("CREATE TABLE made ()")\nop.execute("{ends}")')
    with pytest.raises(MigrationError, match=r"a1\.py, line 12: .* would end the trans") as refused:
        await upgrade(database)
    assert "a1 was rolled back. The database is at no revision." in refused.value.hint
    assert await query(MADE) is None


@pytest.mark.parametrize(
    "keeps",
    [
        "SAVEPOINT s",
        "SAVEPOINT s; ROLLBACK TO SAVEPOINT s",
        "SAVEPOINT s; ROLLBACK WORK TO s",
        "SELECT 'COMMIT; x'",
        "DO $$ BEGIN PERFORM 1; END $$",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
    ],
)
async def test_what_only_looks_like_it_runs(
    project: ScratchProject, database: DatabaseURL, query: Query, keeps: str
) -> None:
    project.revision("a1", up=f'op.execute("{keeps}")\nop.execute("CREATE TABLE made ()")')
    await upgrade(database)
    assert await query(MADE) == "made"


@pytest.mark.parametrize(
    "ends",
    [
        "op.get_bind().rollback()",
        "op.get_bind().connection.driver_connection",
        # Past all that the client could see: only the server knows that it is another one.
        "from sqlalchemy.util import await_\n"
        "await_(op.get_bind().connection.driver_connection.execute('ROLLBACK; BEGIN'))",
    ],
)
async def test_the_version_is_written_in_the_transaction_of_the_revision_alone(
    project: ScratchProject, database: DatabaseURL, query: Query, ends: str
) -> None:
    project.revision("a1", up=f'op.execute("CREATE TABLE made ()")\n{ends}')
    if ends.endswith("driver_connection"):
        await upgrade(database)
        assert await query(MADE) == "made"
        return
    with pytest.raises(MigrationError, match="ended the transaction of the revision"):
        await upgrade(database)
    assert await query("SELECT count(*) FROM alembic_version") == 0
    assert await query(MADE) is None


async def test_a_commit_of_the_revisions_own_is_refused_before_it_is_done(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    project.revision("a1", up='op.execute("CREATE TABLE made ()")\nop.get_bind().commit()')
    with pytest.raises(MigrationError, match=r"line 12: upgrade\(\) would commit 1 statement "):
        await upgrade(database)
    assert await query(MADE) is None


@pytest.mark.parametrize("code", ["0", "'no'"])
async def test_an_exit_of_a_revision_is_a_failure_of_the_run(
    project: ScratchProject, database: DatabaseURL, query: Query, code: str
) -> None:
    up = f'import sys\nop.execute("CREATE TABLE made ()")\nsys.exit({code})'
    project.revision("a1", up=up)
    with pytest.raises(MigrationError, match=r"a1\.py, line 13: sys.exit.* ends the run"):
        await upgrade(database)
    assert await query(MADE) is None


LOOP = (
    "with op.get_context().autocommit_block():\n"
    "    for name in ('i', 'j'):\n"
    '        op.get_bind().execute(sa.text(f"CREATE INDEX CONCURRENTLY {name} ON t (v)"))'
)
REBUILD = (
    "op.execute(\"SET lock_timeout = '5s'\")\n"
    "with op.get_context().autocommit_block():\n"
    '    op.execute("SET statement_timeout = 0")\n'
    '    op.execute("DROP INDEX CONCURRENTLY IF EXISTS public.i")\n'
    '    op.execute("CREATE INDEX CONCURRENTLY i ON t (v)")'
)
# Not seen before it runs, as the file does not name the block.
UNKNOWN = "op.execute('CREATE TABLE x ()')\n" + INDEX.replace(
    "op.get_context().autocommit_block()", "getattr(op.get_context(), 'autocommit' + '_block')()"
)


@pytest.mark.parametrize(
    ("up", "refused"),
    [
        (REBUILD, ""),
        (REBUILD.replace("public.i", "k"), "2 things, and 2 of them outside"),
        (LOOP, "2 things, and 2 of them outside"),
        (f"op.get_bind().execute(sa.text('CREATE TABLE x ()'))\n{INDEX}", "2 things, and 1"),
        (UNKNOWN, "would commit 1 statement ahead of the version"),
    ],
)
async def test_what_a_revision_really_runs_decides_whether_it_is_mixed(
    project: ScratchProject, database: DatabaseURL, query: Query, up: str, refused: str
) -> None:
    await query("CREATE TABLE t (v int)")
    project.revision("a1", up=up)
    if not refused:
        await upgrade(database)
        assert await query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass")
        return
    with pytest.raises(MigrationError, match=refused) as failure:
        await upgrade(database)
    assert "[tool.db] allow_mixed_revisions = true" in failure.value.hint
    assert await query("SELECT count(*) FROM pg_class WHERE relname IN ('i', 'j', 'x')") == 0


async def test_a_mixed_revision_further_on_is_refused_before_the_first_one_runs(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    project.revision("a1", up='op.execute("CREATE TABLE made ()")')
    project.revision("b2", "a1", up=LOOP)
    with pytest.raises(MigrationError, match="2 things"):
        await upgrade(database)
    assert await query(MADE) is None


@pytest.mark.parametrize(
    "up",
    [
        "op.get_bind().commit()\nop.execute('CREATE TABLE made ()')",
        "op.get_bind().rollback()\nop.execute('CREATE TABLE made ()')",
        "op.execute('CREATE TABLE made ()')\nop.get_bind().commit()",
        "op.execute('SELECT 1')\nop.get_bind().commit()\nop.execute('CREATE TABLE made ()')",
    ],
)
async def test_what_follows_a_commit_of_the_revisions_own_is_committed_with_the_version(
    project: ScratchProject, database: DatabaseURL, query: Query, up: str
) -> None:
    project.revision("a1")
    project.revision("b2", "a1", up=up, extra='mixed = "for the test"')
    await upgrade(database)
    assert await query(VERSION) == "b2"
    assert await query(MADE) == "made"


def test_the_sql_that_would_revert_an_irreversible_revision_is_not_printed(
    project: ScratchProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project.revision("a1", up='op.execute("SELECT 1")', undo='op.execute("SELECT 2")')
    project.revision("b2", "a1", extra='irreversible = "the rows are gone"')
    project.revision("c3", "b2", undo='op.execute("SELECT 3")')
    with pytest.raises(MigrationError, match="b2 is declared irreversible: the rows are gone"):
        print_sql("c3:a1", is_upgrade=False)
    with pytest.raises(MigrationError, match="b2 is declared irreversible: the rows are gone"):
        command.downgrade(project.config, "c3:base", sql=True)
    assert "SELECT" not in capsys.readouterr().out
    print_sql("c3:b2", is_upgrade=False)
    print_sql("head")
    assert "SELECT 3" in capsys.readouterr().out


async def test_an_irreversible_revision_is_not_reverted_and_neither_is_one_after_it(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    project.revision("a1")
    project.revision("b2", "a1", extra='irreversible = "the rows are gone"')
    project.revision(
        "c3", "b2", up='op.execute("CREATE TABLE made ()")', undo="op.drop_table('made')"
    )
    await upgrade(database)
    with pytest.raises(MigrationError, match="b2 is declared irreversible: the rows are gone"):
        await downgrade(database, "a1")
    assert await query(VERSION) == "c3"
    assert await query(MADE) == "made"
    assert [step.revision for step in await downgrade(database, "b2")] == ["c3"]


async def test_a_downgrade_that_raises_is_an_error_of_one_line(
    project: ScratchProject, database: DatabaseURL
) -> None:
    project.revision("a1", undo='raise NotImplementedError("never")')
    await upgrade(database)
    with pytest.raises(MigrationError, match=r"line 15: NotImplementedError: never") as failure:
        await downgrade(database, "base")
    assert failure.value.hint == "a1 was rolled back. The database is at a1."


async def test_a_statement_that_looks_like_the_toolkits_is_the_revisions(
    project: ScratchProject, database: DatabaseURL
) -> None:
    own = "SELECT pg_catalog.set_config('a.b', 'c', false), pg_sleep(0)"
    reads = "SELECT version_num FROM alembic_version"
    up = f'op.execute("{own}")\nop.execute("{reads}")\nsa.inspect(op.get_bind()).has_table("t")'
    project.revision("a1", up=up)
    tracer = Tracer()
    await upgrade(database, tracer=tracer)
    assert [each.sql for each in tracer.revisions[0].statements] == [own, reads]
