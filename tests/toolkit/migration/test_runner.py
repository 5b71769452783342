"""The runner: what it applies, reports and leaves behind, also where a revision fails."""

from functools import partial

import pytest
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import MigrationError, UsageError
from alembic_neon.migration.history.status import read_status
from alembic_neon.migration.runner.progress import Progress, Step
from alembic_neon.migration.runner.run import downgrade, print_sql, run_single_step, upgrade
from queries import Query
from scratch_project import ScratchProject

VERSIONS = "SELECT string_agg(version_num, ',' ORDER BY version_num) FROM alembic_version"


@pytest.fixture
def history(project: ScratchProject) -> ScratchProject:
    """Three revisions, one table each."""
    for down, name in ((None, "a1"), ("a1", "b2"), ("b2", "c3")):
        project.revision(
            name,
            down,
            up=f'op.execute("CREATE TABLE {name} ()")',
            undo=f'op.execute("DROP TABLE {name}")',
        )
    return project


async def test_it_applies_what_is_pending_and_reports_each(
    history: ScratchProject, database: DatabaseURL
) -> None:
    class Seen(Progress):
        def on_finish(self, step: Step) -> None:
            seen.append(step)

    seen: list[Step] = []
    steps = await upgrade(database, progress=Seen())
    assert steps == seen
    assert [(step.revision, step.message, step.is_upgrade) for step in steps] == [
        ("a1", "a1 it is", True),
        ("b2", "b2 it is", True),
        ("c3", "c3 it is", True),
    ]
    assert all(0 < step.duration_ms < 60_000 for step in steps)
    assert await upgrade(database) == []


async def test_it_goes_to_a_revision_and_back(
    history: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    await upgrade(database, "b2")
    assert await query(VERSIONS) == "b2"
    await upgrade(database, "+1")
    assert [step.revision for step in await downgrade(database, "-2")] == ["c3", "b2"]
    assert await query(VERSIONS) == "a1"
    assert [step.is_upgrade for step in await downgrade(database, "base")] == [False]
    assert await query(VERSIONS) is None


async def test_a_failing_revision_is_rolled_back_and_those_before_it_stay(
    history: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    path = history.revision(
        "d4", "c3", up='op.execute("CREATE TABLE half ()")\nop.execute("SELECT 1/0")'
    )
    with pytest.raises(MigrationError) as failed:
        await upgrade(database)
    line = path.read_text().splitlines().index('    op.execute("SELECT 1/0")') + 1
    assert str(failed.value).startswith(f"{path.name}, line {line}: division by zero")
    assert await query(VERSIONS) == "c3"
    assert await query("SELECT to_regclass('half')") is None


async def test_an_error_of_the_revisions_own_code_is_one_line_with_the_line_of_the_file(
    project: ScratchProject, database: DatabaseURL
) -> None:
    path = project.revision("a1", up='raise ValueError("a mistake of the author")')
    with pytest.raises(MigrationError) as failed:
        await upgrade(database)
    assert failed.value.message == f"{path.name}, line 11: ValueError: a mistake of the author."
    assert failed.value.hint == "a1 was rolled back. The database is at no revision."


CATCHES = """
try:
    op.execute("SELECT no_such_function()")
except sa.exc.DBAPIError:
    pass
"""


@pytest.mark.parametrize("then", ["", 'op.execute("CREATE TABLE later ()")'])
async def test_a_revision_that_catches_an_error_of_postgresql_is_told_so(
    project: ScratchProject, database: DatabaseURL, query: Query, then: str
) -> None:
    project.revision("a1", up='op.execute("CREATE TABLE before ()")' + CATCHES + then)
    with pytest.raises(MigrationError, match="a1: it caught an error of PostgreSQL's"):
        await upgrade(database)
    assert await query("SELECT to_regclass('before')") is None


async def test_a_revision_may_catch_an_error_in_a_savepoint(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    lines = CATCHES.replace("    op.", "    with op.get_bind().begin_nested():\n        op.")
    project.revision("a1", up='op.execute("CREATE TABLE before ()")' + lines)
    await upgrade(database)
    assert await query("SELECT to_regclass('before')::text") == "before"


async def test_a_new_enum_value_is_there_for_the_next_revision(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    """Only possible where each revision is a transaction of its own."""
    project.revision("a1", up="op.execute(\"CREATE TYPE mood AS ENUM ('ok')\")")
    project.revision("b2", "a1", up="op.execute(\"ALTER TYPE mood ADD VALUE 'good'\")")
    project.revision("c3", "b2", up="op.execute(\"CREATE TABLE t AS SELECT 'good'::mood AS m\")")
    await upgrade(database)
    assert await query("SELECT m::text FROM t") == "good"


async def test_an_index_is_built_concurrently(
    history: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    history.revision(
        "d4",
        "c3",
        up="with op.get_context().autocommit_block():\n"
        '    op.create_index("ix_t_n", "t", ["n"], postgresql_concurrently=True)',
    )
    await query("CREATE TABLE t (n int)")
    await upgrade(database)
    assert await query("SELECT to_regclass('ix_t_n')::text") == "ix_t_n"
    assert await query(VERSIONS) == "d4"


@pytest.mark.parametrize("revision", ["nope", "a1x", "a1:nope:b2"])
async def test_an_unknown_revision_is_refused(
    history: ScratchProject, database: DatabaseURL, revision: str
) -> None:
    with pytest.raises(UsageError) as refused:
        await upgrade(database, revision)
    assert "\n" not in str(refused.value)


async def test_two_heads_are_refused_and_nothing_is_applied(
    history: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    history.revision("z9", "a1")
    with pytest.raises(MigrationError, match=r"more than one head.*alembic merge heads"):
        await upgrade(database)
    assert await query("SELECT to_regclass('alembic_version')") is None
    assert len(await upgrade(database, "heads")) == 4
    assert await query(VERSIONS) == "c3,z9"


async def test_two_files_of_one_revision_are_refused(
    history: ScratchProject, database: DatabaseURL
) -> None:
    """Alembic warns, and one of them silently counts for nothing."""
    (history.versions / "copy.py").write_text(next(history.versions.glob("*b2.py")).read_text())
    with pytest.raises(MigrationError, match="Revision b2 is present more than once"):
        await upgrade(database)


async def test_revisions_that_run_in_a_circle_are_refused(
    history: ScratchProject, database: DatabaseURL
) -> None:
    history.revision("a1", "c3")
    with pytest.raises(MigrationError, match="Cycle is detected"):
        await upgrade(database)


async def test_a_single_step_goes_past_what_else_is_applied(
    history: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    """A round trip takes back a revision though its sibling is applied."""
    history.revision("s2", "a1", up='op.execute("CREATE TABLE s2 ()")')
    await upgrade(database, "heads")
    await run_single_step(database, "c3", is_upgrade=False)
    assert await query(VERSIONS) == "b2,s2"
    await run_single_step(database, "c3", is_upgrade=True)
    assert await query(VERSIONS) == "c3,s2"


async def test_the_status_tells_what_is_applied_and_pending(
    history: ScratchProject, database: DatabaseURL
) -> None:
    await upgrade(database, "a1")
    status = await read_status(database)
    assert (status.current, status.heads) == (("a1",), ("c3",))
    assert [script.revision for script in status.pending] == ["b2", "c3"]
    assert not status.is_at_head


async def test_a_database_at_an_unknown_revision_is_told(
    history: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    await upgrade(database)
    next(history.versions.glob("*c3.py")).unlink()
    for look in (read_status, upgrade, partial(downgrade, revision="a1")):
        with pytest.raises(MigrationError, match="The database is at c3, which no file"):
            await look(database)


def test_sql_is_printed_both_ways(
    history: ScratchProject, capsys: pytest.CaptureFixture[str]
) -> None:
    print_sql("head")
    assert "CREATE TABLE c3 ();" in capsys.readouterr().out
    print_sql("c3:b2", is_upgrade=False)
    assert "DROP TABLE c3;" in capsys.readouterr().out
    with pytest.raises(UsageError, match="Give a range"):
        print_sql("base", is_upgrade=False)
