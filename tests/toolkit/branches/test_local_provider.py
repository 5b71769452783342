"""Branches of the local provider: copies of databases, made while others may be using them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from alembic_neon.branches import local_databases
from alembic_neon.branches.local import LocalProvider
from alembic_neon.branches.local_databases import BranchMetadata
from alembic_neon.branches.provider import NewBranch
from alembic_neon.embedded.server import LocalServer
from alembic_neon.engine.factory import create_migration_engine, migration_connection
from alembic_neon.errors import ToolkitError, UsageError
from queries import first_column
from sqlalchemy import text

# The tests share a server with those of the contract.
pytestmark = pytest.mark.xdist_group("branches")


@pytest.fixture
async def provider(
    branch_server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LocalProvider]:
    """A provider with the branch `main` alone, which has a table with one row."""
    (tmp_path / "alembic.ini").touch()
    monkeypatch.chdir(tmp_path)
    provider = LocalProvider(branch_server)
    await first_column(
        await provider.url("main"), "DROP TABLE IF EXISTS notes", "CREATE TABLE notes (t text)"
    )
    await first_column(await provider.url("main"), "INSERT INTO notes VALUES ('first')")
    yield provider
    for branch in await provider.list():
        if not branch.is_default:
            await provider.delete(branch.name, force=True)


async def test_a_branch_has_the_schema_and_the_rows_of_its_parent(provider: LocalProvider) -> None:
    branch = await provider.create(NewBranch("try-it"))
    url = await provider.url("try-it")
    assert await first_column(url, "SELECT t FROM notes") == ["first"]
    await first_column(url, "DROP TABLE notes")
    assert await first_column(await provider.url("main"), "SELECT t FROM notes") == ["first"]
    assert (branch.parent, branch.is_default) == ("main", False)
    assert branch.size_bytes > 1_000_000
    assert branch.created_at is not None
    assert datetime.now(UTC) - branch.created_at < timedelta(minutes=1)


async def test_branches_are_listed_main_first(provider: LocalProvider) -> None:
    await provider.create(NewBranch("b/2"))
    await provider.create(NewBranch("a.1", "b/2"))
    assert [(branch.name, branch.parent) for branch in await provider.list()] == [
        ("main", None),
        ("a.1", "b/2"),
        ("b/2", "main"),
    ]


async def test_a_reset_brings_back_the_parents_present_state(provider: LocalProvider) -> None:
    await provider.create(NewBranch("try-it"))
    url = await provider.url("try-it")
    await first_column(url, "INSERT INTO notes VALUES ('mine')")
    await first_column(await provider.url("main"), "INSERT INTO notes VALUES ('second')")
    await provider.reset("try-it")
    assert await first_column(url, "SELECT t FROM notes ORDER BY t") == ["first", "second"]
    assert [branch.name for branch in await provider.list()] == ["main", "try-it"]


async def test_a_deleted_branch_is_gone(provider: LocalProvider) -> None:
    await provider.create(NewBranch("try-it"))
    await provider.delete("try-it")
    with pytest.raises(UsageError, match="There is no branch try-it"):
        await provider.url("try-it")


async def test_a_busy_parent_is_waited_for(provider: LocalProvider) -> None:
    engine = create_migration_engine(await provider.url("main"))
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        waiting = asyncio.create_task(provider.create(NewBranch("try-it")))
        await asyncio.sleep(0.5)
        assert not waiting.done()
    await engine.dispose()
    assert (await waiting).name == "try-it"


async def test_who_keeps_a_parent_busy_is_told(
    provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_databases, "_WAIT_SECONDS", 0.2)
    monkeypatch.setenv("DB_APPLICATION_NAME", "the busy one")
    engine = create_migration_engine(await provider.url("main"))
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(
            ToolkitError, match=r"in use by the busy one\. Close that, or .*--force"
        ):
            await provider.create(NewBranch("try-it"))
    await engine.dispose()
    assert [branch.name for branch in await provider.list()] == ["main"]


@pytest.mark.parametrize("verb", ["create", "delete", "reset"])
async def test_force_ends_the_sessions_that_are_in_the_way(
    provider: LocalProvider, verb: str
) -> None:
    await provider.create(NewBranch("try-it"))
    busy = "main" if verb == "create" else "try-it"
    engine = create_migration_engine(await provider.url(busy))
    connection = await engine.connect()
    await connection.execute(text("SELECT 1"))
    if verb == "create":
        await provider.create(NewBranch("other", force=True))
    else:
        await getattr(provider, verb)("try-it", force=True)
    await connection.invalidate()
    await connection.close()
    await engine.dispose()


@pytest.mark.parametrize("verb", ["delete", "reset"])
async def test_main_is_never_deleted_or_reset(provider: LocalProvider, verb: str) -> None:
    with pytest.raises(UsageError, match="main is the default branch"):
        await getattr(provider, verb)("main")


@pytest.mark.parametrize("name", ["", "-x", "a b", 'a"; DROP DATABASE main', "x" * 64, "ü"])
async def test_a_name_that_cannot_be_one_is_refused(provider: LocalProvider, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a branch's name"):
        await provider.create(NewBranch(name))


@pytest.mark.parametrize("name", ["main", "postgres", "template1"])
async def test_a_name_that_is_taken_is_refused(provider: LocalProvider, name: str) -> None:
    with pytest.raises(UsageError, match="There is a branch"):
        await provider.create(NewBranch(name))


async def test_an_unknown_parent_is_refused_with_those_that_there_are(
    provider: LocalProvider,
) -> None:
    with pytest.raises(UsageError, match=r"There is no branch prod\. There are: main\."):
        await provider.create(NewBranch("try-it", "prod"))


async def test_a_database_that_was_made_by_hand_is_a_branch(provider: LocalProvider) -> None:
    await provider.create_empty("scratch")
    found = {branch.name: branch for branch in await provider.list()}
    assert found["scratch"].parent == "main"
    engine = create_migration_engine(await provider.url("scratch"))
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("COMMENT ON DATABASE scratch IS 'what I wrote myself'"))
    await engine.dispose()
    (mine,) = [branch for branch in await provider.list() if branch.name == "scratch"]
    assert (mine.parent, mine.created_at) == ("main", None)


async def until(stop: asyncio.Event, provider: LocalProvider) -> int:
    """Be an application that connects again as soon as its session has ended."""
    count, url = 0, await provider.url("main")
    while not stop.is_set():
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(
                host=url.host, user=url.parts.username, database="main"
            )
            count += 1
            await connection.execute("SELECT pg_sleep(60)")
    return count


async def test_force_copies_a_database_whose_application_connects_again_at_once(
    provider: LocalProvider,
) -> None:
    stop = asyncio.Event()
    application = [asyncio.create_task(until(stop, provider)) for _ in range(4)]
    await asyncio.sleep(0.5)
    point = await provider.make_restore_point("main", force=True)
    await provider.restore("main", point, force=True)
    stop.set()
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)'"
    await first_column(await provider.url("main"), end)
    counts = await asyncio.gather(*application)
    assert min(counts) > 1, "each was ended, and connected again"
    for point in await provider.list_restore_points("main"):
        await provider.delete_restore_point(point)


async def test_a_restore_that_fails_between_its_steps_leaves_everything_as_it_was(
    provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = await provider.make_restore_point("main")
    await first_column(await provider.url("main"), "UPDATE notes SET t = 'second'")
    comment = local_databases._comment

    def failing(connection: object, name: str, metadata: BranchMetadata) -> str:
        return "SELECT 1/0" if name == "main" else comment(connection, name, metadata)  # type: ignore[arg-type]

    monkeypatch.setattr(local_databases, "_comment", failing)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await provider.restore("main", point)
    assert await first_column(await provider.url("main"), "SELECT t FROM notes") == ["second"]
    assert [branch.name for branch in await provider.list()] == ["main"]
    assert await provider.list_restore_points("main") == [point]
    await provider.delete_restore_point(point)


async def test_a_branch_that_is_gone_is_restored(
    provider: LocalProvider, branch_server: LocalServer
) -> None:
    point = await provider.make_restore_point("main")
    async with migration_connection(branch_server.url("postgres")) as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("ALTER DATABASE main RENAME TO lost")
    assert [branch.name for branch in await provider.list()] == ["lost"]
    assert await provider.list_restore_points("main") == [point]
    await provider.restore("main", point)
    assert await first_column(await provider.url("main"), "SELECT t FROM notes") == ["first"]
    main = await provider.get("main")
    assert (main.is_default, main.expires_at) == (True, None)
    await provider.delete_restore_point(point)
