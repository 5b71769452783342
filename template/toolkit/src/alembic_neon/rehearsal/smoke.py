"""The smoke test: a command of the user's, with its database settings pointed at a branch."""

import asyncio
import os
import signal
from contextlib import suppress
from typing import Final

from ..engine.url import DatabaseURL

_DIRECT: Final = "DATABASE_URL_UNPOOLED"  # it would still lead to the parent
# How long it has to end by itself when the rehearsal is interrupted, in seconds.
_GRACE_SECONDS: Final = 2.0


async def run_smoke_test(command: str, url: DatabaseURL) -> int:
    """Run `command` in a shell, with `DATABASE_URL` set to the branch; return its exit code.

    What it prints goes to standard error, so that a report on standard output stays whole. When the
    rehearsal is interrupted the command is ended too, with all that it started.
    """
    environment = {name: value for name, value in os.environ.items() if name != _DIRECT}
    environment["DATABASE_URL"] = url.render()
    process = await asyncio.create_subprocess_shell(
        command, env=environment, stdout=2, start_new_session=True
    )
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            _end_group(process.pid, signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
            _end_group(process.pid, signal.SIGKILL)
            await process.wait()


def _end_group(pid: int, number: signal.Signals) -> None:
    # Not terminate(), which may reap it behind asyncio's back (python/cpython#87744).
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
