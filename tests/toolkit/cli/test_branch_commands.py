"""The commands `db branch …` on Neon's stand-in, and which provider the environment chooses."""

import json

import pytest
from alembic_neon.branches.local import LocalProvider
from alembic_neon.branches.neon import NeonProvider
from alembic_neon.branches.neon_client import NeonClient
from alembic_neon.branches.provider import NewBranch
from alembic_neon.branches.selection import open_provider
from alembic_neon.cli.app import app
from alembic_neon.engine.settings import load_settings
from alembic_neon.errors import ConfigurationError
from neon.api.server import KEY, NeonApi
from pydantic import SecretStr
from scratch_project import ScratchProject
from typer.testing import CliRunner, Result


@pytest.fixture
def on_neon(
    project: ScratchProject, neon_api: NeonApi, monkeypatch: pytest.MonkeyPatch
) -> ScratchProject:
    """A project whose environment leads to the stand-in."""
    for name, value in neon_api.environment.items():
        monkeypatch.setenv(name, value)
    return project


def db(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, ["branch", *arguments])


def good(*arguments: str) -> str:
    """Run a command that must succeed, and return what it printed."""
    result = db(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def test_a_branch_lives_and_dies_on_neon(on_neon: ScratchProject, neon_api: NeonApi) -> None:
    assert "branch try-it made from main" in good("create", "try-it", "--ttl", "2h")
    good("create", "stays")
    assert "branch child made from stays" in good("create", "child", "--parent", "stays")
    assert ".env.development points to branch child" in good("use", "child")
    settings = load_settings()
    assert settings.url.host == f"{settings.direct_url.host}-pooler", "both URLs are written"
    listed = json.loads(CliRunner().invoke(app, ["branch", "list", "--json", "-"]).stdout)
    assert [(each["name"], each["parent"], each["current"]) for each in listed] == [
        ("main", None, False),
        ("child", "stays", True),
        ("stays", "main", False),
        ("try-it", "main", False),
    ]
    assert good("url", "child", "--pooled").strip() == settings.url.render()
    assert good("url", "child", "--direct") == good("url", "child")
    in_use = db("delete", "child")
    assert "child is the branch in use" in str(in_use.exception)
    assert "branch child reset to stays" in good("reset", "child")
    assert "branch try-it deleted" in good("delete", "try-it")
    neon_api.run(_make_rehearsal(neon_api))
    assert "Nothing to delete." in good("prune")
    assert "branch rehearse-abc deleted" in good("prune", "--older-than", "0m")


async def _make_rehearsal(api: NeonApi) -> None:
    client = NeonClient.connect(api.host, api.project.id, SecretStr(KEY))
    async with client.http:
        await NeonProvider(client).create(NewBranch("rehearse-abc", is_rehearsal=True))


@pytest.mark.parametrize("ttl", ["2", "h", "2 hours", "-1h", "1w"])
def test_a_time_to_live_that_is_none_is_refused(on_neon: ScratchProject, ttl: str) -> None:
    error = db("create", "try-it", f"--ttl={ttl}").exception
    assert "It takes a number and m, h or d, such as 2h." in str(error)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, LocalProvider),
        ({"NEON_API_KEY": KEY, "NEON_PROJECT_ID": "p"}, NeonProvider),
        (
            {"NEON_API_KEY": KEY, "NEON_PROJECT_ID": "p", "DB_BRANCH_PROVIDER": "local"},
            LocalProvider,
        ),
        ({"NEON_API_KEY": KEY, "DB_BRANCH_PROVIDER": "local"}, LocalProvider),
    ],
)
async def test_the_environment_chooses_the_provider(
    project: ScratchProject,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    expected: type[object],
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    async with open_provider() as provider:
        assert isinstance(provider, expected)


@pytest.mark.parametrize(
    "host",
    [
        "https://console.neon.tech",
        "https://neon.example/api/v2/",
        "http://localhost",
        "http://127.0.0.1:8000/api/v2",
        "http://[::1]:1",
    ],
)
async def test_the_hosts_address_is_taken_with_and_without_the_base(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    settings = {"NEON_API_KEY": KEY, "NEON_PROJECT_ID": "p", "NEON_API_HOST": host}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    async with open_provider() as provider:
        assert isinstance(provider, NeonProvider)
        assert str(provider.client.http.base_url).count("/api/v2/projects/p/") == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"NEON_API_KEY": KEY}, "need NEON_PROJECT_ID. Set it, or"),
        ({"NEON_PROJECT_ID": "p"}, "need NEON_API_KEY. Set it, or DB_BRANCH_PROVIDER=local."),
        ({"DB_BRANCH_PROVIDER": "neon"}, "need NEON_API_KEY and NEON_PROJECT_ID. Set them, or"),
        ({"DB_BRANCH_PROVIDER": "aws"}, "DB_BRANCH_PROVIDER is 'aws'; it takes 'neon' or 'local'."),
        ({"NEON_API_KEY": "two words"}, "NEON_API_KEY is a value; it takes a key of Neon's"),
        ({"NEON_PROJECT_ID": "../x"}, "NEON_PROJECT_ID is a value; it takes a project's id"),
        ({"NEON_API_HOST": "http://example.org"}, "it takes an https:// URL, or an http:// one"),
        ({"NEON_API_HOST": "http://127.0.0.1@example.org"}, "it takes an https:// URL"),
        ({"NEON_API_HOST": "http://localhost.example.org"}, "it takes an https:// URL"),
    ],
)
async def test_a_configuration_that_cannot_work_is_refused_in_one_line(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], said: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        async with open_provider():
            pass
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)
    assert "two words" not in str(caught.value)
