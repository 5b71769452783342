"""`db test`: the tests of an adopted project's migrations, out of reach of its own test setup."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from adopted_project import make_adopted_project
from alembic_neon.embedded.server import LocalServer
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.migration.runner.run import upgrade
from queries import first_column
from rendering import TOOLKIT_PARENT, inherited_environment
from scratch_project import ScratchProject

# As full-stack-fastapi-template's root conftest does: https://github.com/fastapi/full-stack-fastapi-template
DELETING_CONFTEST = """
    import asyncio, os
    import asyncpg, pytest

    @pytest.fixture(scope="session", autouse=True)
    def clean_database():
        async def delete():
            connection = await asyncpg.connect(os.environ["DATABASE_URL"])
            await connection.execute("DELETE FROM customers_of_ours")
            await connection.close()
        asyncio.run(delete())
"""
FOREIGN_SETTINGS = """
[pytest]
addopts = -p a_plugin_that_is_not_there --strict-config
no_such_setting = 1
"""
# Its models leave CHECKs unnamed, which this test of pytest-alembic's takes for drift.
NAMED = ("-k", "not model_definitions_match_ddl")
KEPT = "SELECT count(*) FROM customers_of_ours"


@pytest.fixture
def adopted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScratchProject]:
    """The project; the working directory is its folder."""
    project = make_adopted_project(tmp_path / "project")
    (project.folder / "conftest.py").write_text(dedent(DELETING_CONFTEST))
    # pytest looks for conftests above the tests: the toolkit lies in the project, as users have it.
    shutil.copytree(TOOLKIT_PARENT / "alembic_neon", project.folder / "toolkit/alembic_neon")
    monkeypatch.chdir(project.folder)
    yield project
    for profile in ("development", "test"):
        LocalServer(project.folder / ".neon-local", profile, 18).stop()


@pytest.fixture
async def real(database: DatabaseURL) -> DatabaseURL:
    """The database of the settings, whose rows nobody may delete."""
    await upgrade(database, "aa01")
    await first_column(
        database, "CREATE TABLE customers_of_ours AS SELECT generate_series(1, 3) AS id"
    )
    return database


def db_test(
    project: ScratchProject, url: DatabaseURL, *arguments: str, code: int = 0, **more: str
) -> str:
    """Run `db test` beside the settings of `url`, and return all that it said."""
    result = subprocess.run(
        [sys.executable, "-m", "alembic_neon", "test", *arguments],
        env=_environment(project, url) | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == code, result.stdout
    return result.stdout


def _environment(project: ScratchProject, url: DatabaseURL) -> dict[str, str]:
    return inherited_environment() | {
        "PYTHONPATH": str(project.folder / "toolkit"),
        # Where root runs it, pytest would close the folder that the server's data lies in.
        "PYTEST_DEBUG_TEMPROOT": str(project.folder),
        "TEST_DATABASE_URL": url.render(),
        "DATABASE_URL": url.render().replace("postgresql+asyncpg", "postgresql"),
    }


async def test_a_conftest_that_deletes_rows_is_not_run(
    adopted: ScratchProject, real: DatabaseURL
) -> None:
    (adopted.folder / "pytest.ini").write_text(FOREIGN_SETTINGS)
    said = db_test(adopted, real, "-v", *NAMED, PYTEST_ADDOPTS="-p another_missing_plugin")
    assert "test_round_trip[aa01-" in said
    assert "test_round_trip[bb02-" in said
    assert "test_up_down_consistency PASSED" in said
    assert await first_column(real, KEPT) == [3]

    # The conftest is one: in a run of the project's own it does what it says.
    (adopted.folder / "pytest.ini").unlink()
    (adopted.folder / "tests").mkdir()
    (adopted.folder / "tests/test_own.py").write_text("def test_own():\n    pass\n")
    own = [sys.executable, "-m", "pytest", "tests"]
    await asyncio.to_thread(subprocess.run, own, env=_environment(adopted, real))
    assert await first_column(real, KEPT) == [0]


async def test_only_new_is_computed_from_the_settings_database_which_no_test_knows(
    adopted: ScratchProject, real: DatabaseURL
) -> None:
    (adopted.folder / "db_environment/hooks.py").write_text(
        "import os\n"
        "async def migration_rows(table, connection):\n"
        "    known = sorted(n for n in os.environ if n.startswith(('DATABASE_', 'NEON_', 'PG')))\n"
        '    raise RuntimeError(f"the hook saw {known}")\n'
    )
    said = db_test(
        adopted, real, "--only-new", "-k", "round_trip", "-v", "-n", "2", NEON_API_KEY="key"
    )
    assert "1 revision pending in " in said
    assert "test_round_trip[bb02-" in said
    assert "[aa01-" not in said
    assert "the hook saw []" in said, "migration_rows of hooks.py fills the tables"
    assert await first_column(real, KEPT) == [3]


def test_each_end_has_its_own_exit_code(adopted: ScratchProject, real: DatabaseURL) -> None:
    assert "No test was selected." in db_test(adopted, real, "-k", "no_such_test", code=2)
    assert "--no-such-option" in db_test(adopted, real, "--no-such-option", code=2)
    broken = adopted.folder / "alembic/versions/bb02_items.py"
    broken.write_text(broken.read_text().replace('op.drop_table("item")', "pass"))
    for workers in ("0", "2"):
        said = db_test(adopted, real, "-x", "-k", "round_trip", "-n", workers, code=1)
        assert "table public.item" in said


def test_without_pytest_one_line_says_what_to_install(
    adopted: ScratchProject, real: DatabaseURL
) -> None:
    hide = "import sys; sys.modules['pytest'] = None\nfrom alembic_neon.cli.app import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", hide, "test"],
        env=inherited_environment() | {"PYTHONPATH": str(TOOLKIT_PARENT)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert result.stderr == (
        "Error: pytest is not installed. Add it: uv add --dev pytest pytest-alembic pytest-xdist\n"
    )


async def test_an_interrupted_run_drops_its_databases(
    adopted: ScratchProject, real: DatabaseURL
) -> None:
    slow = adopted.folder / "alembic/versions/bb02_items.py"
    slow.write_text(
        slow.read_text().replace(
            "    connection = op", "    op.execute('SELECT pg_sleep(60)')\n    connection = op", 1
        )
    )
    before = await first_column(real, "SELECT datname FROM pg_database ORDER BY 1")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alembic_neon", "test", "-k", "round_trip"),
        env=_environment(adopted, real),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
    )
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%'"
    deadline = time.monotonic() + 60
    while await first_column(real, sleeping) == [0]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 130, output
    assert b"Traceback" not in output
    assert await first_column(real, "SELECT datname FROM pg_database ORDER BY 1") == before
