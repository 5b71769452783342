"""A pgbench script as the load beside a rehearsed upgrade, run by the real pgbench."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import text

from ..branches.client_programs import connection_environment, find_program
from ..engine.factory import create_migration_engine
from ..engine.url import DatabaseURL
from ..errors import UsageError
from .load import CLIENTS, LoadCounters

_NAME: Final = "db-rehearse-load"
# pgbench writes its log in blocks, and the last of them only when it ends by itself: when its
# sessions are gone.
_END_SQL: Final = text("""
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = :name AND datname = current_database()
""")
_SETTLE_SECONDS: Final = 0.5  # transactions that the upgrade held up come to their end


@dataclass(frozen=True)
class PgbenchLoad:
    """A script, each run of which is one transaction of the log: a read where it holds no write."""

    script: Path
    is_read: bool

    @asynccontextmanager
    async def running(self, url: DatabaseURL) -> AsyncIterator[LoadCounters]:
        """Run the script over and over.

        Raises:
            UsageError: there is no pgbench, or it refuses the script.
        """
        counters = LoadCounters()
        with tempfile.TemporaryDirectory(prefix="db-load-") as folder:
            async with connection_environment(url) as environment:
                process = await self._start(environment, Path(folder) / "log")
                try:
                    await asyncio.sleep(0.3)
                    yield counters
                    await asyncio.sleep(_SETTLE_SECONDS)
                finally:
                    last_line = await _end(process, url)
            self._count(counters, Path(folder))
            if not counters.reads + counters.writes:
                raise UsageError(
                    f"pgbench could not run {self.script.name}: {last_line}.",
                    "Fix the script, or give plain SQL.",
                )

    async def _start(self, environment: dict[str, str], log: Path) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(find_program("pgbench", 0), "--no-vacuum", f"--client={CLIENTS}", "--time=86400"),
            *(f"--file={self.script}", "--log", f"--log-prefix={log}"),
            env=environment | {"PGAPPNAME": _NAME},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )

    def _count(self, counters: LoadCounters, folder: Path) -> None:
        """Read the logs: client, transaction, microseconds or "failed", …"""
        for line in (line for log in folder.glob("log.*") for line in log.open()):
            took = line.split()[2]
            if took.isdecimal():
                counters.count(int(took) / 1000, is_read=self.is_read)
            else:
                counters.failures += 1


async def _end(process: asyncio.subprocess.Process, url: DatabaseURL) -> str:
    """End pgbench, and return the last line of its errors."""
    if process.returncode is None:
        engine = create_migration_engine(url)
        try:
            async with engine.connect() as connection:
                await connection.execute(_END_SQL, {"name": _NAME})
        finally:
            await engine.dispose()
    try:
        async with asyncio.timeout(10):
            errors = (await process.communicate())[1]
    except TimeoutError:
        process.kill()
        errors = (await process.communicate())[1]
    lines = errors.decode(errors="replace").strip().splitlines()
    return lines[-1].rstrip(".") if lines else "no reason was given"
