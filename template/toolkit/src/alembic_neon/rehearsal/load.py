"""The load beside a rehearsed upgrade: a file of SQL, and how long its longest statement took."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from ..engine.factory import create_migration_engine
from ..engine.sql_scan import split_statements
from ..engine.sql_statement import read_statements
from ..engine.url import DatabaseURL
from ..errors import UsageError
from .result import LoadResult

CLIENTS: Final = 2  # for each kind, as a waiting write would keep its client from reading
_HINT: Final = "Give a file of SQL, or a script of pgbench."
_COMMAND: Final = re.compile(r"\s*\\[a-z]")  # such as \set, \sleep: pgbench's own


@dataclass
class LoadCounters:
    """What the clients have counted so far; durations are in milliseconds."""

    reads: int = 0
    writes: int = 0
    failures: int = 0
    longest_read_ms: float = 0.0
    longest_write_ms: float = 0.0

    def count(self, took_ms: float, *, is_read: bool) -> None:
        """Count one more."""
        if is_read:
            self.reads += 1
            self.longest_read_ms = max(self.longest_read_ms, took_ms)
        else:
            self.writes += 1
            self.longest_write_ms = max(self.longest_write_ms, took_ms)

    def result(self) -> LoadResult:
        """Return the counters as the report has them."""
        return LoadResult(
            self.reads, self.writes, self.failures, self.longest_read_ms, self.longest_write_ms
        )


class Load(Protocol):
    """What can run beside an upgrade."""

    def running(self, url: DatabaseURL) -> AbstractAsyncContextManager[LoadCounters]:
        """Run over and over while the block runs; the counters are complete after it."""


def read_load(path: Path) -> Load:
    """Read a file of SQL statements, or a script of pgbench, which has lines that begin with "\\".

    Raises:
        UsageError: the file cannot be read, holds no statement, or pgbench is missing.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}.", "Give a file of SQL."
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text in UTF-8.", "Give a file of SQL.") from None
    script = "\n".join(line for line in text.splitlines() if not _COMMAND.match(line))
    found = split_statements(script)
    if not found:
        raise UsageError(f"{path} holds no statement.", _HINT)
    if script != "\n".join(text.splitlines()):
        from .pgbench import PgbenchLoad

        return PgbenchLoad(path.resolve(), is_read=all(map(is_read, found)))
    return StatementLoad(found)


@dataclass(frozen=True)
class StatementLoad:
    """Statements, each for itself; reads and writes from clients of their own."""

    statements: list[str]

    @asynccontextmanager
    async def running(self, url: DatabaseURL) -> AsyncIterator[LoadCounters]:
        """Run the statements over and over.

        What is under way when the block ends is waited for, so that a statement that the upgrade
        held up until its end is counted.
        """
        counters = LoadCounters()
        stopping = asyncio.Event()
        engine = create_migration_engine(url)
        reads = [each for each in self.statements if is_read(each)]
        kinds = (reads, [each for each in self.statements if each not in reads])
        clients = [
            asyncio.create_task(_client(engine, kind, number, counters, stopping))
            for kind in kinds
            if kind
            for number in range(CLIENTS)
        ]
        try:
            await asyncio.sleep(0.2)  # the clients connect, and warm the server's caches
            yield counters
        finally:
            stopping.set()
            await asyncio.gather(*clients, return_exceptions=True)
            await engine.dispose()


async def _client(
    engine: AsyncEngine,
    statements: list[str],
    number: int,
    counters: LoadCounters,
    stopping: asyncio.Event,
) -> None:
    position = number
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        while not stopping.is_set():
            statement = statements[position % len(statements)]
            position += 1
            started = time.perf_counter()
            try:
                await connection.exec_driver_sql(statement)
            except (DBAPIError, asyncpg.PostgresError):
                counters.failures += 1
                await asyncio.sleep(0.01)
            counters.count((time.perf_counter() - started) * 1000, is_read=is_read(statement))


def is_read(statement: str) -> bool:
    """Tell whether a statement only reads, and takes no lock that a writer waits for."""
    return all(each.is_read for each in read_statements(statement))
