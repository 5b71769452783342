"""A project that was there before: db.toml, its own folders, version table, models and tests."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from adopted_project import make_adopted_project
from alembic_neon.embedded.server import LocalServer
from alembic_neon.engine.database_state import current_revisions
from alembic_neon.engine.factory import migration_connection
from alembic_neon.engine.revisions import read_revision_graph
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.engine.version_locations import version_folders
from alembic_neon.engine.version_table import VersionTable, version_table
from alembic_neon.errors import ConfigurationError
from alembic_neon.migration.autogenerate.metadata import metadata_of
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.project import postgres_version, project_root, read_toml, setting_source
from forked_runs import run_module
from queries import first_column
from scratch_project import ScratchProject
from sqlalchemy import Column, Integer, MetaData, Table
from sqlmodel import SQLModel

TESTS = (
    "from alembic_neon.testing import test_models_match_the_migrations as test_models\n"
    "from alembic_neon.testing import test_round_trip as test_round_trip\n"
)


@pytest.fixture
def adopted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScratchProject]:
    """The project; the working directory is its folder."""
    project = make_adopted_project(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    yield project
    for profile in ("development", "test"):
        LocalServer(project.folder / ".neon-local", profile, 18).stop()


def db(project: ScratchProject, *arguments: str, code: int = 0) -> str:
    """Run a command and return what it said."""
    result = project.db(*arguments)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_an_existing_history_is_taken_over_with_its_version_table_and_its_options(
    adopted: ScratchProject,
) -> None:
    assert "2 pending" in db(adopted, "status")
    assert "2 revisions applied" in db(adopted, "upgrade")
    assert "nothing is pending" in db(adopted, "status")
    url = LocalServer(adopted.folder / ".neon-local", "development", 18).url("main")
    names = "SELECT version_num FROM ops.schema_versions"
    assert asyncio.run(first_column(url, names)) == ["bb02"]
    assert asyncio.run(first_column(url, "SELECT to_regclass('public.alembic_version')")) == [None]

    said = db(adopted, "check")
    assert "Passed with" in said
    assert "other-name" in said, "names that the models leave open are told"
    assert "only_one_number" in said
    assert "models match the migrations" in db(adopted, "revision", "-m", "nothing")
    assert "bb02 (head)" in db(adopted, "alembic", "current")

    models = adopted.folder / "legacy/models.py"
    models.write_text(models.read_text().replace("name: str", "size: int | None\n    name: str"))
    assert "would write op.add_column('item'" in db(adopted, "check", code=1)
    db(adopted, "revision", "-m", "add size")
    [written] = [*adopted.folder.glob("alembic/versions/*_add_size.py")]
    assert "drop_constraint" not in written.read_text()

    db(adopted, "rehearse", "--json", "plan.json")
    assert "schema_versions" not in (adopted.folder / "plan.json").read_text()
    db(adopted, "promote", "--plan", "plan.json")
    assert "nothing is pending" in db(adopted, "status")
    assert "Reverted 3 revisions." in db(adopted, "downgrade", "base")


def test_alembic_itself_reads_no_db_toml_and_touches_nothing(adopted: ScratchProject) -> None:
    alembic = ("alembic", "-c", "db.toml", "upgrade", "head")
    result = run_module(*alembic, cwd=adopted.folder)
    assert result.returncode != 0
    assert "No 'script_location' key" in result.stderr + result.stdout
    assert "2 revisions" not in db(adopted, "alembic", "history")
    assert "usage: db alembic" in db(adopted, "alembic", "nonsense", code=2)


@pytest.mark.parametrize(
    "arguments", [(), ("tests/migrations",), ("-p", "no:asyncio", "-p", "no:xdist")]
)
def test_the_tests_run_beside_the_users_own(
    adopted: ScratchProject, database: DatabaseURL, arguments: tuple[str, ...]
) -> None:
    result = run_tests(adopted, database, *arguments)
    passed = 3 if "tests/migrations" in arguments else 4
    assert f"{passed} passed" in result.stdout, result.stdout
    assert "test_round_trip[aa01-" in result.stdout
    assert "test_round_trip[bb02-" in result.stdout


def test_only_new_and_the_users_rows_are_understood(
    adopted: ScratchProject, database: DatabaseURL
) -> None:
    asyncio.run(upgrade(database, "aa01"))
    result = run_tests(adopted, database, "tests/migrations", "--only-new", "-k", "round_trip")
    assert "1 passed" in result.stdout, result.stdout
    assert "[bb02-" in result.stdout
    (adopted.folder / "tests/conftest.py").write_text(
        "import pytest\n"
        '@pytest.fixture(scope="session")\n'
        'def migration_rows():\n    raise RuntimeError("the hook was asked for")\n'
    )
    result = run_tests(adopted, database, "-k", "round_trip")
    assert result.stdout.count("the hook was asked for") >= 1, result.stdout
    assert "ValueError" not in result.stdout


def run_tests(
    project: ScratchProject, database: DatabaseURL, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    """Run pytest in the project, with the template's tests in it and one of the user's."""
    folder = project.folder / "tests/migrations"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test_migrations.py").write_text(TESTS)
    (project.folder / "tests/test_own.py").write_text("def test_own():\n    pass\n")
    if "no:asyncio" in arguments:  # then pytest knows none of its settings
        settings = project.folder / "pyproject.toml"
        settings.write_text(settings.read_text().replace('asyncio_mode = "strict"\n', ""))
    return run_module(
        *("pytest", "-v", "-p", "no:cacheprovider"),
        *("-p", "no:pytest_alembic", *arguments),  # an adopted project has no pytest-alembic
        cwd=project.folder,
        PYTEST_DEBUG_TEMPROOT=str(project.folder),
        TEST_DATABASE_URL=database.render(),
        DATABASE_URL=database.render(),
    )


def test_settings_of_both_files_count_and_the_users_win(adopted: ScratchProject) -> None:
    assert version_table() == VersionTable("schema_versions", "ops")
    assert postgres_version() == 18
    settings = adopted.folder / "pyproject.toml"
    settings.write_text(settings.read_text() + '\n[tool.db]\nversion_table = "mine"\n')
    read_toml.cache_clear()
    assert version_table() == VersionTable("mine", "ops")
    assert setting_source("version_table") == "pyproject.toml"
    settings.write_text(settings.read_text().replace('"mine"', "7"))
    read_toml.cache_clear()
    with pytest.raises(ConfigurationError, match=r"version_table in pyproject\.toml is 7"):
        version_table()
    settings.write_text(settings.read_text().replace("version_table = 7", 'version_table = "mine"'))
    toml = adopted.folder / "db.toml"
    toml.write_text(toml.read_text().replace("postgres_version = 18", "postgres_version = 9"))
    read_toml.cache_clear()
    with pytest.raises(ConfigurationError, match=r"postgres_version in db\.toml is 9"):
        postgres_version()


def test_db_toml_comes_before_alembic_ini_in_one_folder_and_the_nearest_folder_first(
    adopted: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(adopted.folder / "legacy")
    assert project_root() == adopted.folder
    assert version_folders() == [
        adopted.folder / "alembic/versions",
        adopted.folder / "alembic/older",
    ]
    inner = adopted.folder / "legacy/alembic.ini"
    inner.write_text("[alembic]\nscript_location = %(here)s/m\n")
    assert version_folders() == [adopted.folder / "legacy/m/versions"]
    locations = "version_locations = a b/c\nversion_path_separator = space\n"
    inner.write_text(f"[alembic]\nscript_location = m\n{locations}")
    assert version_folders() == [adopted.folder / "legacy/a", adopted.folder / "legacy/b/c"]


async def test_the_application_knows_the_head_without_alembic(
    adopted: ScratchProject, database: DatabaseURL
) -> None:
    assert read_revision_graph().heads == {"bb02"}
    await upgrade(database)
    async with migration_connection(database) as connection:
        assert await current_revisions(connection) == {"bb02"}


def test_models_are_given_in_any_form_and_each_metadata_counts_once() -> None:
    one, two = MetaData(), MetaData()
    Table("a", one, Column("id", Integer))
    assert metadata_of([one]) is one
    assert metadata_of([SQLModel, SQLModel.metadata]) is SQLModel.metadata
    assert metadata_of([one, two, one]) == [one, two]
    with pytest.raises(ConfigurationError, match="no MetaData and has none"):
        metadata_of(["models"])
    Table("a", two, Column("id", Integer))
    with pytest.raises(ConfigurationError, match="Table a is declared on two"):
        metadata_of([one, two])
