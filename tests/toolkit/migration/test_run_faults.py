"""What a run survives: races to head, and kills at any moment."""

import asyncio
import random
import time
from pathlib import Path

import pytest
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.verification.catalog import Catalog, take_snapshot
from alembic_neon.verification.databases import TestDatabases
from forked_runs import join, start_upgrade
from queries import first_column
from scratch_project import ScratchProject

REVISIONS = 30
RACED = 6  # is enough for a race, which is for the lock
PROCESSES = 8
# A few in every run, many by hand: -m stress.
ROUNDS = [2, pytest.param(20, marks=pytest.mark.stress)]
SEEDS = [5, pytest.param(50, marks=pytest.mark.stress)]


def write_history(project: ScratchProject, count: int) -> None:
    """Write revisions that make tables, rows, and indexes that are built concurrently."""
    rows = "CREATE TABLE numbers AS SELECT g AS v FROM generate_series(1, 200) g"
    project.revision("r00", up=f'op.execute("CREATE TABLE log (n int)")\nop.execute("{rows}")')
    for number in range(1, count):
        name, down = f"r{number:02}", f"r{number - 1:02}"
        if number % 5 == 0:
            up = (
                "with op.get_context().autocommit_block():\n"
                f'    op.execute("CREATE INDEX CONCURRENTLY i{number} ON t{number - 1} (v)")'
            )
        else:
            rows = f"CREATE TABLE t{number} AS TABLE numbers"
            up = f'op.execute("{rows}")\nop.execute(f"INSERT INTO log VALUES ({number})")'  # noqa: S608
        project.revision(name, down, up=up)


def undisturbed(databases: TestDatabases) -> Catalog:
    """Return the catalog of a run that nothing disturbed."""
    url = databases.create()
    asyncio.run(upgrade(url))
    catalog = asyncio.run(take_snapshot(url))
    databases.drop(url)
    return catalog


def seconds_of_a_run(databases: TestDatabases, folder: Path, logs: Path) -> float:
    """Return how long a run takes on this machine, at this hour; the first one also imports."""
    url = databases.create()
    started = time.monotonic()
    assert join([start_upgrade(url.render(), folder, logs / "whole.log")]) == [0]
    seconds = time.monotonic() - started
    databases.drop(url)
    return seconds


def require_complete(url: DatabaseURL, expected: Catalog, count: int) -> None:
    """Fail unless the database is at head, with every revision's work done once."""
    assert expected.difference(asyncio.run(take_snapshot(url))) == []
    versions = "SELECT version_num FROM alembic_version"
    assert asyncio.run(first_column(url, versions)) == [f"r{count - 1:02}"]
    logged = asyncio.run(first_column(url, "SELECT n FROM log ORDER BY n"))
    assert logged == [number for number in range(1, count) if number % 5]


@pytest.mark.parametrize("rounds", ROUNDS)
def test_eight_processes_race_to_head_and_each_revision_runs_once(
    project: ScratchProject, databases: TestDatabases, tmp_path: Path, rounds: int
) -> None:
    write_history(project, RACED)
    expected = undisturbed(databases)
    for number in range(rounds):
        url = databases.create()
        logs = [tmp_path / f"{number}-{each}.log" for each in range(PROCESSES)]
        codes = join([start_upgrade(url.render(), project.folder, log) for log in logs])
        assert codes == [0] * PROCESSES, "\n".join(log.read_text() for log in logs)
        applied = [word for log in logs for word in log.read_text().split() if word[0] == "r"]
        assert sorted(applied) == [f"r{each:02}" for each in range(RACED)]
        require_complete(url, expected, RACED)
        databases.drop(url)


@pytest.mark.parametrize("seeds", SEEDS)
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next_one(
    project: ScratchProject, databases: TestDatabases, tmp_path: Path, seeds: int
) -> None:
    write_history(project, REVISIONS)
    expected = undisturbed(databases)
    whole_seconds = [seconds_of_a_run(databases, project.folder, tmp_path) for _ in range(3)]
    kills = 0
    for seed in range(seeds):
        url = databases.create()
        process = start_upgrade(url.render(), project.folder, tmp_path / f"{seed}-killed.log")
        time.sleep(random.Random(seed).uniform(0, min(whole_seconds)))  # noqa: S311
        process.kill()
        process.join()
        kills += process.exitcode == -9
        log = tmp_path / f"{seed}.log"
        assert join([start_upgrade(url.render(), project.folder, log)]) == [0], log.read_text()
        require_complete(url, expected, REVISIONS)
        databases.drop(url)
    assert kills > seeds / 2, "the kills came too late to prove anything"
