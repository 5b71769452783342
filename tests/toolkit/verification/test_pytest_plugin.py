"""The plugin for pytest, in a project of its own: a test for each revision, or for the new."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.verification.databases import TestDatabases
from forked_runs import run_module
from queries import first_column
from scratch_project import ScratchProject

PYTEST_SETTINGS = """
[tool.pytest.ini_options]
testpaths = ["tests"]
pytest_alembic_tests_path = "none"
"""
TESTS = "from alembic_neon.testing import test_round_trip as test_round_trip\n"
HOOK = """
import pytest

@pytest.fixture(scope="session")
def migration_rows():
    async def fill(table, connection):
        if table == "public.never":
            await connection.exec_driver_sql("INSERT INTO never VALUES ('ok-4711')")
            return True
    return fill
"""

# Nothing but 'ok-4711' has this digest.
NEVER_SQL = (
    "CREATE TABLE never (s text NOT NULL CHECK (md5(s) = '3be81b8b8711181f7c2e5cec88c1d807'))"
)
OUTCOME = "(PASSED|FAILED|SKIPPED|ERROR)"
LINE = rf"{OUTCOME}?\s*tests/\S+\[(\w+)-\S+\](?: {OUTCOME})?"
Pytest = Callable[..., "tuple[dict[str, str], str]"]


@pytest.fixture
def tested(project: ScratchProject) -> ScratchProject:
    """A project of six revisions, the fourth of which is wrong, with the tests that ship."""
    project.revision(
        "r1",
        up=f'op.execute("{NEVER_SQL}")',
        undo='op.execute("DROP TABLE never")',
    )
    for number in range(2, 7):
        project.revision(
            f"r{number}",
            f"r{number - 1}",
            up=f'op.execute("CREATE TABLE t{number} (id int PRIMARY KEY)")',
            undo="pass" if number == 4 else f'op.execute("DROP TABLE t{number}")',
        )
    folder = project.folder / "tests/migrations"
    folder.mkdir(parents=True)
    (folder / "test_round_trip.py").write_text(TESTS)
    settings = project.folder / "pyproject.toml"
    settings.write_text(settings.read_text() + PYTEST_SETTINGS)
    return project


@pytest.fixture
def run_pytest(tested: ScratchProject, database: DatabaseURL) -> Pytest:
    """A function that runs pytest on the test's server; it returns the outcomes, and the output."""

    def run_it(*arguments: str) -> tuple[dict[str, str], str]:
        command = ("pytest", "-v", "-p", "no:cacheprovider", *arguments)
        if "--lf" in arguments:
            command = tuple(each for each in command if each not in ("-p", "no:cacheprovider"))
        output = run_module(
            *command,
            cwd=tested.folder,
            # Where root runs it, pytest would close the folder that the server's data lies in.
            PYTEST_DEBUG_TEMPROOT=str(tested.folder),
            TEST_DATABASE_URL=database.render(),
            DATABASE_URL=database.render(),
        ).stdout
        found = {m[2]: m[1] or m[3] for m in re.finditer(LINE, output) if m[1] or m[3]}
        return found, output

    return run_it


def outcomes(*failed: str, among: str = "r1 r2 r3 r4 r5 r6") -> dict[str, str]:
    return {name: "FAILED" if name in failed else "PASSED" for name in among.split()}


async def test_each_revision_is_a_test_and_what_is_left_out_is_told(
    tested: ScratchProject, run_pytest: Pytest, database: DatabaseURL, databases: TestDatabases
) -> None:
    before = await first_column(database, "SELECT datname FROM pg_database ORDER BY 1")
    found, output = run_pytest("-n", "2")
    assert found == outcomes("r4"), output
    assert "test_round_trip.py::test_round_trip[r4-r4_it_is]" in output
    assert "+ table public.t4" in output
    assert 'op.execute("DROP TABLE public.t4")' in output
    assert output.count("public.never has no rows") == 1
    assert await first_column(database, "SELECT datname FROM pg_database ORDER BY 1") == before


def test_some_revisions_can_be_chosen_and_a_hook_makes_rows(
    tested: ScratchProject, run_pytest: Pytest
) -> None:
    (tested.folder / "tests/conftest.py").write_text(HOOK)
    found, output = run_pytest("-k", "r2 or r5")
    assert found == outcomes(among="r2 r5")
    assert "has no rows" not in output


async def test_only_new_is_what_the_settings_database_does_not_have(
    run_pytest: Pytest, database: DatabaseURL
) -> None:
    await upgrade(database, "r3")
    assert run_pytest("--only-new")[0] == outcomes("r4", among="r4 r5 r6")
    await upgrade(database, "r6")
    found, output = run_pytest("--only-new")
    assert found == {}
    assert "1 skipped" in output


def test_with_neons_key_alone_all_refuse_in_the_same_words(tested: ScratchProject) -> None:
    """Not one of them looks at the embedded server, where Neon is meant."""
    key = {"NEON_API_KEY": "napi_1", "NEON_PROJECT_ID": "shiny-wind-028834"}
    said = [
        tested.db("check", **key).stderr,
        tested.db("test", "--only-new", **key).stderr,
        run_module("pytest", "--only-new", cwd=tested.folder, **key).stdout,
    ]
    words = "NEON_API_KEY and NEON_PROJECT_ID choose Neon, but DATABASE_URL is not set."
    assert [words in text for text in said] == [True] * 3, said


def test_a_plugin_with_options_of_the_same_names_keeps_them(
    tested: ScratchProject, run_pytest: Pytest
) -> None:
    (tested.folder / "conftest.py").write_text(
        "def pytest_addoption(parser):\n"
        "    parser.addoption('--revisions', default='theirs')\n"
        "    parser.addoption('--only-new', action='store_true')\n\n\n"
        "def pytest_report_header(config):\n"
        "    return f'of theirs: {config.getoption(\"--revisions\")}'\n"
    )
    found, output = run_pytest("--db-revisions", "r2,r3", "--revisions", "mine")
    assert found == outcomes(among="r2 r3"), output
    assert "of theirs: mine" in output


def test_unnamed_checks_are_no_drift_for_pytest_alembic(
    tested: ScratchProject, database: DatabaseURL
) -> None:
    """PostgreSQL names them, so that Alembic's comparison by name wants to drop them."""
    checks = 'sa.Column("v", sa.Integer, sa.CheckConstraint("v > 0")), sa.CheckConstraint("v < 9")'
    for path in tested.revision_files:
        path.unlink()
    tested.models(
        f'import sqlalchemy as sa\nmetadata = sa.MetaData()\nsa.Table("t", metadata, {checks})\n'
    )
    tested.revision("r1", up=f'op.create_table("t", {checks})', undo='op.drop_table("t")')
    urls = {name: database.render() for name in ("DATABASE_URL", "TEST_DATABASE_URL")}
    result = tested.db("test", "-k", "definitions", **urls)
    assert " 1 passed, " in result.stdout, result.stdout


def test_the_last_failed_ones_can_be_run_again(run_pytest: Pytest) -> None:
    assert run_pytest("--lf")[0] == outcomes("r4")
    assert run_pytest("--lf")[0] == {"r4": "FAILED"}


def test_a_revision_declared_irreversible_fails_none_of_the_tests(
    tested: ScratchProject, database: DatabaseURL
) -> None:
    reason = "the rows are gone"
    tested.revision(
        "r4", "r3", undo="raise NotImplementedError", extra=f"irreversible = '{reason}'"
    )
    urls = {name: database.render() for name in ("DATABASE_URL", "TEST_DATABASE_URL")}
    result = tested.db("test", "-k", "up_down_consistency or r4", **urls)
    assert result.returncode == 0, result.stdout
    assert f"r4 is irreversible: {reason}" in result.stdout
    assert " 1 passed, 1 skipped, 9 deselected in" in result.stdout  # and no warning


def test_importing_the_plugin_imports_nothing_beyond_pytest() -> None:
    """Every run of pytest in the environment pays for it."""
    code = (
        "import sys, pytest, pathlib, functools; before = set(sys.modules); "
        "import alembic_neon.pytest_plugin; print(sorted(set(sys.modules) - before))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['alembic_neon', 'alembic_neon.pytest_plugin']"


def test_a_project_without_alembic_is_tested_as_without_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text("def test_it(tmp_path):\n    pass\n")
    ran = run_module(
        "pytest", "-p", "no:cacheprovider", cwd=tmp_path, PYTEST_DEBUG_TEMPROOT=str(tmp_path)
    )
    assert "1 passed" in ran.stdout, ran.stdout
    assert ran.returncode == 0
    assert not (tmp_path / ".neon-local").exists()


def test_without_pytest_alembic_only_the_toolkits_own_tests_are_offered() -> None:
    code = (
        "import sys; sys.modules['pytest_alembic'] = None; "
        "from alembic_neon.testing import *; "
        "print(sorted(name for name in dir() if name.startswith('test_')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['test_models_match_the_migrations', 'test_round_trip']"
