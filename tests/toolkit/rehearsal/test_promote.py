"""Promotions and restores: exactly what was rehearsed, refused where anything moved, and back."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from alembic_neon.branches.provider import BranchProvider, RestorePoint
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import MigrationError, ToolkitError, UsageError
from alembic_neon.migration.runner.progress import Progress
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.rehearsal.promote import StalePlanError, promote
from alembic_neon.rehearsal.restore import find_restore_option, list_restore_options
from alembic_neon.rehearsal.result import RehearsedPlan
from alembic_neon.rehearsal.run import Options, rehearse
from queries import first_column
from scratch_project import ScratchProject

pytestmark = pytest.mark.parametrize("provider", ["local", "neon"], indirect=True)

VERSION = "SELECT version_num FROM alembic_version"
Plan = Callable[..., Awaitable[RehearsedPlan]]


@pytest.fixture
async def parent(provider: BranchProvider, project: ScratchProject) -> DatabaseURL:
    """The default branch, at revision a1, with one row."""
    url = await provider.url("main")
    project.revision("a1", up='op.execute("CREATE TABLE t (v int)")')
    await upgrade(url)
    await first_column(url, "INSERT INTO t VALUES (1)")
    return url


@pytest.fixture
async def plan(parent: DatabaseURL, provider: BranchProvider, project: ScratchProject) -> Plan:
    """A function that rehearses two revisions that are pending."""
    project.revision("b2", "a1", up='op.execute("CREATE TABLE b2 ()")', undo=drop("b2"))
    project.revision("c3", "b2", up='op.execute("CREATE TABLE c3 ()")', undo=drop("c3"))
    project.models(
        "from sqlalchemy import Column, Integer, MetaData, Table\nmetadata = MetaData()\n"
        'Table("t", metadata, Column("v", Integer))\n'
        'Table("b2", metadata)\nTable("c3", metadata)\n'
    )

    async def make(branch: str = "main") -> RehearsedPlan:
        found = await rehearse(provider, Options(branch), lambda _: None)
        assert found.verdict == "safe", found.reasons
        return RehearsedPlan.from_report(found.as_json())

    return make


def drop(table: str) -> str:
    """Return the body of a downgrade."""
    return f'op.execute("DROP TABLE {table}")'


async def run(
    provider: BranchProvider, plan: RehearsedPlan, progress: Progress | None = None
) -> str:
    """Promote, and return the name of the restore point."""
    found = await promote(provider, plan, progress or Progress(), lambda _: None)
    assert found.restore_point is not None
    return found.restore_point.name


async def write_counted(url: DatabaseURL, statement: str) -> None:
    """Run a statement, and let PostgreSQL's counters know of it at once."""
    await first_column(url, statement, "SELECT pg_stat_force_next_flush()::text")


async def points(provider: BranchProvider) -> list[str]:
    """Return the names of the default branch's restore points."""
    return [way.point.name for way in await list_restore_options(provider, "main")]


async def test_the_rehearsed_plan_is_promoted_and_can_be_taken_back(
    plan: Plan, provider: BranchProvider, parent: DatabaseURL
) -> None:
    name = await run(provider, await plan())
    assert await first_column(parent, VERSION) == ["c3"]
    (way,) = await list_restore_options(provider, "main")
    assert way.rows_words == "0", "the migration's own stamp is nothing that anybody wrote"
    await write_counted(parent, "INSERT INTO t SELECT 2 FROM generate_series(1, 1234)")
    way = find_restore_option(await list_restore_options(provider, "main"), name)
    assert way.loss.startswith("1 234 rows written in the last ")
    (Path(".neon-local") / "restore-points.json").unlink()
    (way,) = await list_restore_options(provider, "main")
    assert (way.rows_words, way.loss.split(" in the")[0]) == ("unknown", "everything written")
    await provider.restore("main", way.point)
    assert await first_column(parent, VERSION) == ["a1"]
    assert await first_column(parent, "SELECT v FROM t") == [1]
    with pytest.raises(UsageError, match="no restore point nope"):
        find_restore_option(await list_restore_options(provider, "main"), "nope")


async def test_a_parent_changed_by_hand_is_refused(
    plan: Plan, provider: BranchProvider, parent: DatabaseURL
) -> None:
    made = await plan()
    await first_column(parent, "ALTER TABLE t ADD by_hand int")
    with pytest.raises(StalePlanError, match=r"changed by hand since\. Nothing was done"):
        await run(provider, made)
    assert await first_column(parent, VERSION) == ["a1"]
    assert await points(provider) == []


async def test_a_parent_changed_in_the_last_moment_is_refused_too(
    plan: Plan, provider: BranchProvider, parent: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await plan()
    make_point = provider.make_restore_point

    async def make_point_and_change(
        _: BranchProvider, branch: str, *, force: bool = False
    ) -> RestorePoint:
        point = await make_point(branch, force=force)
        await first_column(parent, "ALTER TABLE t ADD by_hand int")
        return point

    monkeypatch.setattr(type(provider), "make_restore_point", make_point_and_change)
    with pytest.raises(StalePlanError, match="changed by hand"):
        await promote(provider, made, Progress(), lambda _: None)
    assert await first_column(parent, VERSION) == ["a1"]
    assert await points(provider) == []


async def test_a_database_at_another_revision_is_refused(
    plan: Plan, provider: BranchProvider, parent: DatabaseURL
) -> None:
    made = await plan()
    await upgrade(parent, "b2")
    with pytest.raises(StalePlanError, match="is at b2, not at a1"):
        await run(provider, made)


async def test_changed_files_are_refused(
    plan: Plan, provider: BranchProvider, parent: DatabaseURL, project: ScratchProject
) -> None:
    made = await plan()
    project.revision("c3", "b2", up='op.execute("CREATE TABLE c3 (n int)")')
    with pytest.raises(StalePlanError, match="the revision files were changed"):
        await run(provider, made)
    project.revision("d4", "c3")
    with pytest.raises(StalePlanError, match="the head is d4 now, not c3"):
        await run(provider, made)


async def test_a_blocked_plan_is_refused(plan: Plan, provider: BranchProvider) -> None:
    with pytest.raises(ToolkitError, match="verdict is blocked"):
        await run(provider, replace(await plan(), verdict="blocked"))


async def test_a_failure_in_the_middle_is_told_truly_and_restored(
    plan: Plan, provider: BranchProvider, parent: DatabaseURL, project: ScratchProject
) -> None:
    project.revision("d4", "c3")
    project.revision(
        "c3",
        "b2",
        # It fails on the row that the parent gets after the rehearsal.
        up='op.execute("SELECT 1 / (v - 2) FROM t")\nop.execute("CREATE TABLE c3 ()")',
        undo=drop("c3"),
    )
    made = await plan()
    await first_column(parent, "INSERT INTO t VALUES (2)")
    with pytest.raises(MigrationError) as failed:
        await run(provider, made)
    message = str(failed.value)
    assert "division by zero" in message
    assert "The database is at b2, begun at a1; not applied: c3, d4." in message
    (name,) = await points(provider)
    assert f"db restore {name}" in message
    assert await first_column(parent, VERSION) == ["b2"]
    await provider.restore(
        "main", find_restore_option(await list_restore_options(provider, "main"), name).point
    )
    assert await first_column(parent, VERSION) == ["a1"]
    assert await first_column(parent, "SELECT to_regclass('b2')::text") == [None]


async def test_another_schema_than_rehearsed_is_an_error_afterwards(
    plan: Plan, provider: BranchProvider, parent: DatabaseURL
) -> None:
    made = replace(await plan(), catalog_after="another")
    with pytest.raises(ToolkitError, match="another one than after the rehearsal"):
        await run(provider, made)
