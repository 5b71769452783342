"""A network that stalls and a migrator that is frozen: locks are freed, nobody waits."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConnectionFailedError
from alembic_neon.migration.runner import blockers, execution, session_state
from alembic_neon.migration.runner.run import upgrade
from network import Network
from queries import first_column
from scratch_project import ScratchProject

TABLES = "SELECT relname FROM pg_class WHERE relname IN ('t', 'u')"
SLEEPER = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(1)%'"
WAIT = "import time; time.sleep(3)"


@pytest.fixture
async def network(database: DatabaseURL) -> AsyncIterator[Network]:
    """A network before the server of the test's database."""
    async with Network(f"{database.connect_args['host']}/.s.PGSQL.5432").running() as network:
        yield network


@pytest.fixture
def far_url(database: DatabaseURL, network: Network) -> DatabaseURL:
    """The URL of the test's database behind the network."""
    return DatabaseURL.parse(
        f"postgresql://{database.parts.username}@127.0.0.1:{network.port}/{database.database}"
        "?sslmode=disable"
    )


async def test_a_network_that_stalls_in_mid_statement_ends_the_run(
    project: ScratchProject,
    network: Network,
    far_url: DatabaseURL,
    database: DatabaseURL,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blockers, "STALL_SECONDS", 1.0)
    monkeypatch.setattr(session_state, "IDLE_SECONDS", 2)
    project.revision("a1", up='op.execute("CREATE TABLE t (v int)")')
    project.revision(
        "b2", "a1", up='op.execute("CREATE TABLE u (v int)"); op.execute("SELECT pg_sleep(1)")'
    )
    run = asyncio.create_task(upgrade(far_url))
    for _ in range(400):
        if await first_column(database, SLEEPER):
            break
        await asyncio.sleep(0.05)
    network.stall()
    with pytest.raises(ConnectionFailedError) as caught:
        await asyncio.wait_for(run, 20)
    assert str(caught.value).startswith("The connection was lost in b2, and it is not known")
    for _ in range(100):
        if not await first_column(database, "SELECT pid FROM pg_locks WHERE mode LIKE 'Acc%Ex%'"):
            break
        await asyncio.sleep(0.1)
    assert await first_column(database, TABLES) == ["t"], "the server ended the transaction"


async def test_a_frozen_migrator_loses_its_transaction_and_is_told_why(
    project: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_state, "IDLE_SECONDS", 1)
    monkeypatch.setattr(execution, "IDLE_SECONDS", 1)
    project.revision(
        "a1", up=f'op.execute("CREATE TABLE t (v int)")\n{WAIT}\nop.execute("SELECT 1")'
    )
    with pytest.raises(ConnectionFailedError) as caught:
        await upgrade(database)
    assert str(caught.value) == (
        "a1 sent nothing for 1 s within its transaction, so that the server ended it; the"
        " database is at no revision. Let it compute before its first statement, or begin it with:"
        " SET idle_in_transaction_session_timeout = 0"
    )
    assert await first_column(database, TABLES) == []


async def test_a_revision_may_take_its_time(
    project: ScratchProject, database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_state, "IDLE_SECONDS", 1)
    project.revision(
        "a1",
        up='op.execute("SET idle_in_transaction_session_timeout = 0")\n'
        f'op.execute("CREATE TABLE t (v int)")\n{WAIT}\nop.execute("SELECT 1")',
    )
    await upgrade(database)
    assert await first_column(database, TABLES) == ["t"]
