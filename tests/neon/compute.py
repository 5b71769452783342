"""The compute behind the edge: awake, asleep or waking, and its suspends, restarts and kills.

PostgreSQL and PgBouncer are real, and so is what a client sees of them: sessions end because the
server ends them. Only sleep is pretended, as the server runs on while nobody can reach it.
"""

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import asyncpg
from alembic_neon.embedded.server import LocalServer

Failure = Literal["compute", "control plane", "permit", "starting", "closed"]

# What the proxy says while a compute will not wake: errors.rs, compute.rs in neondatabase/neon.
TEXTS: Final[dict[Failure, str]] = {
    "compute": "Couldn't connect to compute node",
    "control plane": "Control plane request failed",
    "permit": "Failed to acquire permit to connect to the database. Too many database connection"
    " attempts are currently ongoing.",
    "starting": "the database system is starting up",  # PostgreSQL's own
    "closed": "",  # no word at all
}

_CHECK_SECONDS: Final = 0.05
_END_SESSIONS_SQL: Final = (
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
# Neon's activity monitor counts the same: a session that is not idle, or the last moment that one
# was. A new session counts, as it was busy with its start.
_IDLE_SQL: Final = (
    "SELECT COALESCE(bool_and(state = 'idle'), true),"
    " EXTRACT(epoch FROM now() - max(state_change))::float8"
    " FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND usename <> 'postgres'"
)


class ProxyError(Exception):
    """What the proxy answers instead of a session; without text, it closes the connection."""


@dataclass(eq=False)
class Session:
    """A client's connection that reached PostgreSQL or the pooler."""

    client: StreamWriter
    server: StreamWriter
    pooled: bool
    key: bytes = b""  # what a request to cancel names it by
    lost_answer: asyncio.Event | None = None  # set when the answer that is held back has come


@dataclass(eq=False)
class Compute:
    """PostgreSQL and its pooler, with the faults of a compute. Lives in the edge's event loop."""

    server: LocalServer
    pooler: Path | None = None
    wake_seconds: float = 0.0
    suspend_after_seconds: float | None = None
    wakes: int = 0
    suspends: int = 0
    is_awake: bool = True
    failures: deque[Failure] = field(default_factory=deque)
    sessions: set[Session] = field(default_factory=set)
    _waking: "asyncio.Task[None] | None" = None
    _active_at: float = field(default_factory=time.monotonic)

    async def connect(self, pooled: bool) -> tuple[StreamReader, StreamWriter]:
        """Wake the compute if it sleeps, and connect to PostgreSQL or to the pooler.

        Raises:
            ProxyError: it cannot be reached.
        """
        if not self.is_awake:
            if self.failures:
                raise ProxyError(TEXTS[self.failures.popleft()])
            self._waking = self._waking or asyncio.create_task(self._wake())
            await asyncio.shield(self._waking)
        self._active_at = time.monotonic()
        path = self.pooler if pooled else self.server.socket_folder / ".s.PGSQL.5432"
        try:
            return await asyncio.open_unix_connection(path)
        except OSError:
            # The proxy would try for a while; the worst case is that it gave up.
            raise ProxyError(TEXTS["compute"]) from None

    async def _wake(self) -> None:
        await asyncio.sleep(self.wake_seconds)
        self.wakes += 1
        self.is_awake, self._waking = True, None

    async def suspend(self) -> None:
        """End every session as a shutdown does, and sleep until somebody connects."""
        self.is_awake = False
        await self.end_sessions()
        self.suspends += 1

    async def end_sessions(self) -> None:
        """End every session: PostgreSQL says 57P01 to the direct ones, the pooler says nothing."""
        ended = set(self.sessions)
        self._cut_off_the_pooler()
        await self.end_backends()
        while ended & self.sessions:  # noqa: ASYNC110 - who leaves last is not worth an event
            await asyncio.sleep(0.005)

    async def end_backends(self) -> None:
        """End PostgreSQL's sessions alone, the pooler's among them; its clients stay connected."""
        connection = await self._administer()
        try:
            await connection.execute(_END_SESSIONS_SQL)
        finally:
            await connection.close()

    async def restart(self) -> None:
        """Stop PostgreSQL, really, and start it again; the pooler's clients are cut as well."""
        self._cut_off_the_pooler()
        await asyncio.to_thread(self.server.stop)
        await asyncio.to_thread(self.server.ensure_running)

    def _cut_off_the_pooler(self) -> None:
        for session in self.sessions:
            if session.pooled:
                session.client.transport.abort()  # close() would wait for the client's goodbye

    async def watch(self) -> None:
        """Suspend whenever nothing happened for `suspend_after_seconds`."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            if self.is_awake and self.suspend_after_seconds is not None:
                idle = min(await self._idle_seconds(), time.monotonic() - self._active_at)
                if self.suspend_after_seconds is not None and idle > self.suspend_after_seconds:
                    await self.suspend()

    async def _idle_seconds(self) -> float:
        connection = await self._administer()
        try:
            all_idle, seconds = await connection.fetchrow(_IDLE_SQL)
        finally:
            await connection.close()
        if not all_idle:
            return 0.0
        return float("inf") if seconds is None else float(seconds)

    async def _administer(self) -> asyncpg.Connection:
        folder = str(self.server.socket_folder)
        return await asyncpg.connect(host=folder, user="postgres", database="postgres")
