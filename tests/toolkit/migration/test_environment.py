"""Alembic's environment: the kinds of connection it takes, loggers and running loops."""

import asyncio
import logging
import subprocess
import sys

import pytest
from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConfigurationError
from alembic_neon.migration.alembic_internals import Step, upgrade_steps
from alembic_neon.migration.autogenerate.generate import create_revision
from alembic_neon.migration.commands import script_directory
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.project import read_toml
from rendering import TOOLKIT_PARENT, check, inherited_environment
from scratch_project import ScratchProject
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine


class Connectable:
    """What pytest-alembic hands over: something with `connect()`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def connect(self) -> Connection:
        return self._connection


@pytest.fixture
def revised(project: ScratchProject) -> ScratchProject:
    """A project with one revision."""
    project.revision("a1", up='op.execute("CREATE TABLE made ()")')
    return project


async def tables(engine: AsyncEngine) -> set[str]:
    async with engine.connect() as connection:
        names = text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = :schema")
        schema = await connection.scalar(text("SELECT 'public'::regnamespace::oid"))
        return set((await connection.scalars(names, {"schema": schema})).all())


@pytest.mark.parametrize("kind", ["connection", "connectable", "begun"])
async def test_it_takes_a_connection_of_the_callers(
    revised: ScratchProject, engine: AsyncEngine, kind: str
) -> None:
    def upgrade(connection: Connection) -> None:
        if kind == "begun":
            connection.execute(text("SELECT 1"))  # begins a transaction, which must not swallow it
        config = revised.config
        config.attributes["connection"] = (
            Connectable(connection) if kind == "connectable" else connection
        )
        command.upgrade(config, "head")

    async with engine.connect() as connection:
        await connection.run_sync(upgrade)
    assert await tables(engine) == {"alembic_neon_revisions", "alembic_version", "made"}


def test_it_takes_an_engine(revised: ScratchProject, database: DatabaseURL) -> None:
    engine = create_migration_engine(database)
    config = revised.config
    config.attributes["connection"] = engine
    command.upgrade(config, "head")
    assert asyncio.run(tables(engine)) == {"alembic_neon_revisions", "alembic_version", "made"}


async def test_without_a_connection_it_uses_the_settings_also_inside_a_running_loop(
    revised: ScratchProject,
    database: DatabaseURL,
    engine: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.render())
    command.upgrade(revised.config, "head")
    assert await tables(engine) == {"alembic_neon_revisions", "alembic_version", "made"}


async def test_a_failure_inside_a_running_loop_reaches_the_caller(
    revised: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://role@127.0.0.1:1/db")
    with pytest.raises(Exception, match="cannot be reached"):
        command.upgrade(revised.config, "head")


@pytest.mark.parametrize(
    ("env_file", "words"),
    [
        ("import nowhere.models", "line 1: No module named 'nowhere'"),
        ("\nfrom decimal import Base", "line 2: cannot import name 'Base' from 'decimal'"),
        (
            "import decimal\ndecimal.metadata",
            "line 2: module 'decimal' has no attribute",
        ),
    ],
)
async def test_models_that_are_not_where_env_py_looks_are_one_line(
    revised: ScratchProject, database: DatabaseURL, env_file: str, words: str
) -> None:
    (revised.folder / "migrations/env.py").write_text(env_file)
    with pytest.raises(ConfigurationError, match=words) as failure:
        await upgrade(database, config=revised.config)
    assert "env.py" in failure.value.message
    assert "--data metadata=" in failure.value.hint


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("models.py", "import nowhere", r"models\.py, line 1: ModuleNotFoundError: No module"),
        ("models.py", "x = 1\ndef (:", r"models\.py, line 2: SyntaxError: "),
        ("models.py", "1 / 0", r"models\.py, line 1: ZeroDivisionError: division by zero"),
        ("env.py", "<<<<<<< HEAD\nx = 1", r"env\.py, line 1: a conflict marker of git"),
        ("hooks.py", "def include_object(:", r"hooks\.py, line 1: SyntaxError"),
    ],
)
async def test_an_error_in_a_file_of_the_project_is_one_line_with_its_place(
    revised: ScratchProject, database: DatabaseURL, file: str, text: str, words: str
) -> None:
    (revised.folder / "migrations" / file).write_text(text)
    with pytest.raises(ConfigurationError, match=words) as failure:
        await upgrade(database, config=revised.config)
    assert "\n" not in str(failure.value)


async def test_a_foreign_key_to_a_table_that_no_model_declares_is_one_line(
    revised: ScratchProject, database: DatabaseURL
) -> None:
    revised.models("""
        import sqlalchemy as sa
        metadata = sa.MetaData()
        sa.Table("child", metadata, sa.Column("parent", sa.ForeignKey("nowhere.id")))
    """)
    await upgrade(database)
    with pytest.raises(ConfigurationError, match="could not find table 'nowhere'") as failure:
        await create_revision(database, "child", revised.config)
    assert failure.value.hint.startswith("Import the module that declares it")


def test_plain_alembic_uses_the_same_settings(
    revised: ScratchProject, database: DatabaseURL
) -> None:
    alembic = (sys.executable, "-m", "alembic")
    settings = {"DATABASE_URL": database.render(), "PYTHONPATH": str(TOOLKIT_PARENT)}
    check(*alembic, "upgrade", "head", cwd=revised.folder, **settings)
    assert check(*alembic, "current", cwd=revised.folder, **settings).strip() == "a1 (head)"
    revised.revision("b2", "a1", up='op.execute("SELECT 1/0")')
    failed = subprocess.run(
        [*alembic, "upgrade", "head"],
        cwd=revised.folder,
        env=inherited_environment() | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode != 0
    assert "Traceback" not in failed.stderr
    assert "b2.py, line 11: division by zero" in failed.stdout + failed.stderr


def test_a_percent_sign_in_the_password_breaks_nothing(
    revised: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server trusts every local role, so the password only has to travel."""
    url = DatabaseURL(database.parts.set(password="p%40%s%(here)s"))
    monkeypatch.setenv("DATABASE_URL", url.render())
    command.upgrade(revised.config, "head")


@pytest.fixture
def own_schema(revised: ScratchProject) -> ScratchProject:
    """The project, with the version table in a schema of its own that is not there yet."""
    settings = revised.folder / "pyproject.toml"
    line = '[tool.db]\nversion_table_schema = "Ops"'
    settings.write_text(settings.read_text().replace("[tool.db]", line))
    read_toml.cache_clear()
    return revised


def test_printed_as_sql_the_schema_of_the_version_table_is_made_first(
    own_schema: ScratchProject, capsys: pytest.CaptureFixture[str]
) -> None:
    command.upgrade(own_schema.config, "head", sql=True)
    printed = capsys.readouterr().out
    schema = printed.index('CREATE SCHEMA IF NOT EXISTS "Ops";')
    assert schema < printed.index('CREATE TABLE "Ops".alembic_version')
    command.upgrade(own_schema.config, "a1:head", sql=True)
    assert "CREATE SCHEMA" not in capsys.readouterr().out


async def test_pytest_alembics_steps_run_with_a_schema_of_the_version_tables_own(
    own_schema: ScratchProject, engine: AsyncEngine
) -> None:
    config, script = own_schema.config, script_directory(own_schema.config)

    def steps(heads: tuple[str, ...], _: MigrationContext) -> list[Step]:
        return upgrade_steps(script, "head", heads)

    def run(connection: Connection) -> None:
        config.attributes["connection"] = Connectable(connection)
        with EnvironmentContext(config, script, fn=steps):  # without a destination, as it has none
            script.run_env()

    async with engine.connect() as connection:
        await connection.run_sync(run)
    assert await tables(engine) == {"made"}


@pytest.mark.parametrize("is_used", [False, True])
async def test_within_engine_begin_the_revisions_are_committed_beside_it(
    revised: ScratchProject, engine: AsyncEngine, is_used: bool
) -> None:
    """What Alembic's documentation calls sharing a connection."""

    def upgrade(connection: Connection) -> None:
        config = revised.config
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async with engine.begin() as connection:
        if is_used:
            await connection.execute(text("SELECT 1"))
        await connection.run_sync(upgrade)
        await connection.execute(text("SELECT 1"))
    assert await tables(engine) == {"alembic_neon_revisions", "alembic_version", "made"}


def test_an_application_that_migrates_keeps_its_own_logging(
    revised: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.render())
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    command.upgrade(Config(revised.folder / "alembic.ini"), "head")
    assert (root.handlers, root.level) == (handlers, level)


def test_loggers_of_the_application_stay_enabled(
    revised: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = logging.getLogger("ours.made_before")
    monkeypatch.setenv("DATABASE_URL", database.render())
    config = revised.config
    config.attributes["configure_logger"] = True
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        command.upgrade(config, "head")
    finally:
        root.handlers[:], root.level = handlers, level
    assert not ours.disabled


def test_offline_it_prints_the_sql_and_asks_for_no_database(
    revised: ScratchProject, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://role@127.0.0.1:1/db")
    command.upgrade(revised.config, "head", sql=True)
    printed = capsys.readouterr().out
    assert "CREATE TABLE made ();" in printed
    assert "INSERT INTO alembic_version (version_num) VALUES ('a1')" in printed
