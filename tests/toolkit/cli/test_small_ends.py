"""Rare ends of a command: prints of revisions, odd names, a server that only reads."""

import json

import pytest
from alembic_neon.engine.factory import migration_connection
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.verification.databases import TestDatabases
from queries import Query, first_column
from scratch_project import ScratchProject

TABLE = 'op.execute("CREATE TABLE t (v int)")'
MODELS = """
from sqlalchemy import Column, Integer, MetaData, Table

metadata = MetaData()
Table("t", metadata, Column("v", Integer))
"""
SETTING = "default_transaction_read_only"
READ_ONLY = f"ALTER DATABASE {{}} SET {SETTING} = on"


def error_line(stderr: str) -> str:
    """Return the line of the error, which is the last one, and comes without a traceback."""
    assert "Traceback" not in stderr, stderr
    line = stderr.strip().splitlines()[-1]
    assert line.startswith("Error: "), stderr
    return line


def test_what_a_revision_prints_is_no_part_of_the_json(
    project: ScratchProject, database: DatabaseURL
) -> None:
    project.revision("a1", up=f'print("of the author")\n{TABLE}', extra='print("imported")')
    result = project.db("upgrade", "--json", "-", DATABASE_URL=database.render())
    assert [step["revision"] for step in json.loads(result.stdout)] == ["a1"], result.stdout
    assert "of the author" in result.stderr
    plain = project.db("downgrade", "base", DATABASE_URL=database.render())
    assert plain.stdout.startswith("imported"), "without JSON a print is a print"


@pytest.mark.parametrize("key", ["version_table", "version_table_schema"])
@pytest.mark.parametrize("name", ["v" * 64, "ü" * 32])
def test_a_version_table_whose_name_postgresql_would_cut_is_refused(
    project: ScratchProject, database: DatabaseURL, key: str, name: str
) -> None:
    path = project.folder / "pyproject.toml"
    path.write_text(path.read_text().replace("[tool.db]", f'[tool.db]\n{key} = "{name}"'))
    result = project.db("upgrade", DATABASE_URL=database.render())
    assert result.returncode == 2
    assert f"[tool.db] {key} in pyproject.toml has 64 bytes." in error_line(result.stderr)


@pytest.mark.parametrize(
    "name", ["x :y", "it's", 'a "b"', "100%", "%(here)s", "Größe", "a/b?c", "a\\b", "$x;--"]
)
async def test_a_database_may_have_any_name(
    project: ScratchProject, databases: TestDatabases, database: DatabaseURL, name: str
) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    maintenance = database.with_database("postgres")
    await run_outside(maintenance, f"CREATE DATABASE {quoted}")
    project.revision("a1", up=TABLE)
    url = database.with_database(name)
    try:
        result = project.db("upgrade", DATABASE_URL=url.render())
        assert (result.returncode, name in result.stderr) == (0, True), result.stderr
        assert await first_column(url, "SELECT to_regclass('t')::text") == ["t"]
        status = project.db("status", DATABASE_URL=url.render())
        assert status.returncode == 0, status.stderr
    finally:
        await run_outside(maintenance, f"DROP DATABASE {quoted} WITH (FORCE)")


async def run_outside(url: DatabaseURL, statement: str) -> None:
    async with migration_connection(url) as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.exec_driver_sql(statement)


@pytest.mark.parametrize("schema", [None, "versions"])
async def test_a_database_that_only_reads_is_named_in_one_line_and_rehearsed_on_a_copy(
    project: ScratchProject, database: DatabaseURL, query: Query, schema: str | None
) -> None:
    await query(READ_ONLY.format(database.database))
    everywhere = DatabaseURL.parse(f"{database.render()}&options=-c%20{SETTING}%3Don").render()
    if schema:
        path = project.folder / "pyproject.toml"
        table = f'[tool.db]\nversion_table_schema = "{schema}"'
        path.write_text(path.read_text().replace("[tool.db]", table))
    project.revision("a1", up=TABLE, undo='op.execute("DROP TABLE t")')
    project.models(MODELS)
    result = project.db("upgrade", DATABASE_URL=everywhere)
    assert result.returncode == 1, result.stderr
    assert "read-only" in error_line(result.stderr)
    # A rehearsal runs on a copy, which is made by pg_dump where the server takes none.
    for command in ("check", "status", "rehearse"):
        result = project.db(command, DATABASE_URL=everywhere)
        assert (result.returncode, "Traceback" in result.stderr) == (0, False), (
            result.stdout + result.stderr
        )


async def test_a_run_whose_end_cannot_be_read_says_what_is_committed(
    project: ScratchProject, database: DatabaseURL
) -> None:
    # The lock's connection, by which the end is read, is cut after the last commit.
    project.revision("a1", up=TABLE)
    env = project.folder / "migrations/env.py"
    env.write_text(
        "from alembic_neon.migration.runner.execution import MigrationRun\n"
        "verify = MigrationRun.verify_version_table\n"
        "def cut(run):\n"
        "    driver = run._lock.connection.connection.driver_connection\n"
        "    driver._transport.abort()\n"
        "    verify(run)\n"
        "MigrationRun.verify_version_table = cut\n" + env.read_text()
    )
    result = project.db("upgrade", DATABASE_URL=database.render())
    assert result.returncode == 1
    assert "The database was migrated to a1" in error_line(result.stderr)
