"""`db test`: the tests of the project's migrations, with nothing of the project's own test setup.

A conftest of an application prepares the application's database, and some empty it first. These
tests therefore run without any, and know no database but the ones that they make themselves.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from ..errors import ConfigurationError, UsageError
from ..project import project_root
from .console import echo

_PACKAGE: Final = Path(__file__).parents[1]
_PLUGINS: Final = ("pytest_alembic.plugin", "xdist.plugin")
# Whatever leads to a database that is not the tests' own, and whatever adds to pytest's own setup.
# https://neon.com/docs/guides/vercel-managed-integration lists the variables that Neon sets.
_LEFT_OUT: Final = {
    "DATABASE_URL",
    "DATABASE_URL_UNPOOLED",
    "PGDATABASE",
    "PGHOST",
    "PGHOST_UNPOOLED",
    "PGPASSWORD",
    "PGUSER",
    "PYTEST_ADDOPTS",
    "PYTEST_PLUGINS",
}
_LEFT_OUT_PREFIXES: Final = ("NEON_", "POSTGRES_URL")
# pytest's exit codes: https://docs.pytest.org/en/stable/reference/exit-codes.html
_WRONG_USAGE: Final = 4
_NOTHING_SELECTED: Final = 5


def run_tests(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="PYTEST_ARGS", help="Further arguments, as pytest takes them."),
    ] = None,
    only_new: Annotated[
        bool, typer.Option("--only-new", help="Of the revisions, test only the pending ones.")
    ] = False,
) -> None:
    """Test every revision on tables with rows: upgrade, downgrade, upgrade again, compare.

    Arguments go to pytest: -k TEXT, -n 4 (with pytest-xdist), --lf, -x. Neither the project's
    conftest files, nor its pytest settings and plugins, nor its DATABASE_URL reach these tests:
    they run on databases of their own, on the embedded server or that of TEST_DATABASE_URL.
    """
    if find_spec("pytest") is None:
        raise ConfigurationError(
            "pytest is not installed.", "Add it: uv add --dev pytest pytest-alembic pytest-xdist"
        )
    command = pytest_command(project_root(), _pending() if only_new else None, arguments or ())
    if code := _run(command):
        raise typer.Exit(code)


def _pending() -> list[str]:
    """Return the revisions that the settings' database does not have: asked for here, not there."""
    from ..branches.target import describe_url, target_url
    from ..migration.history.status import read_status

    url = target_url()
    found = [script.revision for script in asyncio.run(read_status(url)).pending]
    echo(f"{len(found)} revision{'s' * (len(found) != 1)} pending in {describe_url(url)}.")
    return found


def pytest_command(
    root: Path, revisions: Iterable[str] | None, arguments: Iterable[str]
) -> list[str]:
    """Return the command line that runs the tests of `alembic_neon.testing`, and nothing else.

    `revisions`: the only ones to test; None: all.
    """
    plugins = [name for name in _PLUGINS if find_spec(name.partition(".")[0]) is not None]
    return [
        *(sys.executable, "-m", "pytest", "--noconftest", "--collect-in-virtualenv"),
        *("-c", str(_PACKAGE / "testing.ini"), "--rootdir", str(root)),
        *(part for name in ("alembic_neon.pytest_plugin", *plugins) for part in ("-p", name)),
        *(() if revisions is None else ("--db-revisions", ",".join(revisions))),
        str(_PACKAGE / "testing.py"),
        *arguments,
    ]


def isolated_environment() -> dict[str, str]:
    """Return the environment without what leads to a database or into the project's own tests."""
    known = {
        name: value
        for name, value in os.environ.items()
        if name not in _LEFT_OUT and not name.startswith(_LEFT_OUT_PREFIXES)
    }
    return known | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _run(command: list[str]) -> int:
    """Run the tests, and return the exit code of `db`.

    Ctrl-C reaches pytest too, which drops the tests' databases before it ends.

    Raises:
        UsageError: no test was selected.
    """
    with subprocess.Popen(command, env=isolated_environment()) as process:  # noqa: S603 - our own
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.wait()
            return 130
    if code == _NOTHING_SELECTED:
        raise UsageError("No test was selected.", "Give -k another name, or none.")
    if code == _WRONG_USAGE:
        return 2
    return 1 if code else 0  # also where --maxfail interrupts the workers
