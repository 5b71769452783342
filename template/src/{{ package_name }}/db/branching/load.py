"""The load beside a rehearsed upgrade: a file of statements, and how long the longest took."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import sqlparse
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from ..connection.engine import create_migration_engine
from ..connection.errors import UsageError
from ..connection.url import DatabaseURL
from .rehearsal import Stall

_CLIENTS: Final = 2  # for each kind, as a waiting write would keep its client from reading
_READ: Final = re.compile(
    r"\s*(SELECT|TABLE|VALUES|SHOW)\b(?!.*\bFOR\s+(NO\s+KEY\s+)?UPDATE\b)", re.I | re.S
)


@dataclass
class Figures:
    """What the clients have counted so far; durations are in milliseconds."""

    reads: int = 0
    writes: int = 0
    failures: int = 0
    longest_read_ms: float = 0.0
    longest_write_ms: float = 0.0

    def stall(self) -> Stall:
        """Return the figures as the report has them."""
        return Stall(
            self.reads, self.writes, self.failures, self.longest_read_ms, self.longest_write_ms
        )


def read_statements(path: Path) -> list[str]:
    """Return the statements of an SQL file.

    Raises:
        UsageError: the file cannot be read, or holds no statement.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.", "Give a file of SQL.") from None
    statements = [each.strip().rstrip(";") for each in sqlparse.split(text)]
    found = [each for each in statements if sqlparse.format(each, strip_comments=True).strip()]
    if not found:
        raise UsageError(f"{path} holds no statement.", "Give a file of SQL.")
    return found


@asynccontextmanager
async def running_load(url: DatabaseURL, statements: list[str]) -> AsyncIterator[Figures]:
    """Run the statements over and over, reads and writes from clients of their own, to the end.

    What is under way when the block ends is waited for, so that a statement that the upgrade held
    up until its end is counted.
    """
    figures = Figures()
    stopping = asyncio.Event()
    engine = create_migration_engine(url)
    reads = [each for each in statements if _is_read(each)]
    kinds = (reads, [each for each in statements if each not in reads])
    clients = [
        asyncio.create_task(_client(engine, kind, number, figures, stopping))
        for kind in kinds
        if kind
        for number in range(_CLIENTS)
    ]
    try:
        await asyncio.sleep(0.2)  # the clients connect, and warm the server's caches
        yield figures
    finally:
        stopping.set()
        await asyncio.gather(*clients, return_exceptions=True)
        await engine.dispose()


async def _client(
    engine: AsyncEngine,
    statements: list[str],
    number: int,
    figures: Figures,
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
                figures.failures += 1
                await asyncio.sleep(0.01)
            _count(figures, statement, (time.perf_counter() - started) * 1000)


def _count(figures: Figures, statement: str, took_ms: float) -> None:
    if _is_read(statement):
        figures.reads += 1
        figures.longest_read_ms = max(figures.longest_read_ms, took_ms)
    else:
        figures.writes += 1
        figures.longest_write_ms = max(figures.longest_write_ms, took_ms)


def _is_read(statement: str) -> bool:
    return _READ.match(statement) is not None
