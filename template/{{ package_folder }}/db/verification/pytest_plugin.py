"""Fixtures for pytest: databases on a test server, and each revision a test of its own.

Load it in `tests/conftest.py`: `pytest_plugins = ["<package>.db.verification.pytest_plugin"]`.
Where that file is somebody else's, import all of this into `tests/migrations/conftest.py`, for the
tests there alone: pytest refuses `pytest_plugins` in a conftest that is not at the root.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any, Final

import pytest
from alembic.config import Config
from alembic.script import Script
from sqlalchemy.ext.asyncio import AsyncEngine

from ..connection.engine import create_migration_engine
from ..connection.errors import ToolkitError
from ..connection.local_server import LocalServer
from ..connection.settings import load_settings
from ..connection.url import DatabaseURL
from ..migration import configuration
from ..migration.runner import upgrade
from ..migration.status import read_status
from .databases import TestDatabases
from .history import History
from .round_trip import HistoryChecker, RoundTrip

SERVER_VARIABLE: Final = "TEST_DATABASE_URL"
_TOLD: Final = "round trip"
_PARAMETRIZED: Final = pytest.StashKey[bool]()

__all__ = [
    "alembic_config",
    "alembic_engine",
    "empty_database",
    "history_check",
    "migrated_database",
    "migrated_template",
    "pytest_addoption",
    "pytest_generate_tests",
    "pytest_terminal_summary",
    "round_trip",
    "test_databases",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--only-new`; in a conftest that is no initial one it comes too late to be given."""
    with suppress(ValueError):  # loaded twice, by two conftests
        parser.addoption(
            "--only-new",
            action="store_true",
            help="of the revisions, test only those that the settings' database (DATABASE_URL) "
            "does not have yet",
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test per revision of each test function that takes `migration_revision`."""
    is_first = not metafunc.definition.stash.get(_PARAMETRIZED, False)
    if "migration_revision" not in metafunc.fixturenames or not is_first:
        return
    metafunc.definition.stash[_PARAMETRIZED] = True
    only_new = metafunc.config.getoption("only_new", default=False)
    try:
        scripts = _new_revisions() if only_new else _history().revisions
    except ToolkitError as error:
        raise pytest.UsageError(str(error)) from None
    metafunc.parametrize(
        "migration_revision",
        [script.revision for script in scripts],
        ids=[f"{script.revision}-{script.doc.replace(' ', '_')}" for script in scripts],
    )


@cache
def _history() -> History:
    return History.load()


@cache
def _new_revisions() -> list[Script]:
    pending = asyncio.run(read_status(load_settings().direct_url)).pending
    new = {script.revision for script in pending}
    return [script for script in _history().revisions if script.revision in new]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell of what was left out, so that a green run hides nothing."""
    told = {
        value.partition(": ")[0]: value  # of reasons for the same thing, one
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == _TOLD and report.when == "call"
    }
    if told:
        terminalreporter.section("round trips: what was left out")
        for line in told.values():
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def test_databases() -> Iterator[TestDatabases]:
    """Databases on the server of `TEST_DATABASE_URL`, by default on the embedded test server."""
    if url := os.environ.get(SERVER_VARIABLE):
        databases = TestDatabases(DatabaseURL.parse(url, SERVER_VARIABLE))
        databases.drop_leftovers()
        yield databases
        return
    with LocalServer.for_project("test").in_use() as server:  # stops with its last user
        databases = TestDatabases(server)
        databases.drop_leftovers()
        yield databases


@pytest.fixture
def empty_database(test_databases: TestDatabases) -> Iterator[DatabaseURL]:
    """The URL of a database without a table, for one test."""
    url = test_databases.create()
    yield url
    test_databases.drop(url)


@pytest.fixture(scope="session")
def migrated_template(test_databases: TestDatabases) -> Iterator[DatabaseURL]:
    """The URL of a database at head that `migrated_database` copies. Leave it as it is."""
    url = test_databases.create()
    asyncio.run(upgrade(url))
    yield url
    test_databases.drop(url)


@pytest.fixture
def migrated_database(
    test_databases: TestDatabases,
    migrated_template: DatabaseURL,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[DatabaseURL]:
    """The URL of a database at head, for one test; `DATABASE_URL` points to it meanwhile."""
    url = test_databases.create(migrated_template)
    monkeypatch.setenv("DATABASE_URL", url.render())
    monkeypatch.delenv("DATABASE_URL_UNPOOLED", raising=False)
    yield url
    test_databases.drop(url)


@pytest.fixture
def alembic_config() -> Config:
    """The project's Alembic configuration; pytest-alembic takes it."""
    return configuration.alembic_config()


@pytest.fixture
def alembic_engine(empty_database: DatabaseURL) -> Iterator[AsyncEngine]:
    """An engine on an empty database; pytest-alembic takes it."""
    engine = create_migration_engine(empty_database)
    yield engine
    asyncio.run(engine.dispose())


@pytest.fixture(scope="session")
def history_check(
    test_databases: TestDatabases, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], RoundTrip]]:
    """A function that checks revisions on one database after the other: see `HistoryChecker`."""
    with asyncio.Runner() as runner:  # one loop, as the connections stay open between tests
        checker = HistoryChecker(test_databases, _history(), _rows_hook(request))
        yield lambda revision: runner.run(checker.check(revision))
        runner.run(checker.close())


def _rows_hook(request: pytest.FixtureRequest) -> Any:
    """Return the user's fixture `migration_rows`, the hook that fills a table (docs: `Rows`)."""
    try:
        return request.getfixturevalue("migration_rows")
    except pytest.FixtureLookupError as error:
        if error.argname != "migration_rows":
            raise
        return None


@pytest.fixture
def round_trip(
    history_check: Callable[[str], RoundTrip], request: pytest.FixtureRequest
) -> Callable[[str], RoundTrip]:
    """A function that checks the round trip of one revision."""

    def check(revision: str) -> RoundTrip:
        found = history_check(revision)
        told = [str(each) for each in found.unfilled]
        told += [str(found)] if found.irreversible or found.data_loss else []
        request.node.user_properties += [(_TOLD, line) for line in told]
        return found

    return check
