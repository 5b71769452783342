"""`db baseline`: a live schema becomes a revision that is proved equal to it."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from alembic_neon.baseline import create as baseline
from alembic_neon.baseline.create import NotEqualError, make_baseline
from alembic_neon.baseline.dump_text import DumpedObject, parse_dump
from alembic_neon.baseline.revision_file import literal
from alembic_neon.embedded.server import LocalServer
from alembic_neon.engine.factory import migration_connection
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import MigrationError, UsageError
from alembic_neon.migration.history.status import read_status
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.project import read_toml
from alembic_neon.verification.catalog import take_snapshot
from alembic_neon.verification.databases import TestDatabases
from queries import Query
from scratch_project import ScratchProject
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

RICH: Final = (Path(__file__).parent / "rich_schema.sql").read_text()


@pytest.fixture
def project(project: ScratchProject) -> Iterator[ScratchProject]:
    """The project, whose own server ends with the test."""
    yield project
    LocalServer(project.folder / ".neon-local", "development", 18).stop()


@pytest.fixture
def other(databases: TestDatabases) -> Iterator[DatabaseURL]:
    """The URL of a second empty database."""
    url = databases.create()
    yield url
    databases.drop(url)


def said(result: "subprocess.CompletedProcess[str]") -> str:
    """Return what a command that succeeded told the person."""
    assert result.returncode == 0, result.stderr
    return result.stderr


async def fill(url: DatabaseURL, sql: str) -> None:
    async with migration_connection(url) as connection:
        await (await connection.get_raw_connection()).driver_connection.execute(sql)  # type: ignore[union-attr]


async def test_a_rich_schema_is_brought_in_and_worked_on(
    project: ScratchProject, database: DatabaseURL, other: DatabaseURL, query: Query
) -> None:
    await fill(database, RICH)
    before = await take_snapshot(database)
    live = {"DATABASE_URL": database.render()}
    assert "makes exactly the schema" in said(
        await asyncio.to_thread(project.db, "baseline", **live)
    )

    assert before.difference(await take_snapshot(database)) == []
    status = await read_status(database)
    assert status.current == status.heads
    assert await query("SELECT count(*) FROM fleeting") == 2
    await upgrade(other)
    differing = {each.object.kind for each in before.difference(await take_snapshot(other))}
    assert differing <= {"privileges", "default privileges"}, (
        "grants are left out, and nothing else"
    )

    # It is no new work to the linter, and what the models lack is told.
    project.models("import sqlalchemy as sa\nmetadata = sa.MetaData()\n")
    checked = await asyncio.to_thread(project.db, "check", "--all", **live)
    assert checked.returncode == 1
    assert "op.drop_table('serial_one')" in checked.stdout
    assert "squawk" not in checked.stdout
    assert "versions/" not in checked.stdout, "no finding points into the baseline"
    assert "parted_2024" not in checked.stdout, "a partition needs no model"


async def test_what_is_written_is_readable_and_says_that_it_goes_one_way(
    project: ScratchProject, database: DatabaseURL
) -> None:
    await fill(database, 'CREATE TABLE t (id serial PRIMARY KEY, "Order" text)')
    made = await make_baseline(database, "as it was", stamp=False)
    source = made.path.read_text()
    assert '"""as it was' in source
    assert "    # table public.t\n    op.execute(" in source
    assert 'irreversible = "baseline: ' in source
    assert source.count("op.execute") < 12
    assert "SET default" not in source
    assert "restrict" not in source
    assert (await read_status(database)).current == ()


async def test_a_second_database_is_proved_and_stamped_by_the_same_baseline(
    project: ScratchProject, database: DatabaseURL, other: DatabaseURL
) -> None:
    await fill(database, "CREATE TABLE t (id int)")
    first = await make_baseline(database, "baseline", stamp=False)
    second = await make_baseline(database, "baseline", stamp=True)
    assert second.revision == first.revision
    assert not second.is_new
    await fill(other, "CREATE TABLE t (id bigint)")
    with pytest.raises(NotEqualError) as refused:
        await make_baseline(other, "baseline", stamp=True)
    assert [each.object.label for each in refused.value.differences] == ["column public.t.id"]
    assert first.path.exists()
    assert (await read_status(other)).current == ()


async def test_a_baseline_that_makes_another_schema_is_removed_and_the_difference_shown(
    project: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database, "CREATE TABLE t (id int); CREATE TABLE u (id int)")

    def without_u(text: str) -> list[DumpedObject]:
        return [each for each in parse_dump(text) if not each.name.endswith(".u")]

    monkeypatch.setattr(baseline, "parse_dump", without_u)
    with pytest.raises(NotEqualError, match="2 objects differ") as refused:
        await make_baseline(database, "baseline", stamp=True)
    assert str(refused.value.differences[0]).startswith("- column public.u.id")
    assert project.revision_files == []
    assert (await read_status(database)).current == ()


async def test_a_baseline_that_does_not_run_is_removed(
    project: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database, "CREATE TABLE t (id int)")
    monkeypatch.setattr(
        baseline, "parse_dump", lambda _: [DumpedObject("table t", ("CREATE TABL t ()",))]
    )
    with pytest.raises(MigrationError, match="syntax error"):
        await make_baseline(database, "baseline", stamp=True)
    assert project.revision_files == []


async def test_where_it_has_no_place_it_is_refused(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    with pytest.raises(UsageError, match="no schema to make a baseline of"):
        await make_baseline(database, "baseline", stamp=True)
    project.revision("r1", up='op.execute("CREATE TABLE t (id int)")')
    await query("CREATE TABLE t (id int)")
    with pytest.raises(UsageError, match="has 1 revision and the database none"):
        await make_baseline(database, "baseline", stamp=True)
    await query("DROP TABLE t")
    await upgrade(database)
    with pytest.raises(UsageError, match="is at r1 already"):
        await make_baseline(database, "baseline", stamp=True)


@pytest.mark.parametrize("has_schema", [True, False])
async def test_the_version_table_and_its_schema_are_not_in_it(
    project: ScratchProject, database: DatabaseURL, query: Query, has_schema: bool
) -> None:
    settings = project.folder / "pyproject.toml"
    named = '[tool.db]\nversion_table = "schema versions"\nversion_table_schema = "Ops"'
    settings.write_text(settings.read_text().replace("[tool.db]", named))
    read_toml.cache_clear()
    await query("CREATE TABLE t (id int)")
    if has_schema:
        await query('CREATE SCHEMA "Ops"')
        await query('CREATE TABLE "Ops"."schema versions" (version_num varchar(32) PRIMARY KEY)')
    made = await make_baseline(database, "baseline", stamp=True)
    assert "schema versions" not in made.path.read_text()
    assert await query('SELECT version_num FROM "Ops"."schema versions"') == made.revision


async def test_no_password_gets_into_the_file(
    project: ScratchProject, database: DatabaseURL
) -> None:
    superuser = DatabaseURL(database.parts.set(username="postgres"))
    await fill(
        superuser,
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
        "CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 's3cr3t');"
        "CREATE TABLE t (id int)",
    )
    objects = (await baseline._read(superuser))[1]
    assert any(each.name.startswith("server") for each in objects)
    assert "s3cr3t" not in repr(objects)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ':name', a::text, '10:30', E'\\:x', '\\'",
        "SELECT 'a\\:b\\\\:c :d: ::e'",
        'COMMENT ON TABLE t IS \'ends in """ and "\'',
        'CREATE TABLE "T"',
        "SELECT $$one\r\ntwo$$",
        "SELECT '100%', ''''''', \"a\"",
    ],
)
def test_sql_is_written_so_that_it_is_run_as_it_was(sql: str) -> None:
    dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
    written = eval(literal(sql))  # noqa: S307 - our own text
    assert str(text(written).compile(dialect=dialect)) == sql
