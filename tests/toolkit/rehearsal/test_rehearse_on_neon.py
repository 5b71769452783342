"""Rehearsals and promotions on Neon's stand-in: the calls they make, and what may go wrong."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from alembic_neon.branches.neon import NeonProvider
from alembic_neon.branches.provider import NewBranch, prune
from alembic_neon.errors import ToolkitError, UsageError
from alembic_neon.migration.runner.progress import Progress
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.rehearsal.promote import Promotion, promote
from alembic_neon.rehearsal.report.html import render_html
from alembic_neon.rehearsal.report.markdown import render_markdown
from alembic_neon.rehearsal.restore import find_restore_option, list_restore_options
from alembic_neon.rehearsal.result import Rehearsal, RehearsedPlan
from alembic_neon.rehearsal.run import Options, rehearse
from neon.api.server import KEY, NeonApi
from queries import first_column
from scratch_project import ScratchProject

_LIST: Final = ["GET /branches", "GET /branches"]  # a page, and the empty one that ends the list
_URL: Final = [*_LIST, "GET /branches/{branch_id}/databases", "GET /connection_uri"]
VERSION: Final = "SELECT version_num FROM alembic_version"


@pytest.fixture
async def pending(neon: NeonProvider, project: ScratchProject) -> ScratchProject:
    """A project with one revision pending on `main`."""
    project.revision("a1", up='op.execute("CREATE TABLE t (v int)")')
    await upgrade(await neon.url("main"))
    project.revision(
        "b2", "a1", up='op.execute("CREATE TABLE b2 ()")', undo='op.execute("DROP TABLE b2")'
    )
    project.models(
        "from sqlalchemy import Column, Integer, MetaData, Table\nmetadata = MetaData()\n"
        'Table("t", metadata, Column("v", Integer))\nTable("b2", metadata)\n'
    )
    return project


async def rehearsed(
    neon: NeonProvider, say: Callable[[str], Any] = lambda _: None, **options: Any
) -> Rehearsal:
    return await rehearse(neon, Options(**options), say)


async def promoted(neon: NeonProvider, found: Rehearsal) -> Promotion:
    return await promote(
        neon, RehearsedPlan.from_report(found.as_json()), Progress(), lambda _: None
    )


def calls(api: NeonApi, since: int) -> list[str]:
    return [call.replace("/projects/{project_id}", "") for call in api.calls[since:]]


async def test_a_rehearsal_and_a_promotion_make_the_calls_they_need(
    neon: NeonProvider, neon_api: NeonApi, pending: ScratchProject
) -> None:
    start = len(neon_api.calls)
    found = await rehearsed(neon)
    assert found.verdict == "safe", found.reasons
    assert calls(neon_api, start) == [
        *(*_LIST, *_URL),  # the default branch, and its database
        *(*_LIST, "POST /branches"),
        *_URL,
        *(*_LIST, "DELETE /branches/{branch_id}"),
    ]
    start = len(neon_api.calls)
    made = await promoted(neon, found)
    assert made.restore_point is not None
    assert made.restore_point.kind == "snapshot"
    assert calls(neon_api, start) == [
        *(*_URL, *_URL),  # whether it is the plan's database, and how to reach it
        *(*_LIST, "POST /branches/{branch_id}/snapshot"),
        *_URL,  # whether it still is, with the lock held
    ]


async def test_the_branch_of_a_rehearsal_has_a_time_to_live(
    neon: NeonProvider, neon_api: NeonApi, pending: ScratchProject
) -> None:
    found = await rehearsed(neon, keep=True)
    branch = await neon.get(found.branch)
    assert branch.expires_at is not None
    assert timedelta(hours=1) < branch.expires_at - datetime.now(UTC) <= timedelta(hours=2)
    assert await prune(neon) == [found.branch]


async def test_a_child_is_promoted_with_a_backup_branch(
    neon: NeonProvider, pending: ScratchProject
) -> None:
    await neon.create(NewBranch("staging"))
    made = await promoted(neon, await rehearsed(neon, parent="staging"))
    assert made.restore_point is not None
    assert made.restore_point.kind == "branch"
    url = await neon.url("staging")
    assert await first_column(url, VERSION) == ["b2"]
    assert await first_column(await neon.url("main"), VERSION) == ["a1"]
    way = find_restore_option(await list_restore_options(neon, "staging"), made.restore_point.name)
    await neon.restore("staging", way.point)
    assert await first_column(url, VERSION) == ["a1"]


async def test_a_branch_that_cannot_be_deleted_is_named_and_the_findings_count(
    neon: NeonProvider, neon_api: NeonApi, pending: ScratchProject
) -> None:
    neon = NeonProvider(replace(neon.client, outage_seconds=0.1))
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("Verifying"):  # from here on the network is gone
            neon_api.fail("GET {p}/branches", "break before", times=1000)

    found = await rehearsed(neon, say)
    assert found.verdict == "safe"
    assert f"Branch {found.branch} expires; until then: db branch prune" in said[-1]
    assert "cannot be reached" in said[-1]
    neon_api.gate.faults.clear()
    assert await prune(neon) == [found.branch]


async def test_an_api_that_is_lost_before_the_branch_leaves_nothing(
    neon: NeonProvider, neon_api: NeonApi, pending: ScratchProject
) -> None:
    neon_api.fail("POST {p}/branches", "break after")
    found = await rehearsed(neon)  # the branch is found again by its name
    assert found.verdict == "safe"
    impatient = NeonProvider(replace(neon.client, outage_seconds=0.1))
    neon_api.fail("GET {p}/connection_uri", "break before", times=1000)
    with pytest.raises(ToolkitError, match="cannot be reached"):
        await rehearsed(impatient)
    assert [branch.name for branch in await neon.list()] == ["main"]


async def test_a_branch_that_expired_in_the_middle_is_no_error_at_the_end(
    neon: NeonProvider, neon_api: NeonApi, pending: ScratchProject
) -> None:
    def say(line: str) -> None:
        if line.startswith("Deleting"):
            name = line.removeprefix("Deleting branch ")
            neon_api.named(name).expires_at = datetime.now(UTC) - timedelta(seconds=1)

    assert (await rehearsed(neon, say)).verdict == "safe"
    assert [branch.name for branch in await neon.list()] == ["main"]


async def test_a_parent_that_expires_is_refused(
    neon: NeonProvider, pending: ScratchProject
) -> None:
    await neon.create(NewBranch("short", ttl=timedelta(hours=1)))
    with pytest.raises(UsageError, match="short expires, and no branch can be made from one"):
        await rehearsed(neon, parent="short")
    assert [branch.name for branch in await neon.list()] == ["main", "short"]


async def test_what_a_rehearsal_writes_holds_no_password_and_no_key(
    neon: NeonProvider, pending: ScratchProject
) -> None:
    said: list[str] = []
    found = await rehearsed(neon, said.append, run="echo $DATABASE_URL")
    password = (await neon.url("main")).parts.password
    assert password
    written = [json.dumps(found.as_json()), render_markdown(found), render_html(found), *said]
    for text in written:
        assert str(password) not in text
        assert KEY not in text
