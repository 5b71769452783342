"""The commands `db rehearse`, `db promote` and `db restore`, as a person meets them."""

import asyncio
import json
from pathlib import Path

import pytest
from alembic_neon.branches.neon import NeonProvider
from alembic_neon.branches.neon_client import NeonClient
from alembic_neon.cli.app import app
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.migration.runner.run import upgrade
from neon.api.server import KEY, NeonApi
from pydantic import SecretStr
from queries import first_column
from scratch_project import ScratchProject
from typer.testing import CliRunner, Result

VERSION = "SELECT version_num FROM alembic_version"


@pytest.fixture
def main(
    project: ScratchProject, neon_api: NeonApi, monkeypatch: pytest.MonkeyPatch
) -> DatabaseURL:
    """The URL of `main` on the stand-in, where the environment leads; one revision is pending."""
    for name, value in neon_api.environment.items():
        monkeypatch.setenv(name, value)
    project.revision("a1", up='op.execute("CREATE TABLE t (v int)")')
    project.models(
        "from sqlalchemy import Column, Integer, MetaData, Table\nmetadata = MetaData()\n"
        'Table("t", metadata, Column("v", Integer))\nTable("b2", metadata)\n'
    )
    url = asyncio.run(_at_a1(neon_api))
    project.revision(
        "b2", "a1", up='op.execute("CREATE TABLE b2 ()")', undo='op.execute("DROP TABLE b2")'
    )
    return url


async def _at_a1(api: NeonApi) -> DatabaseURL:
    client = NeonClient.connect(api.host, api.project.id, SecretStr(KEY))
    async with client.http:
        url = await NeonProvider(client).url("main")
    await upgrade(url)
    return url


def db(*arguments: str) -> Result:
    """Run a command in this process, without a terminal."""
    return CliRunner().invoke(app, list(arguments))


def refused(result: Result, exit_code: int, *parts: str) -> None:
    assert getattr(result.exception, "exit_code", None) == exit_code, result.exception
    for part in parts:
        assert part in str(result.exception)


def revisions(url: DatabaseURL) -> list[str]:
    return asyncio.run(first_column(url, VERSION))


def test_there_and_back(main: DatabaseURL) -> None:
    rehearsed = db("rehearse", "--json", "-", "--html", "r.html", "--markdown", "r.md")
    assert rehearsed.exit_code == 0, rehearsed.exception
    assert json.loads(rehearsed.stdout)["verdict"] == "safe", "nothing else is on it"
    assert rehearsed.stderr.endswith("Apply it to main with: db promote\n")
    assert "<html" in Path("r.html").read_text()
    assert Path("r.md").read_text().startswith("<!-- db rehearse -->")
    assert "main has no restore points; db promote makes them." in db("restore").stderr
    promoted = db("promote")
    assert "1 revision promoted to main" in promoted.stderr, promoted.exception
    point = promoted.stderr.rsplit("db restore ", 1)[1].strip()
    assert revisions(main) == ["b2"]
    listed = db("restore")
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == [point]
    refused(db("restore", point), 2, "Aborted. Answer y, or give --yes.")
    assert revisions(main) == ["b2"]
    restored = db("restore", point, "--yes")
    assert "main is back at a1, as" in restored.stderr
    assert revisions(main) == ["a1"]
    refused(db("restore", "nope"), 2, "There is no restore point nope.")
    refused(db("restore", "--branch", "nope"), 2, "There is no branch nope.")
    assert "1 revision promoted to main" in db("promote").stderr, "the same plan fits again"
    refused(db("promote"), 1, "The database is at b2 already: another promotion or upgrade has")


def test_a_blocked_rehearsal_ends_with_1_and_cannot_be_promoted(
    main: DatabaseURL, project: ScratchProject
) -> None:
    project.revision("b2", "a1", up='op.execute("SELECT 1/0")')
    result = db("rehearse")
    assert result.exit_code == 1
    assert "division by zero" in result.stdout
    assert result.stdout.endswith("Blocked: 1 error must be fixed before promoting\n")
    refused(db("promote"), 1, "verdict is blocked")


def test_a_smoke_test_that_fails_blocks(main: DatabaseURL) -> None:
    result = db("rehearse", "--run", "exit 7")
    assert result.exit_code == 1
    assert "exit 7 ended with 7." in result.stdout


def test_what_cannot_be_written_is_refused_before_a_branch_is_made(
    main: DatabaseURL, neon_api: NeonApi
) -> None:
    refused(db("rehearse", "--json", "none/x.json"), 2, "none/x.json cannot be written")
    refused(db("rehearse", "--json", "-", "--html", "-"), 2, "Only one thing can go to standard")
    refused(db("rehearse", "--load", "none.sql"), 2, "none.sql cannot be read")
    refused(db("promote"), 2, "There is no plan", "Make one: db rehearse")
    Path("x.json").write_text("[]")
    refused(db("promote", "--plan", "x.json"), 2, "x.json is not a rehearsal's report.")
    assert not [call for call in neon_api.calls if not call.startswith("GET ")]
