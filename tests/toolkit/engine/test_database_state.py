"""Where a database stands, seen from the migration files: at head, behind, ahead or elsewhere."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from alembic_neon import (
    ConfigurationError,
    ToolkitError,
    check_database,
    check_health,
    create_engine,
)
from alembic_neon.engine.database_state import Position, compare
from alembic_neon.engine.revisions import RevisionGraph, read_revision_graph
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import MigrationError
from alembic_neon.migration.history.status import read_status
from alembic_neon.migration.runner.run import upgrade
from queries import Query, first_column
from scratch_project import ScratchProject
from sqlalchemy.ext.asyncio import AsyncEngine

# Revisions and what they build on: a line, and one with two branches of which one needs the other.
LINE = {"a": "", "b": "a", "c": "b"}
BRANCHES = {"a": "", "b1": "a", "b2": "a", "c2": "b2 b1"}


def parents(text: Mapping[str, str]) -> dict[str, frozenset[str]]:
    return {revision: frozenset(built_on.split()) for revision, built_on in text.items()}


@pytest.mark.parametrize(
    ("files", "current", "applied", "position"),
    [
        (LINE, "c", {}, "at_head"),
        (LINE, "b", {}, "behind"),
        (LINE, "", {}, "behind"),
        (LINE, "d", {"d": "c"}, "ahead"),
        (LINE, "e", {"e": "d", "d": "c", "c": "b"}, "ahead"),
        (LINE, "d", {}, "elsewhere"),  # nobody noted what it builds on
        (LINE, "x", {"x": "b"}, "elsewhere"),  # c was never applied
        (LINE, "x", {"x": "w", "w": ""}, "elsewhere"),  # another project's
        (BRANCHES, "c2", {}, "at_head"),  # b1 is implied
        (BRANCHES, "c2 b1", {}, "at_head"),  # as Alembic writes it while it upgrades
        (BRANCHES, "b1 b2", {}, "behind"),
        (BRANCHES, "b2", {}, "behind"),
        (BRANCHES, "m", {"m": "c2"}, "ahead"),
        (BRANCHES, "m b2", {"m": "b1"}, "elsewhere"),
        ({"a": "", "z": ""}, "a z", {}, "at_head"),
        ({"a": "", "z": ""}, "a", {}, "behind"),
        ({"a": "", "z": ""}, "a y", {"y": "z"}, "ahead"),
        ({}, "", {}, "at_head"),
        ({}, "x", {"x": ""}, "elsewhere"),
    ],
)
def test_a_database_is_somewhere(
    files: dict[str, str], current: str, applied: dict[str, str], position: Position
) -> None:
    graph = RevisionGraph(parents(files))
    state = compare(frozenset(current.split()), graph, parents(applied))
    assert state.position == position
    assert state.is_served == (position in ("at_head", "ahead"))


def test_labels_and_dependencies_are_read_from_the_files(project: ScratchProject) -> None:
    project.revision("a1", extra="branch_labels = ('shop',)")
    project.revision("b1", "a1")
    project.revision("z1", extra="depends_on = 'shop'")
    project.revision("z2", "z1", extra="depends_on: tuple[str, ...] = ('b1',)")
    (project.versions / "helper.py").write_text("revision_of = 1")
    graph = read_revision_graph(project.versions)
    assert graph.parents == parents({"a1": "", "b1": "a1", "z1": "a1", "z2": "z1 b1"})
    assert graph.heads == {"z2"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("down_revision = 'a' + 'b'", r"x\.py, line 2: down_revision is an expression"),
        ("down_revision = (", r"x\.py is not Python"),
        ("down_revision = '\0'", r"x\.py is not Python"),
    ],
)
def test_a_file_that_cannot_be_read_without_running_it_is_named(
    tmp_path: Path, line: str, message: str
) -> None:
    (tmp_path / "x.py").write_text(f"revision = 'x'\n{line}\n")
    with pytest.raises(ConfigurationError, match=message):
        read_revision_graph(tmp_path)


@pytest.fixture
async def application(
    project: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncEngine]:
    """The engine of an application whose database is at `a1`, the head of its files."""
    project.revision("a1")
    monkeypatch.setenv("DATABASE_URL", database.render())
    await upgrade(database)
    engine = create_engine()
    yield engine
    await engine.dispose()


NEWER = """
CREATE TABLE IF NOT EXISTS alembic_neon_revisions (
    revision text PRIMARY KEY,
    down_revisions text[] NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


async def test_an_older_release_serves_a_database_that_a_newer_one_migrated(
    application: AsyncEngine, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    await check_database(application)
    await query(NEWER)
    await query("INSERT INTO alembic_neon_revisions VALUES ('c3', '{b2}'), ('b2', '{a1}')")
    await query("UPDATE alembic_version SET version_num = 'c3'")
    assert (await check_health(application, max_age_seconds=0)).ok
    assert "ahead" not in caplog.text
    await check_database(application)
    assert "The database is at c3, ahead of this release, which needs a1." in caplog.text


@pytest.mark.parametrize("columns", ["x int", "revision text", "revision int, down_revisions int"])
async def test_a_table_of_another_shape_tells_nothing(
    application: AsyncEngine, query: Query, columns: str
) -> None:
    await query("DROP TABLE alembic_neon_revisions")
    await query(f"CREATE TABLE alembic_neon_revisions ({columns})")
    await query("UPDATE alembic_version SET version_num = 'c3'")
    with pytest.raises(ToolkitError, match="is at c3, which is in no migration file and not known"):
        await check_database(application)


async def test_a_database_that_is_elsewhere_is_refused(
    application: AsyncEngine, query: Query
) -> None:
    await check_database(application)
    await query("UPDATE alembic_version SET version_num = 'x9'")
    with pytest.raises(ToolkitError, match="is at x9, which is in no migration file and not known"):
        await check_database(application)
    assert (await check_health(application, max_age_seconds=0)).stage == "revision"


async def test_a_role_that_may_not_read_the_version_table_learns_what_to_grant(
    application: AsyncEngine, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    superuser = DatabaseURL(database.parts.set(username="postgres"))
    await first_column(superuser, "CREATE ROLE clerk LOGIN")
    try:
        clerk = DatabaseURL(database.parts.set(username="clerk"))
        monkeypatch.setenv("DATABASE_URL", clerk.render())
        engine = create_engine()
        with pytest.raises(ConfigurationError, match="GRANT SELECT ON alembic_version"):
            await check_database(engine)
        await engine.dispose()
    finally:
        await first_column(superuser, "DROP ROLE clerk")


async def test_status_runner_application_and_health_agree_on_labels_and_dependencies(
    project: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.revision("a1", extra="branch_labels = ('shop',)")
    project.revision("z1", extra="depends_on = 'shop'")
    monkeypatch.setenv("DATABASE_URL", database.render())
    await upgrade(database, "heads")
    status = await read_status(database)
    assert (status.is_at_head, status.current, status.heads) == (True, ("z1",), ("z1",))
    environment = project.folder / "migrations/env.py"
    environment.write_text("raise RuntimeError('at head, there is nothing to run')")
    assert await upgrade(database, "heads") == []
    engine = create_engine()
    try:
        await check_database(engine)
        assert (await check_health(engine, max_age_seconds=0)).ok
        project.revision("a2", "a1")
        status = await read_status(database)
        assert (status.is_at_head, status.heads) == (False, ("a2", "z1"))
        with pytest.raises(ToolkitError, match="is at z1, the application needs a2, z1"):
            await check_database(engine)
    finally:
        await engine.dispose()


async def test_the_status_of_a_database_that_is_ahead_says_so(
    application: AsyncEngine, database: DatabaseURL, query: Query
) -> None:
    await query("INSERT INTO alembic_neon_revisions VALUES ('b2', '{a1}')")
    await query("UPDATE alembic_version SET version_num = 'b2'")
    with pytest.raises(MigrationError, match="is at b2, which no file has: it is ahead of these"):
        await read_status(database)
