"""The smoke test: a command of the user's, with its database settings pointed at a branch."""

import asyncio
import os
import signal
from contextlib import suppress

from ..engine.url import DatabaseURL


async def run_smoke_test(command: str, url: DatabaseURL) -> int:
    """Run `command` in a shell, with `DATABASE_URL` set to the branch; return its exit code.

    What it prints goes to standard error, so that a report on standard output stays whole. When the
    rehearsal is interrupted the command is ended too.
    """
    environment = {name: value for name, value in os.environ.items() if name != _DIRECT}
    environment["DATABASE_URL"] = url.render()
    process = await asyncio.create_subprocess_shell(command, env=environment, stdout=2)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            # Not terminate(), which may reap it behind asyncio's back (python/cpython#87744).
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
            await process.wait()


_DIRECT = "DATABASE_URL_UNPOOLED"  # it would still lead to the parent
