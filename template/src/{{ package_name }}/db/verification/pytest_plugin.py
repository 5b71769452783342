"""Fixtures for pytest: databases on the embedded test server, each revision a test of its own.

Load it in `tests/conftest.py`: `pytest_plugins = ["<package>.db.verification.pytest_plugin"]`.
"""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncEngine

from ..connection.engine import create_migration_engine
from ..connection.local_server import LocalServer
from ..connection.url import DatabaseURL
from ..migration import configuration
from ..migration.runner import upgrade
from .databases import TestDatabases
from .round_trip import RoundTrip, ancestors, check_round_trip, revisions_in_order


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test per revision of each test function that takes `migration_revision`."""
    if "migration_revision" not in metafunc.fixturenames:
        return
    scripts = revisions_in_order()
    metafunc.parametrize(
        "migration_revision",
        [script.revision for script in scripts],
        ids=[f"{script.revision}-{script.doc.replace(' ', '_')}" for script in scripts],
    )


@pytest.fixture(scope="session")
def test_databases() -> Iterator[TestDatabases]:
    """Databases on the project's embedded test server, which stops with its last user."""
    with LocalServer.for_project("test").in_use() as server:
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
def round_trip(test_databases: TestDatabases) -> Iterator[Callable[[str], RoundTrip]]:
    """A function that checks the round trip of one revision.

    The database is kept from one revision to the next, so a history is walked once; it is made anew
    after a failure, and where it holds a revision that the next one does not build on.
    """
    database: DatabaseURL | None = None
    applied: frozenset[str] | None = None  # not known: new, or left anywhere by a failure

    def check(revision: str) -> RoundTrip:
        nonlocal database, applied
        below = ancestors(revision)
        if database is not None and (applied is None or not applied <= below):
            test_databases.drop(database)
            database = None
        database = database or test_databases.create()
        applied = None
        found = asyncio.run(check_round_trip(database, revision))
        if found.ok:
            applied = below | {revision}
        return found

    yield check
    if database is not None:
        test_databases.drop(database)
