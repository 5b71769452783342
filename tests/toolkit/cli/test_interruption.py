"""Signals: each ends any command within ten seconds, whatever it waits for."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from alembic_neon.engine.url import DatabaseURL
from queries import first_column
from rendering import TOOLKIT_PARENT
from scratch_project import ScratchProject

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
SLEEPER = (
    "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(61)%' AND pid <> pg_backend_pid()"
)
Start = Callable[[], Awaitable["subprocess.Popen[str]"]]


@pytest.fixture
async def upgrade_that_waits(
    project: ScratchProject, database: DatabaseURL
) -> AsyncIterator[Start]:
    """A function that starts `db upgrade` with a revision that is executed for a minute."""
    project.revision(
        "a1", up='op.execute("CREATE TABLE t (v int)"); op.execute("SELECT pg_sleep(61)")'
    )
    started: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "alembic_neon", "upgrade"],
            cwd=project.folder,
            env=os.environ | {"PYTHONPATH": str(TOOLKIT_PARENT), "DATABASE_URL": database.render()},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    async def begin() -> "subprocess.Popen[str]":
        process = start()
        started.append(process)
        for _ in range(600):
            if await first_column(database, SLEEPER):
                return process
            await asyncio.sleep(0.1)
        raise AssertionError("it never began")

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def ended(process: "subprocess.Popen[str]") -> tuple[int, str, float]:
    """Wait for the end; return the exit code, what was said, and the seconds."""
    began = time.monotonic()
    _, said = await asyncio.to_thread(process.communicate, timeout=60)
    return process.returncode, said, time.monotonic() - began


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_signal_ends_a_run_and_rolls_it_back(
    upgrade_that_waits: Start, database: DatabaseURL, number: signal.Signals
) -> None:
    process = await upgrade_that_waits()
    process.send_signal(number)
    code, said, seconds = await ended(process)
    assert (code, seconds < 8) == (130, True), said
    assert said.splitlines()[1:] == [
        "Interrupted. a1 was under way: it is rolled back, unless its commit had come through."
        " db status shows which."
    ]
    assert await first_column(database, SLEEPER) == [], "the server goes on for nobody"
    assert await first_column(database, "SELECT to_regclass('t')::text") == [None]


async def test_a_server_that_does_not_answer_holds_nobody(
    upgrade_that_waits: Start, database: DatabaseURL
) -> None:
    process = await upgrade_that_waits()
    (backend,) = await first_column(database, SLEEPER)
    os.kill(backend, signal.SIGSTOP)
    try:
        process.send_signal(signal.SIGTERM)
        code, said, seconds = await ended(process)
    finally:
        os.kill(backend, signal.SIGCONT)
    assert (code, seconds < 10) == (130, True), said
    assert "a1 was under way: it is rolled back, unless its commit had come through." in said


async def test_a_second_signal_is_no_traceback(upgrade_that_waits: Start) -> None:
    process = await upgrade_that_waits()
    process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    code, said, seconds = await ended(process)
    assert (code, seconds < 10) == (130, True), said
    assert "Traceback" not in said


def test_a_signal_while_the_event_loop_is_made_is_no_traceback(
    project: ScratchProject, database: DatabaseURL
) -> None:
    project.revision("a1")
    early = (
        "import selectors, signal, sys; Selector = selectors.DefaultSelector;"
        " selectors.DefaultSelector = lambda: signal.raise_signal(signal.SIGTERM) or Selector();"
        " sys.argv = ['db', 'upgrade']; from alembic_neon.__main__ import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", early],
        cwd=project.folder,
        env=os.environ | {"PYTHONPATH": str(TOOLKIT_PARENT), "DATABASE_URL": database.render()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr
    assert "never awaited" not in ended.stderr


def test_a_process_that_runs_no_python_is_ended() -> None:
    frozen = (
        "import ctypes, signal; from alembic_neon.interruption import *; end_in_time();"
        " describe_work('It is known.');"
        " signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]);"
        " print('go', flush=True); ctypes.CDLL(None).sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", frozen],
        env=os.environ | {"PYTHONPATH": str(TOOLKIT_PARENT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "go\n"
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "Interrupted, and no answer came for 8 s. It is known.\n"
