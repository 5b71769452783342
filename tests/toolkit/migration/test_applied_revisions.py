"""The table of applied revisions: what is in it, and that nobody else sees it."""

from typing import Any

import pytest
from alembic import command
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import MigrationError
from alembic_neon.migration.autogenerate.generate import create_revision
from alembic_neon.migration.runner.run import downgrade, upgrade
from alembic_neon.verification.catalog import take_snapshot
from queries import Query, first_column
from scratch_project import ScratchProject
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

ROWS = (
    "SELECT revision || ' after ' || array_to_string(down_revisions, ',') || "
    "CASE WHEN applied_at <= now() THEN '' END FROM alembic_neon_revisions ORDER BY revision"
)


async def test_each_revision_is_noted_with_what_it_builds_on_and_goes_with_its_downgrade(
    project: ScratchProject, database: DatabaseURL
) -> None:
    project.revision("a1")
    project.revision("b2", "a1")
    project.revision("c2", "a1", extra='branch_labels = ("label",)')
    project.revision("d3", "b2", extra='depends_on = "label"')
    await upgrade(database, "heads")
    assert await first_column(database, ROWS) == [
        "a1 after ",
        "b2 after a1",
        "c2 after a1",
        "d3 after b2,c2",
    ]
    await downgrade(database, "b2")
    assert await first_column(database, ROWS) == ["a1 after ", "b2 after a1", "c2 after a1"]


async def test_what_alembic_alone_has_applied_is_added_by_the_next_run(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    project.revision("a1")
    project.revision("b2", "a1")
    await upgrade(database)
    await query("DROP TABLE alembic_neon_revisions")
    project.revision("c3", "b2", up='op.execute("SELECT 1")')
    await upgrade(database)
    assert await first_column(database, ROWS) == ["a1 after ", "b2 after a1", "c3 after b2"]


async def test_a_failed_revision_is_not_noted(
    project: ScratchProject, database: DatabaseURL
) -> None:
    project.revision("a1")
    project.revision("b2", "a1", up='op.execute("SELECT 1/0")')
    with pytest.raises(MigrationError, match="division by zero"):
        await upgrade(database)
    assert await first_column(database, ROWS) == ["a1 after "]


async def test_a_stamp_notes_what_it_says_was_applied(
    project: ScratchProject, database: DatabaseURL, engine: AsyncEngine
) -> None:
    project.revision("a1")
    project.revision("b2", "a1")

    def stamp(connection: Connection, /, revision: str, **options: Any) -> None:
        config = project.config
        config.attributes["connection"] = connection
        command.stamp(config, revision, **options)

    async with engine.connect() as connection:
        await connection.run_sync(stamp, "b2")
        assert await first_column(database, ROWS) == ["a1 after ", "b2 after a1"]
        await connection.run_sync(stamp, "a1", purge=True)
        assert await first_column(database, ROWS) == ["a1 after "]


async def test_a_role_that_may_not_make_it_migrates_all_the_same(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    await query("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    await query("CREATE TABLE made (n int)")
    superuser = DatabaseURL(database.parts.set(username="postgres"))
    await first_column(superuser, "ALTER SCHEMA public OWNER TO postgres")
    await first_column(superuser, "REVOKE CREATE ON SCHEMA public FROM public, neondb_owner")
    project.revision("a1", up='op.execute("INSERT INTO made VALUES (1)")')
    assert len(await upgrade(database)) == 1
    assert await query("SELECT to_regclass('alembic_neon_revisions')") is None


async def test_neither_catalog_nor_autogenerate_sees_it(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    before = await take_snapshot(database)
    project.revision("a1")
    await upgrade(database)
    assert await query("SELECT count(*) FROM alembic_neon_revisions") == 1
    assert before.difference(await take_snapshot(database)) == []
    assert await create_revision(database, "nothing", project.config) == []


@pytest.mark.parametrize(
    "instead",
    [
        "CREATE TABLE alembic_neon_revisions (x int)",
        "CREATE TABLE alembic_neon_revisions (revision text PRIMARY KEY)",
        "CREATE TABLE alembic_neon_revisions (revision text, down_revisions text[])",
        "CREATE TABLE alembic_neon_revisions (revision int PRIMARY KEY, down_revisions text[])",
        "CREATE VIEW alembic_neon_revisions AS SELECT 'a1' AS revision, '{}'::text[] AS"
        " down_revisions",
    ],
)
async def test_a_relation_of_its_name_and_another_shape_is_left_alone(
    project: ScratchProject,
    database: DatabaseURL,
    query: Query,
    instead: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await query(instead)
    project.revision("a1")
    project.revision("b2", "a1")
    assert len(await upgrade(database)) == 2
    assert len(await downgrade(database, "a1")) == 1
    assert "it is not the table that the toolkit makes" in caplog.text


@pytest.mark.parametrize("granted", ["SELECT", "INSERT", "DELETE", "SELECT, INSERT"])
async def test_a_role_that_may_not_write_it_whole_migrates_all_the_same(
    project: ScratchProject, database: DatabaseURL, query: Query, granted: str
) -> None:
    project.revision("a1")
    await upgrade(database)
    await query("CREATE TABLE made (n int)")
    superuser = DatabaseURL(database.parts.set(username="postgres"))
    await first_column(superuser, "ALTER TABLE alembic_neon_revisions OWNER TO postgres")
    await first_column(
        superuser, f"GRANT {granted} ON alembic_neon_revisions TO {database.parts.username}"
    )
    project.revision("b2", "a1", up='op.execute("INSERT INTO made VALUES (1)")')
    assert len(await upgrade(database)) == 1
    assert len(await downgrade(database, "a1")) == 1
