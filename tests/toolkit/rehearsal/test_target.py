"""One target for all commands: the database that `db upgrade` acts on, and no other."""

import asyncio
import json
from pathlib import Path

import pytest
from alembic_neon.branches.local import LocalProvider
from alembic_neon.branches.provider import NewBranch
from alembic_neon.branches.selection import open_target
from alembic_neon.branches.server import ServerProvider
from alembic_neon.cli.app import app
from alembic_neon.embedded.server import LocalServer
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConfigurationError, ToolkitError, UsageError
from alembic_neon.migration.runner.progress import Progress
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.rehearsal.promote import StalePlanError, promote
from alembic_neon.rehearsal.result import RehearsedPlan
from alembic_neon.rehearsal.run import Options, rehearse
from neon.api.server import NeonApi
from queries import first_column, session
from scratch_project import ScratchProject
from typer.testing import CliRunner

VERSION = "SELECT version_num FROM alembic_version"


@pytest.fixture
def pending(project: ScratchProject) -> ScratchProject:
    """A project with two revisions, of which a test applies the first."""
    project.revision(
        "a1", up='op.execute("CREATE TABLE t (v int)")', undo='op.execute("DROP TABLE t")'
    )
    project.revision(
        "b2", "a1", up='op.execute("CREATE TABLE b2 ()")', undo='op.execute("DROP TABLE b2")'
    )
    project.models(
        "from sqlalchemy import Column, Integer, MetaData, Table\nmetadata = MetaData()\n"
        'Table("t", metadata, Column("v", Integer))\nTable("b2", metadata)\n'
    )
    return project


@pytest.fixture
def foreign(
    database: DatabaseURL, pending: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> DatabaseURL:
    """A database at a1 on a server that is not the project's, which DATABASE_URL names."""
    asyncio.run(upgrade(database, "a1"))
    asyncio.run(first_column(database, "INSERT INTO t VALUES (1)"))
    monkeypatch.setenv("DATABASE_URL", database.render())
    return database


@pytest.fixture
def local(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> LocalProvider:
    """The project's embedded server is one that this worker has already."""
    monkeypatch.setattr(LocalServer, "for_project", lambda *_: server)
    return LocalProvider(server)


def db(*arguments: str) -> str:
    """Run a command that must succeed, and return what it printed."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def names(url: DatabaseURL) -> list[str]:
    """Return the databases of a server that are copies."""
    sql = "SELECT datname FROM pg_database WHERE datname ~ '^(rehearse|scratch|pytest_at)'"
    return asyncio.run(first_column(url, sql))


def test_a_database_without_branches_is_rehearsed_on_a_copy_and_promoted_itself(
    foreign: DatabaseURL, local: LocalProvider
) -> None:
    said = db("rehearse", "--json", "plan.json")
    assert f"Rehearsing on a copy of database {foreign.database} on /" in said
    plan = json.loads(Path("plan.json").read_text())
    assert (plan["verdict"], plan["provider"]) == ("safe", "server"), plan["findings"]
    assert (plan["database"], plan["role"]) == (foreign.database, "neondb_owner")
    assert names(foreign) == []
    said = db("promote")
    assert f"Promoting to database {foreign.database}" in said
    assert f"1 revision promoted to {foreign.database}" in said
    assert asyncio.run(first_column(foreign, VERSION)) == ["b2"]
    assert asyncio.run(first_column(foreign, "SELECT v FROM t")) == [1]
    assert f"{foreign.database} has no restore points" in db("restore")


async def test_a_database_in_use_is_dumped_into_the_embedded_server(
    foreign: DatabaseURL, local: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, kept = ServerProvider(foreign, local), Options(keep=True)
    async with session(foreign, "SELECT v FROM t"):
        found = await rehearse(provider, kept, lambda _: None)
        assert found.verdict == "safe", found.reasons
        copy = await provider.url(found.branch)
        assert copy.host == (await local.url("main")).host
        assert await first_column(copy, "SELECT v FROM t") == [1]
        await provider.delete(found.branch, force=True)
        assert found.branch not in [branch.name for branch in await local.list()]
        monkeypatch.setattr("alembic_neon.branches.server.MAX_DUMP_BYTES", 1024)
        with pytest.raises(ToolkitError, match=r"is in use, and its .* GiB are more than"):
            await rehearse(provider, kept, lambda _: None)


async def test_what_a_server_without_branches_cannot_do_is_refused(
    foreign: DatabaseURL, local: LocalProvider
) -> None:
    provider = ServerProvider(foreign, local)
    with pytest.raises(UsageError, match="has no branches and no restore points"):
        await provider.create(NewBranch("try-it"))
    with pytest.raises(UsageError, match="has no branch main"):
        await rehearse(provider, Options("main"), lambda _: None)


async def test_a_plan_is_refused_for_another_database_server_and_role(
    foreign: DatabaseURL, local: LocalProvider
) -> None:
    provider = ServerProvider(foreign, local)
    report = (await rehearse(provider, Options(), lambda _: None)).as_json()
    for field, what in [("server", "server"), ("role", "role"), ("provider", "provider")]:
        plan = RehearsedPlan.from_report(report | {field: "another"})
        with pytest.raises(StalePlanError, match=rf"for another database: .*{what} \S+, not"):
            await promote(provider, plan, Progress(), lambda _: None)
    plan = RehearsedPlan.from_report(report | {"parent_branch": "other"})
    with pytest.raises(UsageError, match="has no branch other"):
        await promote(provider, plan, Progress(), lambda _: None)
    assert await first_column(foreign, VERSION) == ["a1"]


async def test_the_branch_in_use_is_the_target(
    pending: ScratchProject, local: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in (await local.list())[1:]:
        await local.delete(other.name, force=True)
    await local.create(NewBranch("feature", force=True))
    async with open_target() as (_, branch):
        assert branch == "main", "without DATABASE_URL"
    monkeypatch.setenv("DATABASE_URL", (await local.url("feature")).render())
    async with open_target() as (provider, branch):
        assert branch == "feature"
        assert (await provider.target(branch)).database == "feature"
    async with open_target("main") as (provider, branch):
        assert (await provider.target(branch)).database == "main", "named on the command line"


async def test_on_neon_the_target_is_the_branch_database_and_role_of_the_url(
    pending: ScratchProject, neon_api: NeonApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in neon_api.environment.items():
        monkeypatch.setenv(name, value)
    neon_api.run(neon_api.project.add_database("other"))
    async with open_target() as (provider, branch):
        with pytest.raises(UsageError, match="Branch main has several databases: neondb, other"):
            await provider.target(branch)
    main = neon_api.named("main")
    url = neon_api.project.uri(main, "other", "neondb_owner", pooled=False)
    monkeypatch.setenv("DATABASE_URL", url)
    async with open_target() as (provider, branch):
        target = await provider.target(branch)
        assert (branch, target.database.rpartition("+")[2]) == ("main", "other")
        assert await provider.url(branch) == DatabaseURL.parse(url)
        assert str(target).startswith(f"branch main of Neon project {neon_api.project.id} (")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"DATABASE_URL": "postgresql://a:b@localhost/app"}, "is no branch of Neon project"),
        (
            {
                "DATABASE_URL": "postgresql://a:b@ep-x-y-1.eu.aws.neon.tech/app",
                "DB_BRANCH_PROVIDER": "local",
            },
            "whose branches need a key. Set NEON_API_KEY and NEON_PROJECT_ID.",
        ),
    ],
)
async def test_settings_that_lead_to_two_places_are_refused(
    pending: ScratchProject,
    neon_api: NeonApi,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    message: str,
) -> None:
    for name, value in (neon_api.environment | settings).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=message):
        async with open_target():
            pass


def test_upgrade_refuses_to_guess_where_neon_is_chosen_and_no_url_is_set(
    pending: ScratchProject, neon_api: NeonApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in neon_api.environment.items():
        monkeypatch.setenv(name, value)
    for command in (["upgrade"], ["downgrade", "base"], ["status"], ["baseline"]):
        error = CliRunner().invoke(app, command).exception
        assert "choose Neon, but DATABASE_URL is not set." in str(error), command
