"""A pgbench script as the load beside a rehearsed upgrade, run by the real pgbench."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import text

from ..embedded.binaries import EmbeddedBinaries, embedded_version
from ..engine.factory import create_migration_engine
from ..engine.pg_environment import environment_without_pg
from ..engine.url import DatabaseURL
from ..errors import UsageError
from ..project import postgres_version
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
            process = await self._start(url, Path(folder))
            try:
                await asyncio.sleep(0.3)
                yield counters
                await asyncio.sleep(_SETTLE_SECONDS)
            finally:
                said = await _end(process, url)
            self._count(counters, Path(folder))
            if not counters.reads + counters.writes:
                raise UsageError(f"pgbench could not run {self.script.name}: {said}.", "Mend it.")

    async def _start(self, url: DatabaseURL, folder: Path) -> asyncio.subprocess.Process:
        environment = environment_without_pg() | {"PGAPPNAME": _NAME}
        if url.parts.password is not None:
            environment["PGPASSWORD"] = str(url.parts.password)
        return await asyncio.create_subprocess_exec(
            *(_program(url), "--no-vacuum", f"--client={CLIENTS}", "--time=86400"),
            *(f"--file={self.script}", "--log", f"--log-prefix={folder / 'log'}"),
            str(DatabaseURL(url.parts.set(password=None))),
            env=environment,
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


def _program(url: DatabaseURL) -> str:
    """Return pgbench's path: the embedded build knows no TLS, so that Neon needs another one."""
    if url.is_unix_socket:
        folder = EmbeddedBinaries.find(embedded_version(postgres_version())).folder
        return str(folder / "pgbench")
    found = shutil.which("pgbench")
    if found is None:
        raise UsageError(
            "The load is a script of pgbench, which is not installed.",
            "Install PostgreSQL's programs, or give plain SQL.",
        )
    return found


async def _end(process: asyncio.subprocess.Process, url: DatabaseURL) -> str:
    """End pgbench, and return its last words."""
    if process.returncode is None:
        engine = create_migration_engine(url)
        try:
            async with engine.connect() as connection:
                await connection.execute(_END_SQL, {"name": _NAME})
        finally:
            await engine.dispose()
    try:
        async with asyncio.timeout(10):
            said = (await process.communicate())[1]
    except TimeoutError:
        process.kill()
        said = (await process.communicate())[1]
    return (said.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1].rstrip(
        "."
    )
