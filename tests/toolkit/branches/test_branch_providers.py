"""What every branch provider promises: the same tests on the local one and on Neon's."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic_neon.branches.local import LocalProvider
from alembic_neon.branches.neon import NeonProvider
from alembic_neon.branches.neon_client import NeonClient
from alembic_neon.branches.neon_models import Response
from alembic_neon.branches.provider import BranchProvider, NewBranch, prune
from alembic_neon.embedded.server import LocalServer
from alembic_neon.engine.factory import create_migration_engine, migration_connection
from alembic_neon.errors import ToolkitError, UsageError
from neon.api.server import KEY, NeonApi
from pydantic import SecretStr
from queries import first_column
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

# The local half shares a server with the tests of the local provider.
pytestmark = pytest.mark.xdist_group("branches")


@pytest.fixture(params=["local", "neon"])
async def provider(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[BranchProvider]:
    """A provider with the branch `main` alone, which has a table with one row."""
    (tmp_path / "alembic.ini").touch()
    monkeypatch.chdir(tmp_path)
    if request.param == "local":
        local = LocalProvider(request.getfixturevalue("branch_server"))
        await _begin(local)
        yield local
        await _clear(local)
        return
    api: NeonApi = request.getfixturevalue("neon_api")
    client = NeonClient.connect(api.host, api.project.id, SecretStr(KEY))
    async with client.http:
        await _begin(NeonProvider(client))
        yield NeonProvider(client)


async def _begin(provider: BranchProvider) -> None:
    await write(provider, "main", "DROP TABLE IF EXISTS notes", "CREATE TABLE notes (t text)")
    await write(provider, "main", "INSERT INTO notes VALUES ('first')")


async def _clear(provider: BranchProvider) -> None:
    for point in await provider.list_restore_points("main"):
        await provider.delete_restore_point(point)
    branches = [branch for branch in await provider.list() if not branch.is_default]
    while branches:
        parents = {branch.parent for branch in branches}
        leaf = next(branch for branch in branches if branch.name not in parents)
        await provider.delete(leaf.name, force=True)
        branches.remove(leaf)


async def write(provider: BranchProvider, branch: str, *statements: str) -> None:
    await first_column(await provider.url(branch), *statements)


async def notes(provider: BranchProvider, branch: str) -> list[Any]:
    return await first_column(await provider.url(branch), "SELECT t FROM notes ORDER BY t")


async def names(provider: BranchProvider) -> list[str]:
    return [branch.name for branch in await provider.list()]


async def test_a_branch_has_the_schema_and_the_rows_of_its_parent(
    provider: BranchProvider,
) -> None:
    branch = await provider.create(NewBranch("try-it"))
    assert await notes(provider, "try-it") == ["first"]
    await write(provider, "try-it", "DROP TABLE notes")
    assert await notes(provider, "main") == ["first"]
    assert (branch.name, branch.parent, branch.is_default) == ("try-it", "main", False)
    assert (branch.expires_at, branch.is_protected, branch.is_expired) == (None, False, False)
    assert branch.size_bytes > 1_000_000
    assert branch.created_at is not None
    assert datetime.now(UTC) - branch.created_at < timedelta(minutes=1)
    assert replace(await provider.get("try-it"), size_bytes=0) == replace(branch, size_bytes=0)


async def test_a_branch_is_made_from_any_parent(provider: BranchProvider) -> None:
    await provider.create(NewBranch("b/2"))
    await write(provider, "b/2", "INSERT INTO notes VALUES ('second')")
    await provider.create(NewBranch("a.1", "b/2"))
    assert await notes(provider, "a.1") == ["first", "second"]
    assert [(branch.name, branch.parent) for branch in await provider.list()] == [
        ("main", None),
        ("a.1", "b/2"),
        ("b/2", "main"),
    ]


async def test_a_branch_can_have_a_time_to_live(provider: BranchProvider) -> None:
    branch = await provider.create(NewBranch("short", ttl=timedelta(hours=2)))
    assert branch.expires_at is not None
    assert abs(branch.expires_at - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=1)
    assert (await provider.get("short")).expires_at == branch.expires_at
    with pytest.raises(UsageError, match=r"short expires, and no branch can be made from one"):
        await provider.create(NewBranch("grandchild", "short"))


@pytest.mark.parametrize("ttl", [timedelta(0), timedelta(seconds=-1), timedelta(days=31)])
async def test_a_time_to_live_that_neon_would_refuse_is_refused(
    provider: BranchProvider, ttl: timedelta
) -> None:
    with pytest.raises(UsageError, match=r"A branch cannot live for .* up to 30 days"):
        await provider.create(NewBranch("short", ttl=ttl))


async def test_a_reset_brings_back_the_parents_present_state(provider: BranchProvider) -> None:
    await provider.create(NewBranch("try-it", ttl=timedelta(days=1)))
    before = await provider.get("try-it")
    url = await provider.url("try-it")
    await write(provider, "try-it", "INSERT INTO notes VALUES ('mine')")
    await write(provider, "main", "INSERT INTO notes VALUES ('second')")
    await provider.reset("try-it")
    assert await first_column(url, "SELECT t FROM notes ORDER BY t") == ["first", "second"]
    assert await names(provider) == ["main", "try-it"]
    assert (await provider.get("try-it")).expires_at == before.expires_at


async def test_a_deleted_branch_is_gone(provider: BranchProvider) -> None:
    await provider.create(NewBranch("try-it"))
    await provider.delete("try-it")
    assert await names(provider) == ["main"]
    with pytest.raises(UsageError, match="There is no branch try-it"):
        await provider.url("try-it")


@pytest.mark.parametrize("verb", ["deleted", "reset"])
async def test_the_default_branch_is_never_deleted_or_reset(
    provider: BranchProvider, verb: str
) -> None:
    with pytest.raises(UsageError, match=f"main is the default branch and is never {verb}"):
        await (provider.delete("main") if verb == "deleted" else provider.reset("main"))


@pytest.mark.parametrize("verb", ["deleted", "reset"])
async def test_a_branch_with_children_is_left_alone(provider: BranchProvider, verb: str) -> None:
    await provider.create(NewBranch("parent"))
    await provider.create(NewBranch("child", "parent"))
    with pytest.raises(UsageError, match=f"cannot be {verb}. First delete child"):
        await (provider.delete("parent") if verb == "deleted" else provider.reset("parent"))


@pytest.mark.parametrize("name", ["", "-x", "a b", 'a"; DROP DATABASE main', "x" * 64, "ü"])
async def test_a_name_that_cannot_be_one_is_refused(provider: BranchProvider, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a branch's name"):
        await provider.create(NewBranch(name))


async def test_a_name_that_is_taken_is_refused(provider: BranchProvider) -> None:
    with pytest.raises(UsageError, match="There is a branch main already"):
        await provider.create(NewBranch("main"))


async def test_an_unknown_parent_is_refused_with_those_that_there_are(
    provider: BranchProvider,
) -> None:
    with pytest.raises(UsageError, match=r"There is no branch prod\. There are: main\."):
        await provider.create(NewBranch("try-it", "prod"))


async def test_a_url_leads_back_to_its_branch(provider: BranchProvider) -> None:
    await provider.create(NewBranch("try-it"))
    for name in ("main", "try-it"):
        for pooled in (False, True):
            assert await provider.branch_of(await provider.url(name, pooled=pooled)) == name
    elsewhere = (await provider.url("main")).parts.update_query_dict({"host": "/elsewhere"})
    assert await provider.branch_of(type(await provider.url("main"))(elsewhere)) is None


@pytest.mark.parametrize("branch", ["main", "child"])
async def test_a_restore_point_brings_a_branch_back(provider: BranchProvider, branch: str) -> None:
    if branch == "child":
        await provider.create(NewBranch("child"))
    url = await provider.url(branch)
    point = await provider.make_restore_point(branch)
    await write(provider, branch, "DELETE FROM notes", "INSERT INTO notes VALUES ('later')")
    listed = await names(provider)
    await provider.restore(branch, point)
    assert await first_column(url, "SELECT t FROM notes") == ["first"], "the same URL leads there"
    assert await names(provider) == listed, "restore points are no branches"
    after = await provider.list_restore_points(branch)
    assert point in after
    (was,) = [each for each in after if each != point]
    assert (was.branch, point.branch) == (branch, branch)
    await provider.restore(branch, was)
    assert await notes(provider, branch) == ["later"], "the state before was kept"


async def test_restore_points_are_listed_newest_first_and_can_be_deleted(
    provider: BranchProvider,
) -> None:
    one, two = [await provider.make_restore_point("main") for _ in range(2)]
    assert await provider.list_restore_points("main") == [two, one]
    await provider.delete_restore_point(one)
    assert await provider.list_restore_points("main") == [two]
    assert await names(provider) == ["main"]


async def test_a_branchs_restore_points_go_with_it(provider: BranchProvider) -> None:
    await provider.create(NewBranch("child"))
    point = await provider.make_restore_point("child")
    await provider.restore("child", point)
    await provider.make_restore_point("child")
    await provider.delete("child")
    await provider.create(NewBranch("child"))
    assert await provider.list_restore_points("child") == []


async def test_a_branch_is_made_while_its_parent_is_used(provider: BranchProvider) -> None:
    engine = create_migration_engine(await provider.url("main"))
    connection = await engine.connect()
    await connection.execute(text("SELECT 1"))
    await provider.create(NewBranch("try-it", force=True))
    assert await notes(provider, "try-it") == ["first"]
    await connection.invalidate()
    await connection.close()
    await engine.dispose()


async def test_what_rehearsals_left_behind_is_pruned(provider: BranchProvider) -> None:
    await provider.create(NewBranch("rehearse-1234", ttl=timedelta(hours=1), is_rehearsal=True))
    await provider.create(NewBranch("mine"))
    await provider.create(NewBranch("short", ttl=timedelta(hours=1)))
    assert await prune(provider, older_than=timedelta(hours=1)) == []
    assert await prune(provider) == ["rehearse-1234"]
    assert await names(provider) == ["main", "mine", "short"]


@pytest.mark.parametrize("name", ["rehearse-me", "scratch-1", "restore-point/main/x", "reset-it"])
async def test_a_reserved_name_is_refused(provider: BranchProvider, name: str) -> None:
    with pytest.raises(UsageError, match=r"Names that begin with \S+ are reserved for the toolkit"):
        await provider.create(NewBranch(name))


async def test_a_branch_that_is_only_named_like_a_rehearsal_is_never_pruned(
    provider: BranchProvider, request: pytest.FixtureRequest
) -> None:
    await _make_by_hand(provider, request, "rehearse-the-launch")
    await _make_by_hand(provider, request, "restore-point/main/of-mine")
    assert await prune(provider) == []
    assert await names(provider) == ["main", "rehearse-the-launch", "restore-point/main/of-mine"]
    assert not (await provider.get("rehearse-the-launch")).is_rehearsal
    assert await provider.list_restore_points("main") == []


async def _make_by_hand(
    provider: BranchProvider, request: pytest.FixtureRequest, name: str
) -> None:
    """Make a branch as Neon's console does, or with CREATE DATABASE."""
    if isinstance(provider, NeonProvider):
        body = {"branch": {"name": name}}
        await provider.client.write(Response, "POST", "/branches", body)
        return
    server: LocalServer = request.getfixturevalue("branch_server")
    async with migration_connection(server.url("postgres")) as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql(f'CREATE DATABASE "{name}"')


async def test_a_branch_whose_database_takes_no_connection_is_restored(
    provider: BranchProvider, request: pytest.FixtureRequest
) -> None:
    url = await provider.url("main")
    point = await provider.make_restore_point("main")
    await write(provider, "main", "UPDATE notes SET t = 'broken'")
    fixture = "branch_server" if isinstance(provider, LocalProvider) else "embedded"
    server: LocalServer = request.getfixturevalue(fixture)
    async with migration_connection(server.url("postgres")) as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        closed = f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false'
        await connection.exec_driver_sql(closed)
    with pytest.raises((ToolkitError, DBAPIError)):
        await notes(provider, "main")
    await provider.restore("main", point)
    assert await notes(provider, "main") == ["first"]


async def test_what_expired_is_gone_after_pruning(
    provider: BranchProvider, request: pytest.FixtureRequest
) -> None:
    await provider.create(NewBranch("short", ttl=timedelta(hours=1)))
    await _let_expire(provider, request, "short")
    if isinstance(provider, LocalProvider):
        assert (await provider.get("short")).is_expired
        assert await prune(provider, older_than=timedelta(days=1)) == ["short"]
    assert await names(provider) == ["main"], "Neon deletes it by itself"


async def _let_expire(provider: BranchProvider, request: pytest.FixtureRequest, name: str) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    if isinstance(provider, NeonProvider):
        api: NeonApi = request.getfixturevalue("neon_api")
        api.named(name).expires_at = past
        return
    server: LocalServer = request.getfixturevalue("branch_server")
    engine = create_migration_engine(server.url("postgres"))
    told = f'{{"parent": "main", "created_at": "{past.isoformat()}", '
    told += f'"expires_at": "{past.isoformat()}"}}'
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"COMMENT ON DATABASE \"{name}\" IS '{told}'")
        await connection.commit()
    await engine.dispose()
