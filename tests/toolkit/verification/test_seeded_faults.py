"""Seeded faults are all found, with revision and object; right histories raise no alarm."""

import ast
import asyncio
import re
from collections.abc import Iterator

import pytest
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.verification.catalog import take_snapshot
from alembic_neon.verification.databases import TestDatabases
from alembic_neon.verification.history import History
from alembic_neon.verification.round_trip import HistoryChecker, RoundTrip, check_round_trip
from faults import AS_SUPERUSER, FAULTS, HISTORIES, ROW_FAULTS
from faults.writing import body, write_base, write_history
from queries import first_column
from scratch_project import ScratchProject


@pytest.fixture(scope="module")
def based(
    databases: TestDatabases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseURL]:
    """A database in which the base revision is applied, to be copied."""
    project = ScratchProject.make(tmp_path_factory.mktemp("base") / "project")
    write_base(project)
    url = databases.create()
    found = asyncio.run(check_round_trip(url, "a1", config=project.config))
    assert found.ok, str(found)
    yield url
    databases.drop(url)


@pytest.fixture
def copied(databases: TestDatabases, based: DatabaseURL) -> Iterator[DatabaseURL]:
    """A copy of that database, for one test."""
    url = databases.create(based)
    yield url
    databases.drop(url)


def superuser(url: DatabaseURL) -> DatabaseURL:
    """Return the URL for the role that may do everything."""
    return DatabaseURL(url.parts.set(username="postgres"))


@pytest.mark.parametrize("name", FAULTS)
async def test_a_wrong_downgrade_is_found(
    project: ScratchProject, copied: DatabaseURL, name: str
) -> None:
    fault = FAULTS[name]
    write_base(project, fault.before)
    if fault.before:
        await first_column(copied, *fault.before)
    project.revision("b2", "a1", up=body(fault.up), undo=body(fault.down))
    url = superuser(copied) if fault.as_superuser else copied
    found = await check_round_trip(url, "b2")
    assert not found.ok
    assert found.failure is None, str(found)
    report = str(found)
    assert fault.object in report
    assert "b2.py:" in report
    assert "revision b2" in report


# What is left of an enum or of privileges is part of what was there: nothing plain removes it.
LEFT = {name for name in FAULTS if name.endswith(" left")} - {"enum value left", "privilege left"}


@pytest.mark.parametrize("name", sorted(LEFT))
async def test_what_is_advised_removes_what_was_left(
    project: ScratchProject, copied: DatabaseURL, name: str
) -> None:
    fault = FAULTS[name]
    write_base(project)
    project.revision("b2", "a1", up=body(fault.up), undo=body(fault.down))
    url = superuser(copied) if fault.as_superuser else copied
    before = await take_snapshot(url)
    found = await check_round_trip(url, "b2")
    (argument, *_) = re.findall(r"op\.execute\((.+)\)\n", f"{found}\n")
    await first_column(url, ast.literal_eval(argument))
    assert before.difference(await take_snapshot(url)) == []


@pytest.mark.parametrize("name", ROW_FAULTS)
async def test_an_upgrade_that_breaks_on_rows_is_found(
    project: ScratchProject, copied: DatabaseURL, name: str
) -> None:
    fault = ROW_FAULTS[name]
    write_base(project)
    path = project.revision("b2", "a1", up=body(fault.up), undo=body(fault.down))
    found = await check_round_trip(copied, "b2")
    assert found.failure is not None, str(found)
    assert found.failure.stage == "upgrade"
    assert found.failure.is_of_rows
    report = str(found)
    assert fault.object in report
    assert f"{path.name}:" in found.failure.location
    assert "the upgrade fails on tables with rows" in report


@pytest.mark.parametrize("name", ROW_FAULTS)
async def test_that_upgrade_passes_without_rows(
    project: ScratchProject, copied: DatabaseURL, name: str
) -> None:
    """So it is the rows that it breaks on."""
    write_base(project)
    project.revision("b2", "a1", up=body(ROW_FAULTS[name].up))
    await upgrade(copied, "b2")


@pytest.mark.parametrize("name", HISTORIES)
async def test_a_right_history_raises_no_alarm(
    project: ScratchProject, databases: TestDatabases, database: DatabaseURL, name: str
) -> None:
    write_history(project, HISTORIES[name])
    history = History.load()
    found: list[RoundTrip] = []
    if name == AS_SUPERUSER:
        databases = TestDatabases(superuser(database))
    async with HistoryChecker(databases, history) as checker:
        for script in history.revisions:
            found.append(await checker.check(script.revision))
    assert [str(each) for each in found if not each.ok] == []
    assert {each.revision for each in found} == HISTORIES[name].keys()
