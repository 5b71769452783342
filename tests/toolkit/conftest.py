"""Fixtures for tests of the toolkit: a server for each worker, and a project for each test."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from db.connection.engine import create_migration_engine
from db.connection.local_server import LocalServer
from db.connection.url import DatabaseURL
from db.verification.databases import TestDatabases
from queries import Query, first_column
from rendering import DATABASE_SETTINGS
from scratch_project import ScratchProject
from sqlalchemy.ext.asyncio import AsyncEngine


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin each test without the person's own database settings."""
    for name in list(os.environ):
        if name.startswith(DATABASE_SETTINGS):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestDatabases]:
    """Databases on a server that this worker alone uses."""
    server = LocalServer(tmp_path_factory.mktemp("server") / ".neon-local", "test", 18)
    with server.in_use():
        yield TestDatabases(server)


@pytest.fixture
def database(databases: TestDatabases) -> Iterator[DatabaseURL]:
    """The URL of an empty database, for one test."""
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScratchProject:
    """A project without models and revisions; the working directory is its folder."""
    project = ScratchProject.make(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    return project


@pytest.fixture
async def engine(database: DatabaseURL) -> AsyncIterator[AsyncEngine]:
    """An engine on the test's database."""
    engine = create_migration_engine(database)
    yield engine
    await engine.dispose()


@pytest.fixture
def query(database: DatabaseURL) -> Query:
    """A function that runs a statement, commits it and returns the first value, if there is one."""

    async def run(statement: str) -> Any:
        return next(iter(await first_column(database, statement)), None)

    return run
