"""The catalog snapshot is complete and exact, through random changes held against pg_dump."""

from collections.abc import AsyncIterator, Iterator
from itertools import islice

import pytest
from alembic_neon.embedded.binaries import EmbeddedBinaries
from alembic_neon.embedded.server import LocalServer
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.verification.catalog import CatalogReader, take_snapshot
from alembic_neon.verification.databases import TestDatabases
from catalog_changes import KINDS, changes
from catalog_walk import superuser, walk
from sqlalchemy.ext.asyncio import AsyncConnection


@pytest.fixture(scope="session")
def old_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestDatabases]:
    """Databases on the other version that the embedded build has."""
    server = LocalServer(tmp_path_factory.mktemp("old") / ".neon-local", "test", 16)
    with server.in_use():
        yield TestDatabases(server)


@pytest.fixture
def old_database(old_databases: TestDatabases) -> Iterator[DatabaseURL]:
    """The URL of an empty database on PostgreSQL 16."""
    url = old_databases.create()
    yield url
    old_databases.drop(url)


@pytest.fixture
def other_database(databases: TestDatabases) -> Iterator[DatabaseURL]:
    """The URL of one more empty database."""
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture
async def connection(database: DatabaseURL) -> AsyncIterator[AsyncConnection]:
    """A superuser's connection to a database that holds something of everything."""
    async with superuser(database) as connection:
        yield connection


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_changes_a_dump_changes_the_snapshot_and_nothing_else_does(
    connection: AsyncConnection, seed: int
) -> None:
    walked = await walk(connection, seed, 50, binaries=EmbeddedBinaries.find(18))
    assert walked.unseen == []
    assert walked.false == []
    assert walked.inexact == []
    assert walked.dumps_that_changed > 25


async def test_it_holds_on_an_older_version_too(old_database: DatabaseURL) -> None:
    async with superuser(old_database) as connection:
        walked = await walk(connection, 3, 50, binaries=EmbeddedBinaries.find(16))
    assert walked.unseen == []
    assert walked.false == []
    assert walked.inexact == []


@pytest.mark.parametrize("seed", [11, 12])
async def test_a_reader_that_reads_what_changed_sees_what_a_new_one_sees(
    connection: AsyncConnection, seed: int
) -> None:
    assert (await walk(connection, seed, 120)).inexact == []


def test_the_changes_are_the_same_for_a_seed_and_of_every_kind() -> None:
    first, again = (list(islice(changes(5), 1000)) for _ in range(2))
    assert first == again
    assert {kind for kind, _ in first} == set(KINDS)


async def test_a_restored_dump_has_the_same_fingerprint(
    connection: AsyncConnection, database: DatabaseURL, other_database: DatabaseURL
) -> None:
    """Other oids, another order of creation, the same schema."""
    binaries = EmbeddedBinaries.find(18)
    host, copy = str(database.sqlalchemy.query["host"]), other_database
    script = binaries.run("pg_dump", "-s", "-h", host, "-U", "postgres", "-d", database.database)
    arguments = ("-q", "-h", host, "-U", "postgres", "-d", copy.database)
    restored = binaries.run("psql", "-v", "ON_ERROR_STOP=1", *arguments, stdin=script.stdout)
    assert restored.returncode == 0, restored.stderr
    before, after = await CatalogReader(connection).read(), await take_snapshot(copy)
    differences = before.difference(after)
    assert [each.object.label for each in differences] == ["materialized view public.kept"]
    assert differences[0].now is not None
    assert "WITH NO DATA" in differences[0].now.text


async def test_a_role_that_is_no_superuser_sees_the_same(
    connection: AsyncConnection, database: DatabaseURL
) -> None:
    """But for the options of other roles' user mappings, which PostgreSQL hides."""
    await connection.exec_driver_sql(
        "CREATE SUBSCRIPTION sub CONNECTION 'dbname=secret' "
        "PUBLICATION p WITH (connect = false, slot_name = NONE)"
    )
    seen, all_of_it = await take_snapshot(database), await CatalogReader(connection).read()
    assert seen.difference(all_of_it) == []
    assert "subscription sub" in seen.objects
    assert not any("secret" in found.text for found in all_of_it.objects.values())


async def test_a_read_leaves_the_search_path_and_the_transaction_as_they_are(
    database: DatabaseURL, connection: AsyncConnection
) -> None:
    reader = CatalogReader(connection)
    await reader.read()
    shown = await connection.exec_driver_sql("SHOW search_path")
    assert shown.scalar() == '"$user", public'
