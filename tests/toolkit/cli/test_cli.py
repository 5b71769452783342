"""The command line, as a person runs it: one project, on its own embedded server."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic_neon.cli.app import app
from alembic_neon.cli.lazy import COMMANDS, LazyCommand
from scratch_project import ScratchProject
from typer.testing import CliRunner

MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("notes", metadata, sa.Column("id", sa.Integer, primary_key=True){more})
"""

# The tests share the project's server.
pytestmark = pytest.mark.xdist_group("cli")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchProject]:
    project = ScratchProject.make(tmp_path_factory.mktemp("cli") / "project")
    yield project
    assert project.db("stop").returncode == 0


@pytest.fixture
def project(shared: ScratchProject) -> Iterator[ScratchProject]:
    """The project with an empty database, no revision and one model."""
    shared.models(MODELS.format(more=""))
    yield shared
    good(shared, "downgrade", "base")
    for path in [*shared.versions.glob("*.py"), *shared.folder.glob(".env*")]:
        path.unlink()


def good(project: ScratchProject, *arguments: str, **environment: str) -> str:
    """Run a command that must succeed and return what it said to the person."""
    result = project.db(*arguments, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def answer(project: ScratchProject, *arguments: str, **environment: str) -> Any:
    """Run a command with --json and return its answer."""
    result = project.db(*arguments, "--json", "-", **environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_help_names_every_command(project: ScratchProject) -> None:
    result = project.db("--help")
    for command in ("doctor", "status", "upgrade", "downgrade", "revision", "start", "stop"):
        assert f" {command} " in result.stdout
    branch = project.db("branch", "--help").stdout
    for command in ("list", "create", "delete", "reset", "url", "use"):
        assert f" {command} " in branch
    assert "--install-completion" in result.stdout
    assert "Usage: db [OPTIONS] COMMAND [ARGS]..." in result.stdout
    assert "Usage: db upgrade [OPTIONS] [REV]" in project.db("upgrade", "--help").stdout
    version = project.db("--version").stdout
    assert re.fullmatch(r"alembic-neon \d+\.\d+\.\d+\n", version)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_typo_of_any_command_is_answered_with_the_command(name: str) -> None:
    answer = CliRunner().invoke(app, [f"{name[:-1]}x" if len(name) > 4 else f"{name}x"])
    assert answer.exit_code == 2
    assert f"Did you mean '{name}'" in " ".join(answer.output.split())


def test_the_list_of_commands_says_what_each_says_itself(project: ScratchProject) -> None:
    for name in COMMANDS:
        command = LazyCommand(name)
        assert command.summary() == (command.load().help or "").partition("\n\n")[0]


def test_help_and_version_import_nothing_that_a_database_needs() -> None:
    code = (
        "import sys; from alembic_neon.cli.app import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'alembic', 'sqlalchemy', 'asyncpg', 'pydantic', 'httpx2', 'psutil', 'mako'}\n"
        "print('imported:', *sorted(heavy & sys.modules.keys()))"
    )
    for option in ("--help", "--version"):
        command = [sys.executable, "-c", code, option]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert output.endswith("imported:\n"), output


def test_results_go_to_standard_output_and_progress_to_standard_error(
    project: ScratchProject,
) -> None:
    good(project, "revision", "-m", "create notes")
    status = project.db("status")
    assert "1 pending:" in status.stdout
    assert "_create_notes.py" in status.stdout
    assert status.stderr == ""
    upgraded = project.db("upgrade")
    assert upgraded.stdout == ""
    assert "create notes" in upgraded.stderr
    with_json = project.db("status", "--json", "-")
    json.loads(with_json.stdout)
    assert "nothing is pending" in with_json.stderr


def test_from_a_model_to_a_table_and_back(project: ScratchProject) -> None:
    said = good(project, "revision", "-m", "create notes")
    assert "wrote migrations/versions/20" in said
    assert "Read it, then run: db upgrade" in said
    said = good(project, "status")
    assert "1 pending:" in said
    assert "_create_notes.py\n" in said, "a pipe has no width, and nothing is cut"
    said = good(project, "upgrade")
    assert "Upgrading branch main of the embedded PostgreSQL 18" in said
    assert "create notes" in said
    assert "1 revision applied." in said
    assert "nothing is pending" in good(project, "status")
    assert "Already at that revision." in good(project, "upgrade")
    assert "no revision was written" in good(project, "revision", "-m", "again")
    assert "Reverted 1 revision." in good(project, "downgrade", "-1")
    assert "Already at that revision." in good(project, "downgrade", "base")


def test_json_is_all_that_standard_output_holds(project: ScratchProject) -> None:
    written = answer(project, "revision", "-m", "create notes")
    assert Path(written["path"]).exists()
    again = answer(project, "revision", "-m", "again")
    assert again == {"path": None, "revisions": [], "findings": []}
    (step,) = answer(project, "upgrade")
    assert step.keys() == {"revision", "message", "is_upgrade", "duration_ms"}
    assert answer(project, "upgrade") == []
    status = answer(project, "status")
    assert status == {
        "current": [step["revision"]],
        "heads": [step["revision"]],
        "pending": [],
        "drift": [],
    }
    assert {check["grade"] for check in answer(project, "doctor")} == {"ok"}


def test_json_goes_into_a_file(project: ScratchProject, tmp_path: Path) -> None:
    good(project, "status", "--json", str(tmp_path / "status.json"))
    assert json.loads((tmp_path / "status.json").read_text())["pending"] == []


def test_progress_goes_to_standard_error_without_colour_in_a_pipe(project: ScratchProject) -> None:
    result = project.db("upgrade")
    assert result.stdout == ""
    assert "\x1b" not in result.stderr
    assert "\x1b" not in project.db("doctor").stdout


def test_sql_is_printed_and_the_database_left_alone(project: ScratchProject) -> None:
    good(project, "revision", "-m", "create notes")
    result = project.db("upgrade", "--sql")
    assert "CREATE TABLE notes" in result.stdout
    assert len(answer(project, "status")["pending"]) == 1


def test_a_scratch_branch_is_gone_after_a_revision(project: ScratchProject) -> None:
    good(project, "revision", "-m", "create notes")
    assert [branch["name"] for branch in answer(project, "branch", "list")] == ["main"]


def test_a_branch_is_made_used_migrated_and_deleted(project: ScratchProject) -> None:
    good(project, "revision", "-m", "create notes")
    good(project, "upgrade")
    assert "branch try-it made from main" in good(project, "branch", "create", "try-it")
    url = project.db("branch", "url", "try-it").stdout.strip()
    assert url.startswith("postgresql://neondb_owner@/try-it?host=")
    assert ".env.development points to branch try-it" in good(project, "branch", "use", "try-it")
    assert [b["name"] for b in answer(project, "branch", "list") if b["current"]] == ["try-it"]
    project.models(MODELS.format(more=', sa.Column("more", sa.Text)'))
    good(project, "revision", "-m", "add more")
    assert "Upgrading branch try-it" in good(project, "upgrade")
    in_use = project.db("branch", "delete", "try-it")
    assert in_use.returncode == 2
    assert "try-it is the branch in use. First: db branch use main" in in_use.stderr
    good(project, "branch", "use", "main")
    never = project.db("branch", "delete", "main")
    assert (never.returncode, "main is the default branch and is never" in never.stderr) == (
        2,
        True,
    )
    assert len(answer(project, "status")["pending"]) == 1, "main was left alone"
    assert "branch try-it reset to main" in good(project, "branch", "reset", "try-it")
    assert "branch try-it deleted" in good(project, "branch", "delete", "try-it")


def test_it_starts_and_stops_the_server(project: ScratchProject) -> None:
    good(project, "stop")
    assert "PostgreSQL was not running" in good(project, "stop")
    assert "PostgreSQL 18 started" in good(project, "start")
    assert "PostgreSQL 18 runs already" in good(project, "start")


def test_the_environment_counts_more_than_the_branch_in_use(project: ScratchProject) -> None:
    url = project.db("branch", "url", "main").stdout.strip()
    said = good(project, "branch", "use", "main", DATABASE_URL=url)
    assert "DATABASE_URL is set in the environment, which counts more" in said


def test_the_doctor_says_which_version_stands_in(project: ScratchProject) -> None:
    settings = project.folder / "pyproject.toml"
    text = settings.read_text()
    try:
        settings.write_text(text.replace("postgres_version = 18", "postgres_version = 17"))
        checks = {check["name"]: check for check in answer(project, "doctor")}
    finally:
        settings.write_text(text)
    assert checks["embedded PostgreSQL"]["grade"] == "note"
    assert checks["embedded PostgreSQL"]["detail"].startswith("version 18 stands in for 17")


def test_the_doctor_sees_a_pool_that_is_larger_than_the_server(project: ScratchProject) -> None:
    result = project.db("doctor", DB_POOL_SIZE="500")
    assert result.returncode == 1
    assert "lower DB_POOL_SIZE or use the pooled endpoint" in " ".join(result.stdout.split())
