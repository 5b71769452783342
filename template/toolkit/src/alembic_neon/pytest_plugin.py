"""The pytest plugin: databases for tests on a server of their own, and a test for each revision.

It is loaded by its entry point in every run of pytest in the environment, so that it imports
nothing beyond pytest itself until a test uses a fixture of it.
"""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from alembic.script import Script

    from .engine.url import DatabaseURL
    from .verification.databases import TestDatabases
    from .verification.history import History
    from .verification.round_trip import RoundTrip

SERVER_VARIABLE: Final = "TEST_DATABASE_URL"
_LEFT_OUT: Final = "round trip"
# Where their values are, which another plugin's options of the same name would share.
_REVISIONS: Final = "alembic_neon_revisions"
_ONLY_NEW: Final = "alembic_neon_only_new"
_PARAMETRIZED: Final = pytest.StashKey[bool]()


# By name, without the prefix that no other plugin has.
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "revisions": {
        "dest": _REVISIONS,
        "metavar": "REV,...",
        "help": "test only these revisions; also --revisions, where no other plugin has that",
    },
    "only-new": {
        "dest": _ONLY_NEW,
        "action": "store_true",
        "help": "of the revisions, test only those that the settings' database (DATABASE_URL) "
        "does not have yet; also --only-new, where no other plugin has that",
    },
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--db-only-new` and `--db-revisions`."""
    group = parser.getgroup("alembic-neon")
    for name, settings in _OPTIONS.items():
        group.addoption(f"--db-{name}", **settings)


@pytest.hookimpl(trylast=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> None:
    """Add the same options without `db-` where the conftest files have left these names free."""
    group = parser.getgroup("alembic-neon")
    for name, settings in _OPTIONS.items():
        if _is_free(parser, f"--{name}"):
            group.addoption(f"--{name}", **settings | {"help": f"as --db-{name}"})


def _is_free(parser: pytest.Parser, option: str) -> bool:
    try:
        _, unknown = parser.parse_known_and_unknown_args([option])
    except pytest.UsageError:  # it is known, and takes a value
        return False
    return unknown == [option]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test per revision of each test function that takes `migration_revision`."""
    is_first = not metafunc.definition.stash.get(_PARAMETRIZED, False)
    if "migration_revision" not in metafunc.fixturenames or not is_first:
        return
    from .errors import ToolkitError

    metafunc.definition.stash[_PARAMETRIZED] = True
    try:
        scripts = _selected_revisions(metafunc.config)
    except ToolkitError as error:
        raise pytest.UsageError(str(error)) from None
    metafunc.parametrize(
        "migration_revision",
        [script.revision for script in scripts],
        ids=[f"{script.revision}-{script.doc.replace(' ', '_')}" for script in scripts],
    )


def _selected_revisions(config: pytest.Config) -> "list[Script]":
    if (names := config.getoption(_REVISIONS)) is not None:
        selected = set(names.split(","))
        return [script for script in _history().revisions if script.revision in selected]
    return _new_revisions() if config.getoption(_ONLY_NEW) else _history().revisions


@cache
def _history() -> "History":
    from .verification.history import History

    return History.load()


@cache
def _new_revisions() -> "list[Script]":
    import asyncio

    from .branches.target import target_url
    from .migration.history.status import read_status

    pending = asyncio.run(read_status(target_url())).pending
    new = {script.revision for script in pending}
    return [script for script in _history().revisions if script.revision in new]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List what was left out, so that a green run hides nothing."""
    lines = {
        value.partition(": ")[0]: value  # of reasons for the same thing, one
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == _LEFT_OUT and report.when == "call"
    }
    if lines:
        terminalreporter.section("round trips: what was left out")
        for line in lines.values():
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def test_databases() -> "Iterator[TestDatabases]":
    """Databases on the server of `TEST_DATABASE_URL`, by default on the embedded test server."""
    from .embedded.server import LocalServer
    from .engine.url import DatabaseURL
    from .verification.databases import TestDatabases

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
def empty_database(test_databases: "TestDatabases") -> "Iterator[DatabaseURL]":
    """The URL of a database without a table, for one test."""
    url = test_databases.create()
    yield url
    test_databases.drop(url)


@pytest.fixture(scope="session")
def migrated_template(test_databases: "TestDatabases") -> "Iterator[DatabaseURL]":
    """The URL of a database at head that `migrated_database` copies. Leave it as it is."""
    import asyncio

    from .migration.runner.run import upgrade

    url = test_databases.create()
    asyncio.run(upgrade(url))
    yield url
    test_databases.drop(url)


@pytest.fixture
def migrated_database(
    test_databases: "TestDatabases",
    migrated_template: "DatabaseURL",
    monkeypatch: pytest.MonkeyPatch,
) -> "Iterator[DatabaseURL]":
    """The URL of a database at head, for one test; `DATABASE_URL` points to it meanwhile."""
    url = test_databases.create(migrated_template)
    monkeypatch.setenv("DATABASE_URL", url.render())
    # Unset, it would be that of .env, and migrations would go there.
    monkeypatch.setenv("DATABASE_URL_UNPOOLED", url.render())
    yield url
    test_databases.drop(url)


@pytest.fixture(scope="session")
def history_check(
    test_databases: "TestDatabases", request: pytest.FixtureRequest
) -> "Iterator[Callable[[str], RoundTrip]]":
    """A function that checks revisions on one database after the other: see `HistoryChecker`."""
    import asyncio

    from .verification.round_trip import HistoryChecker

    with asyncio.Runner() as runner:  # one loop, as the connections stay open between tests
        checker = HistoryChecker(test_databases, _history(), _rows_hook(request))
        yield lambda revision: runner.run(checker.check(revision))
        runner.run(checker.close())


def _rows_hook(request: pytest.FixtureRequest) -> Any:
    """Return what fills a table in the user's stead (docs: `Rows`).

    It is the function `migration_rows` of `hooks.py`; a fixture of that name comes first.
    """
    from .migration.hooks import load_hooks

    try:
        return request.getfixturevalue("migration_rows")
    except pytest.FixtureLookupError as error:
        if error.argname != "migration_rows":
            raise
        return load_hooks(Path(_history().scripts.dir)).migration_rows


@pytest.fixture
def round_trip(
    history_check: "Callable[[str], RoundTrip]", request: pytest.FixtureRequest
) -> "Callable[[str], RoundTrip]":
    """A function that checks the round trip of one revision."""

    def check(revision: str) -> "RoundTrip":
        result = history_check(revision)
        lines = [str(each) for each in result.unfilled]
        lines += [str(result)] if result.irreversible or result.data_loss else []
        request.node.user_properties += [(_LEFT_OUT, line) for line in lines]
        return result

    return check
