"""What the Neon provider does beside the common promises: computes, passwords, rules and calls."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import pytest
from alembic_neon.branches.neon import NeonProvider
from alembic_neon.branches.provider import BranchProvider, NewBranch, prune
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import UsageError
from neon.api.server import NeonApi
from queries import first_column

_LIST: Final = ["GET /branches", "GET /branches"]  # a page, and the empty one that ends the list
_URL: Final = [*_LIST, "GET /branches/{branch_id}/databases", "GET /connection_uri"]


async def test_a_branch_has_a_compute(neon: NeonProvider, neon_api: NeonApi) -> None:
    await neon.create(NewBranch("try-it"))
    (endpoint,) = neon_api.named("try-it").endpoints
    assert endpoint.type == "read_write"


async def test_the_children_of_a_protected_branch_have_passwords_of_their_own(
    neon: NeonProvider, neon_api: NeonApi
) -> None:
    await neon.create(NewBranch("open"))
    neon_api.named("main").protected = True
    await neon.create(NewBranch("guarded"))
    passwords = [(await neon.url(name)).parts.password for name in ("main", "open", "guarded")]
    assert passwords[0] == passwords[1] != passwords[2]
    assert str(passwords[2]) not in repr(await neon.url("guarded"))


@pytest.mark.parametrize("verb", ["deleted", "reset"])
async def test_a_protected_branch_is_left_alone(
    neon: NeonProvider, neon_api: NeonApi, verb: str
) -> None:
    await neon.create(NewBranch("guarded"))
    neon_api.named("guarded").protected = True
    with pytest.raises(UsageError, match=f"guarded is a protected branch and is never {verb}"):
        await (neon.delete("guarded") if verb == "deleted" else neon.reset("guarded"))
    assert (await neon.get("guarded")).is_protected


async def test_the_default_branch_may_be_any(neon: NeonProvider, neon_api: NeonApi) -> None:
    await neon.create(NewBranch("production"))
    neon_api.named("main").default = False
    neon_api.named("production").default = True
    assert [branch.name for branch in await neon.list()] == ["production", "main"]
    assert (await neon.create(NewBranch("try-it"))).parent == "production"


async def test_the_pooled_url_leads_to_the_pooler(neon: NeonProvider) -> None:
    direct, pooled = await neon.url("main"), await neon.url("main", pooled=True)
    assert pooled.host == f"{direct.host}-pooler"


async def test_the_configured_database_and_role_are_asked_for(
    neon: NeonProvider, neon_api: NeonApi
) -> None:
    url = DatabaseURL.parse("postgresql://neondb_owner:x@ep-a-b-1.eu.aws.neon.tech/neondb")
    provider = NeonProvider(neon.client, url)
    before = len(neon_api.calls)
    await provider.url("main")
    assert short(neon_api, before) == [*_LIST, "GET /connection_uri"]


async def test_a_snapshot_changes_the_id_and_names_lead_on(
    neon: NeonProvider, neon_api: NeonApi
) -> None:
    point = await neon.make_restore_point("main")
    assert point.kind == "snapshot"
    old = neon_api.named("main").id
    await neon.restore("main", point)
    assert neon_api.named("main").id != old
    assert (await neon.get("main")).is_default
    assert await first_column(await neon.url("main"), "SELECT 1") == [1]
    assert point in await neon.list_restore_points("main"), "it is still the branch's"


async def test_a_child_is_backed_up_by_a_branch_without_a_compute(
    neon: NeonProvider, neon_api: NeonApi
) -> None:
    await neon.create(NewBranch("child"))
    point = await neon.make_restore_point("child")
    assert (point.kind, neon_api.named(point.name).endpoints) == ("branch", [])
    assert point.name.startswith("restore-point/child/")


async def test_what_expires_cannot_be_backed_up(neon: NeonProvider) -> None:
    await neon.create(NewBranch("short", ttl=timedelta(hours=1)))
    with pytest.raises(UsageError, match="Neon backs up no branch that does"):
        await neon.make_restore_point("short")


CALLS: Final = {
    "list": _LIST,
    "create": [*_LIST, "POST /branches"],
    "delete": [*_LIST, "DELETE /branches/{branch_id}"],
    "reset": [*_LIST, "POST /branches/{branch_id}/restore"],
    "url": _URL,
    "branch_of": ["GET /endpoints", "GET /branches/{branch_id}"],
    "prune": _LIST,
    "make_restore_point": [*_LIST, "POST /branches/{branch_id}/snapshot"],
    "list_restore_points": [*_LIST, "GET /snapshots"],
    "restore": [
        *_LIST,
        "POST /snapshots/{snapshot_id}/restore",
        "POST /branches/{branch_id}/finalize_restore",
    ],
    "delete_restore_point": ["DELETE /snapshots/{snapshot_id}"],
}


@pytest.mark.parametrize("command", CALLS)
async def test_each_command_makes_the_calls_it_needs(
    neon: NeonProvider, neon_api: NeonApi, command: str
) -> None:
    await neon.create(NewBranch("child"))
    point = await neon.make_restore_point("main")
    url = await neon.url("main")
    before = len(neon_api.calls)
    provider: BranchProvider = neon
    commands: dict[str, Callable[[], Awaitable[object]]] = {
        "list": provider.list,
        "create": lambda: provider.create(NewBranch("new", ttl=timedelta(hours=1))),
        "delete": lambda: provider.delete("child"),
        "reset": lambda: provider.reset("child"),
        "url": lambda: provider.url("child"),
        "branch_of": lambda: provider.branch_of(url),
        "prune": lambda: prune(provider),
        "make_restore_point": lambda: provider.make_restore_point("main"),
        "list_restore_points": lambda: provider.list_restore_points("main"),
        "restore": lambda: provider.restore("main", point),
        "delete_restore_point": lambda: provider.delete_restore_point(point),
    }
    await commands[command]()
    assert short(neon_api, before) == CALLS[command]


def short(api: NeonApi, since: int) -> list[str]:
    """Return the calls without the project's part."""
    return [call.replace("/projects/{project_id}", "") for call in api.calls[since:]]
