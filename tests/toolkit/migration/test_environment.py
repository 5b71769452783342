"""Alembic's environment: the kinds of connection it takes, loggers and running loops."""

import asyncio
import logging
import sys

import pytest
from alembic import command
from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConfigurationError
from alembic_neon.migration.runner.run import upgrade
from rendering import TOOLKIT_PARENT, check
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


def test_plain_alembic_uses_the_same_settings(
    revised: ScratchProject, database: DatabaseURL
) -> None:
    alembic = (sys.executable, "-m", "alembic")
    settings = {"DATABASE_URL": database.render(), "PYTHONPATH": str(TOOLKIT_PARENT)}
    check(*alembic, "upgrade", "head", cwd=revised.folder, **settings)
    assert check(*alembic, "current", cwd=revised.folder, **settings).strip() == "a1 (head)"


def test_a_percent_sign_in_the_password_breaks_nothing(
    revised: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server trusts every local role, so the password only has to travel."""
    url = DatabaseURL(database.parts.set(password="p%40%s%(here)s"))
    monkeypatch.setenv("DATABASE_URL", url.render())
    command.upgrade(revised.config, "head")


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
