"""Fixtures for tests of the toolkit: a server for each worker, and a project for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic_neon.branches import neon_client
from alembic_neon.branches.local import LocalProvider
from alembic_neon.branches.neon import NeonProvider
from alembic_neon.branches.neon_client import NeonClient
from alembic_neon.branches.provider import BranchProvider
from alembic_neon.embedded.server import LocalServer
from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.verification.databases import TestDatabases
from neon.api.server import KEY, NeonApi
from pydantic import SecretStr
from queries import Query, first_column
from scratch_project import ScratchProject
from sqlalchemy.ext.asyncio import AsyncEngine
from tenacity import wait_random


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A running server that this worker alone uses."""
    server = LocalServer(tmp_path_factory.mktemp("server") / ".neon-local", "test", 18)
    with server.in_use():
        yield server


@pytest.fixture(scope="session")
def databases(embedded: LocalServer) -> TestDatabases:
    """Databases on a server that this worker alone uses."""
    return TestDatabases(embedded)


@pytest.fixture
def database(databases: TestDatabases) -> Iterator[DatabaseURL]:
    """The URL of an empty database, for one test."""
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture(scope="session")
def branch_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A running server whose databases are branches and nothing else."""
    server = LocalServer(tmp_path_factory.mktemp("branches") / ".neon-local", "test", 18)
    with server.in_use():
        yield server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A running server for tests of rehearsals, which change its default branch."""
    found = LocalServer(tmp_path_factory.mktemp("rehearsals") / ".neon-local", "test", 18)
    with found.in_use():
        yield found


@pytest.fixture
def neon_api(embedded: LocalServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[NeonApi]:
    """The stand-in for Neon's API. Whatever broke Neon's document while it ran fails the test."""
    monkeypatch.setattr(neon_client, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(neon_client, "_BACK_OFF", wait_random(0, 0.05))
    with NeonApi(embedded) as api:
        yield api
    assert api.contract.breaches == []


@pytest.fixture
async def neon(neon_api: NeonApi) -> AsyncIterator[NeonProvider]:
    """A provider on the stand-in."""
    client = NeonClient.connect(neon_api.host, neon_api.project.id, SecretStr(KEY))
    async with client.http:
        yield NeonProvider(client)


@pytest.fixture
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[BranchProvider]:
    """A provider whose one branch, `main`, is empty: a local one, or what `on_both` asks for."""
    if getattr(request, "param", "local") == "neon":
        api: NeonApi = request.getfixturevalue("neon_api")
        client = NeonClient.connect(api.host, api.project.id, SecretStr(KEY))
        async with client.http:
            yield NeonProvider(client)
        return
    local = LocalProvider(request.getfixturevalue("server"))
    for branch in (await local.list())[1:]:
        await local.delete(branch.name, force=True)
    for point in await local.list_restore_points("main"):
        await local.delete_restore_point(point)
    main = await local.url("main")
    await first_column(main, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    yield local


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
