"""Rehearsals that are interrupted, killed or doubled: real processes, and what they leave."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from alembic_neon.branches.neon import NeonProvider
from alembic_neon.branches.provider import prune
from alembic_neon.migration.runner.run import upgrade
from neon.api.server import NeonApi
from rendering import TOOLKIT_PARENT
from scratch_project import ScratchProject

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
async def start(
    neon: NeonProvider, neon_api: NeonApi, project: ScratchProject
) -> AsyncIterator[Start]:
    """A function that starts `db rehearse`, in a process group as a terminal would."""
    project.revision("a1", up='op.execute("CREATE TABLE t (v int)")')
    await upgrade(await neon.url("main"))
    project.models(
        "from sqlalchemy import Column, Integer, MetaData, Table\n"
        'metadata = MetaData()\nTable("t", metadata, Column("v", Integer))\n'
    )
    project.revision("b2", "a1", up='op.execute("SELECT 1")', undo='op.execute("SELECT 2")')
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "alembic_neon", "rehearse", *arguments],
            cwd=project.folder,
            env=os.environ | neon_api.environment | {"PYTHONPATH": str(TOOLKIT_PARENT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def read_until(process: "subprocess.Popen[str]", beginning: str) -> None:
    """Read what the process says, until a line that begins so."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith(beginning):
            return
    pytest.fail("it ended: " + "".join(lines))


def end(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Wait for the end, and return the exit code and what else was said."""
    assert process.stderr is not None
    assert process.stdout is not None
    rest = process.stderr.read() + process.stdout.read()
    return process.wait(60), rest


async def names(neon: NeonProvider) -> list[str]:
    return [branch.name for branch in await neon.list()]


@pytest.mark.parametrize("moment", ["Making", "Upgrading", "Running", "Deleting"])
async def test_ctrl_c_leaves_no_branch(
    start: Start, neon: NeonProvider, neon_api: NeonApi, project: ScratchProject, moment: str
) -> None:
    if moment == "Upgrading":
        project.revision("b2", "a1", up='op.execute("SELECT pg_sleep(60)")')
    neon_api.project.seconds = 0.3 if moment in ("Making", "Deleting") else 0.02
    process = start("--run", "sleep 60") if moment == "Running" else start()
    read_until(process, moment)
    await asyncio.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    code, said = end(process)
    assert code == 130, "what a shell has for an interruption"
    assert all(line.startswith(("Deleting", "Running")) for line in said.splitlines()), said
    assert await names(neon) == ["main"]


async def test_what_a_killed_rehearsal_leaves_is_named_and_pruned(
    start: Start, neon: NeonProvider, project: ScratchProject
) -> None:
    project.revision("b2", "a1", up='op.execute("SELECT pg_sleep(60)")')
    process = start()
    read_until(process, "Upgrading")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (left,) = (await names(neon))[1:]
    assert left.startswith("rehearse-")
    assert await prune(neon, older_than=timedelta(hours=1)) == [], "it might still run"
    assert await prune(neon) == [left]
    assert await names(neon) == ["main"]


async def test_two_rehearsals_at_the_same_time(start: Start, neon: NeonProvider) -> None:
    one, other = start(), start()
    for process in (one, other):
        code, said = end(process)
        assert code == 0, said
        assert "Safe: no errors or warnings" in said
    assert await names(neon) == ["main"]
