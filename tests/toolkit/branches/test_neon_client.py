"""The client of Neon's API where things go wrong: busy projects, limits, lost answers, bad keys."""

import logging
import time
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from alembic_neon.branches.neon import NeonProvider
from alembic_neon.branches.neon_client import NeonClient, NeonError
from alembic_neon.branches.neon_models import BranchesPage
from alembic_neon.branches.provider import NewBranch
from alembic_neon.errors import ToolkitError
from neon.api.server import KEY, NeonApi
from pydantic import SecretStr

CREATE = "POST {p}/branches"
LIST = "GET {p}/branches"
DELETE = "DELETE {p}{b}"
COUNTED_CREATE = "POST /projects/{project_id}/branches"
COUNTED_LIST = "GET /projects/{project_id}/branches"


def client_of(api: NeonApi, key: str = KEY) -> NeonClient:
    return NeonClient.connect(api.host, api.project.id, SecretStr(key))


@pytest.fixture
async def impatient(neon_api: NeonApi) -> AsyncIterator[NeonProvider]:
    """A provider that gives up after half a second."""
    client = replace(client_of(neon_api), deadline_seconds=0.5, outage_seconds=0.5)
    async with client.http:
        yield NeonProvider(client)


async def test_operations_are_waited_for(neon: NeonProvider, neon_api: NeonApi) -> None:
    neon_api.project.seconds = 0.2
    await neon.create(NewBranch("try-it"))
    assert {each.status for each in neon_api.project.operations.values()} == {"finished"}
    assert neon_api.named("try-it").state == "ready"


async def test_a_failed_operation_is_told_with_its_reason(
    neon: NeonProvider, neon_api: NeonApi
) -> None:
    neon_api.project.failing.append("create_branch")
    with pytest.raises(
        NeonError, match=r"operation create_branch ended as failed: the storage did not answer\."
    ):
        await neon.create(NewBranch("try-it"))


async def test_operations_are_not_waited_for_for_ever(
    impatient: NeonProvider, neon_api: NeonApi
) -> None:
    neon_api.project.seconds = 1
    with pytest.raises(NeonError, match=r"create_branch did not end in 0\.5 s\. It goes on"):
        await impatient.create(NewBranch("try-it"))


async def test_a_skipped_operation_is_a_good_one(neon: NeonProvider, neon_api: NeonApi) -> None:
    await neon.create(NewBranch("try-it"))
    for operation in neon_api.project.operations.values():
        operation.status = "skipped"
    await neon.client.wait_for_branch(neon_api.named("try-it").id)


async def test_a_busy_project_is_waited_for(neon: NeonProvider, neon_api: NeonApi) -> None:
    neon_api.project.seconds = 0.3
    other = client_of(neon_api)
    async with other.http:
        await other._request(BranchesPage, "GET", "/branches")  # the connection is there
        await other._send("POST", "/branches", json={"branch": {"name": "another"}})
    await neon.create(NewBranch("try-it"))
    assert neon_api.calls.count(COUNTED_CREATE) > 2, "423 was answered, and tried again"
    assert {branch.name for branch in await neon.list()} == {"main", "another", "try-it"}


@pytest.mark.parametrize("call", [CREATE, LIST])
async def test_an_unavailable_service_is_asked_again(
    neon: NeonProvider, neon_api: NeonApi, call: str
) -> None:
    neon_api.fail(call, "refuse", times=2, status=503)
    await neon.create(NewBranch("try-it"))


async def test_too_many_requests_wait_as_long_as_neon_asks(
    neon: NeonProvider, neon_api: NeonApi
) -> None:
    neon_api.fail(LIST, "limit", seconds=1)
    began = time.monotonic()
    await neon.list()
    assert time.monotonic() - began >= 1
    assert neon_api.calls.count(COUNTED_LIST) == 3, "two pages, and one that was refused"


async def test_a_longer_pause_than_there_is_time_for_is_an_error(
    impatient: NeonProvider, neon_api: NeonApi
) -> None:
    neon_api.fail(LIST, "limit", seconds=3600)
    with pytest.raises(NeonError, match=r"Neon answered 429: .* try again later"):
        await impatient.list()
    assert neon_api.calls.count(COUNTED_LIST) == 1


@pytest.mark.parametrize("kind", ["break before", "break after"])
async def test_a_read_is_repeated_after_a_broken_connection(
    neon: NeonProvider, neon_api: NeonApi, kind: Any
) -> None:
    neon_api.fail(LIST, kind, times=2)
    assert [branch.name for branch in await neon.list()] == ["main"]


async def test_a_branch_is_looked_for_after_a_lost_answer_and_not_made_twice(
    neon: NeonProvider, neon_api: NeonApi
) -> None:
    neon_api.fail(CREATE, "break after")
    branch = await neon.create(NewBranch("try-it"))
    assert (branch.name, branch.parent) == ("try-it", "main")
    assert neon_api.calls.count(COUNTED_CREATE) == 1
    assert neon_api.named("try-it").state == "ready", "its operations were waited for"


async def test_a_branch_that_was_not_made_is_made_after_a_lost_request(
    neon: NeonProvider, neon_api: NeonApi
) -> None:
    neon_api.fail(CREATE, "break before")
    await neon.create(NewBranch("try-it"))
    assert neon_api.calls.count(COUNTED_CREATE) == 2


async def test_a_snapshot_and_a_restore_are_not_made_twice(
    neon: NeonProvider, neon_api: NeonApi
) -> None:
    neon_api.fail("POST {p}{b}/snapshot", "break after")
    point = await neon.make_restore_point("main")
    assert await neon.list_restore_points("main") == [point]
    neon_api.fail("POST {p}/snapshots/{snapshot_id}/restore", "break after")
    neon_api.fail("POST {p}{b}/finalize_restore", "break after")
    await neon.restore("main", point)
    assert [branch.name for branch in await neon.list()] == ["main"]
    assert len(await neon.list_restore_points("main")) == 2


@pytest.mark.parametrize("kind", ["break before", "break after"])
async def test_a_deletion_is_repeated_which_does_no_harm(
    neon: NeonProvider, neon_api: NeonApi, kind: Any
) -> None:
    await neon.create(NewBranch("try-it"))
    neon_api.fail(DELETE, kind)
    await neon.delete("try-it")
    assert [branch.name for branch in await neon.list()] == ["main"]


async def test_pages_end_at_the_empty_one(
    neon: NeonProvider, neon_api: NeonApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        await neon.create(NewBranch(name))
    monkeypatch.setattr("alembic_neon.branches.neon_client._PAGE", 2)
    before = neon_api.calls.count(COUNTED_LIST)
    assert [branch.name for branch in await neon.list()] == ["main", "a", "b", "c"]
    assert neon_api.calls.count(COUNTED_LIST) - before == 3


async def test_what_neon_has_not_got_yet_does_no_harm(
    neon: NeonProvider, neon_api: NeonApi
) -> None:
    for call in (CREATE, LIST, DELETE, "GET {p}/operations/{operation_id}", "GET {p}/endpoints"):
        neon_api.fail(call, "novelty", times=100)
    await neon.create(NewBranch("try-it"))
    assert await neon.branch_of(await neon.url("try-it")) == "try-it"
    await neon.delete("try-it")


@pytest.mark.parametrize(
    ("status", "exit_code", "said"),
    [
        (401, 2, "Fix NEON_API_KEY."),
        (403, 2, "fix NEON_API_KEY or NEON_PROJECT_ID"),
        (404, 1, "Check NEON_PROJECT_ID"),
        (409, 1, "See what is there"),
        (422, 1, "the service is not available"),
        (412, 1, "the service is not available"),
    ],
)
async def test_a_refusal_is_one_line_and_what_to_do(
    neon: NeonProvider, neon_api: NeonApi, status: int, exit_code: int, said: str
) -> None:
    neon_api.fail(CREATE, "refuse", status=status)
    with pytest.raises(ToolkitError) as caught:
        await neon.create(NewBranch("try-it"))
    assert str(caught.value).startswith(f"Neon answered {status}: the service is not available.")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == exit_code
    assert neon_api.calls.count(COUNTED_CREATE) == 1, "a refusal is not tried again"


@pytest.mark.parametrize(
    ("kind", "said"), [("garbage", "not what its API promises"), ("redirect", "Neon answered 307")]
)
async def test_what_is_not_neon_is_told(
    neon: NeonProvider, neon_api: NeonApi, kind: Any, said: str
) -> None:
    neon_api.fail(LIST, kind)
    with pytest.raises(NeonError, match=said):
        await neon.list()


async def test_an_unreachable_host_is_told(
    neon_api: NeonApi, unused_tcp_port_factory: Callable[[], int]
) -> None:
    nowhere = f"http://127.0.0.1:{unused_tcp_port_factory()}"
    client = replace(NeonClient.connect(nowhere, "p", SecretStr(KEY)), outage_seconds=0.2)
    async with client.http:
        with pytest.raises(NeonError, match=r"Neon's API at 127\.0\.0\.1 cannot be reached"):
            await NeonProvider(client).list()


async def test_the_key_is_never_shown(neon_api: NeonApi, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "napi_wrong-key-that-nobody-may-see"
    client = client_of(neon_api, key=wrong)
    async with client.http:
        with pytest.raises(NeonError, match="401") as caught:
            await NeonProvider(client).list()
    shown = repr(client) + repr(NeonProvider(client)) + caplog.text
    shown += "".join(traceback.format_exception(caught.value)) + str(caught.value)
    assert "wrong-key" not in shown
    assert client._redacted(f"bad key {wrong}") == "bad key ***"
