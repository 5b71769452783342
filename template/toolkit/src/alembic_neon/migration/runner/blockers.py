"""Who stands in the way: sessions that block a migration, and transactions old enough to."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from sqlalchemy import Connection

from ...engine.sqlalchemy_internals import is_on_event_loop, wait_for
from ..sql_events import Execution, SqlListener
from .progress import Progress

LONG_TRANSACTION_SECONDS: Final = 60
# For so long no answer comes to a question that needs no lock: the network is gone, or the server.
STALL_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.3
# How often the server is asked whether it is there while no statement is under way: a commit is.
_HEARTBEAT_SECONDS: Final = 5.0

_COLUMNS: Final = """
    a.pid, coalesce(nullif(a.application_name, ''), a.backend_type) AS application, a.state,
    left(regexp_replace(a.query, '\\s+', ' ', 'g'), 120) AS query,
    extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_seconds
"""
_BLOCKERS_SQL: Final = f"""
SELECT {_COLUMNS}, (SELECT string_agg(DISTINCT l.mode, ', ') FROM pg_locks l
    WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' AND l.relation IN (
        SELECT w.relation FROM pg_locks w WHERE w.pid = $1 AND NOT w.granted)) AS modes
FROM pg_stat_activity a WHERE a.pid = ANY(pg_blocking_pids($1)) ORDER BY a.xact_start
"""  # noqa: S608 - constants
_LONG_SQL: Final = f"""
SELECT {_COLUMNS}, NULL AS modes FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND a.xact_start < clock_timestamp() - $1 * interval '1 second' ORDER BY a.xact_start LIMIT 5
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Blocker:
    """A session that others wait for, and its transaction's age in seconds."""

    pid: int
    application: str
    state: str
    query: str
    age_seconds: float
    modes: str

    def __str__(self) -> str:
        held = f" holding {self.modes}" if self.modes else ""
        return (
            f"pid {self.pid} ({self.application}, {self.state}, its transaction "
            f"{self.age_seconds:.0f} s old){held}: {self.query}"
        )


async def long_transactions(driver: Any) -> list[Blocker]:
    """Return the transactions that are older than a minute, the oldest first."""
    return [_blocker(row) for row in await driver.fetch(_LONG_SQL, LONG_TRANSACTION_SECONDS)]


class BlockerWatch(SqlListener):
    """Looks, from a second connection, who blocks the first one while a statement takes long.

    It is also what bounds the client's waits: where no answer comes to that look either, both
    connections are closed, and the run ends as one that has lost them.
    """

    def __init__(self, connection: Connection, driver: Any, progress: Progress) -> None:
        self.last: list[Blocker] = []
        self._connection = connection
        self._driver = driver
        self._progress = progress
        self._pid = int(_driver_of(connection).get_server_pid())
        self._since: float | None = None
        self._ended = self._quiet_since = time.monotonic()
        self._is_on = True

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch inside the block."""
        task = asyncio.get_running_loop().create_task(self._watch()) if is_on_event_loop() else None
        try:
            yield
        finally:
            self._is_on = False
            if task is not None:
                wait_for(task)

    def before(self, execution: Execution) -> None:
        """Begin to count the time of a statement."""
        self._since = time.monotonic()

    def after(self, execution: Execution) -> None:
        """Forget who was in the way: the statement has run."""
        self._since = None
        self._ended = self._quiet_since = time.monotonic()
        self.last = []

    @property
    def idle_seconds(self) -> float:
        """How long no statement was sent after the last one had ended."""
        return (self._since or time.monotonic()) - self._ended

    async def _watch(self) -> None:
        while self._is_on:
            await asyncio.sleep(0.05)
            since = self._since
            if not self._is_due(since):
                continue
            try:
                rows = await self._driver.fetch(_BLOCKERS_SQL, self._pid, timeout=STALL_SECONDS)
            except TimeoutError:
                self._give_up()
                return
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                return  # the lock's connection is lost, which the run finds out by itself
            self._quiet_since = time.monotonic()
            found = [_blocker(row) for row in rows]
            if found and since == self._since:
                if {each.pid for each in found} != {each.pid for each in self.last}:
                    for blocker in found:
                        self._progress.on_wait(f"waiting for {blocker}")
                self.last = found
            await asyncio.sleep(_POLL_SECONDS)

    def _is_due(self, since: float | None) -> bool:
        if since is None:
            return time.monotonic() - self._quiet_since >= _HEARTBEAT_SECONDS
        return time.monotonic() - since >= _POLL_SECONDS

    def _give_up(self) -> None:
        for driver in (self._driver, _driver_of(self._connection)):
            driver.terminate()


def _blocker(row: Any) -> Blocker:
    return Blocker(
        row["pid"],
        row["application"],
        row["state"] or "no state",
        row["query"] or "no query that this role may see",
        row["age_seconds"] or 0.0,
        row["modes"] or "",
    )


def _driver_of(connection: Connection) -> Any:
    return connection.connection.driver_connection
