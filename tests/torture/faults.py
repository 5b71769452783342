"""The faults, each drawn from the seed. One that hit nothing is not counted.

The clock is left alone: to set it back would be for the whole machine.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import asyncpg
from alembic_neon.errors import ToolkitError

from .commands import Command
from .world import NO_ANSWER, World

Fault = Callable[[World], Awaitable[bool]]

_SESSIONS_SQL: Final = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND usename <> 'postgres'"
)
_MOST_CONNECTIONS: Final = 60
# What the postmaster takes two signals for.
_FAST: Final = signal.SIGINT
_IMMEDIATE: Final = signal.SIGQUIT


async def kill(world: World) -> bool:
    """SIGKILL a command."""
    if (command := _victim(world)) is None:
        return False
    command.is_killed = True
    command.signal(signal.SIGKILL)
    return True


async def terminate(world: World) -> bool:
    """SIGTERM a command, which has to end within ten seconds."""
    if (command := _victim(world)) is None or command.is_frozen:
        return False
    command.terminated_at = time.monotonic()
    command.signal(signal.SIGTERM)
    return True


async def freeze(world: World) -> bool:
    """SIGSTOP a command, and SIGCONT it after a while."""
    if (command := _victim(world)) is None or command.is_frozen:
        return False
    command.is_frozen = True
    command.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(world.random.uniform(0.1, 1.5))
    finally:
        command.signal(signal.SIGCONT)
        command.is_frozen = False
    return True


async def end_session(world: World) -> bool:
    """End a session by pg_terminate_backend."""
    async with world.superuser() as connection:
        if not (pids := [row[0] for row in await connection.fetch(_SESSIONS_SQL)]):
            return False
        pid = world.random.choice(pids)
        return bool(await connection.fetchval("SELECT pg_terminate_backend($1)", pid))


async def freeze_session(world: World) -> bool:
    """SIGSTOP a session's process, and SIGCONT it after a while."""
    async with world.superuser() as connection:
        pids = [row[0] for row in await connection.fetch(_SESSIONS_SQL)]
    if not pids:
        return False
    pid = world.random.choice(pids)
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(world.random.uniform(0.1, 1.0))
    finally:
        os.kill(pid, signal.SIGCONT)
    return True


async def crash_session(world: World) -> bool:
    """SIGKILL a session's process: the server ends all of them and recovers."""
    async with world.superuser() as connection:
        pids = [row[0] for row in await connection.fetch(_SESSIONS_SQL)]
    if not pids:
        return False
    world.note_crash()
    os.kill(world.random.choice(pids), signal.SIGKILL)
    await world.recovered()
    return True


async def cut(world: World) -> bool:
    """Reset every connection."""
    return world.network.cut() > 0


async def stall(world: World) -> bool:
    """Hold all bytes back for a while; sometimes the connections are reset after that."""
    world.network.stall()
    await asyncio.sleep(world.random.uniform(0.2, 2.0))
    if world.random.random() < 0.3:
        world.network.cut()
    world.network.flow()
    return True


async def restart(world: World) -> bool:
    """Restart the server as an administrator does."""
    return await _restart(world, _FAST)


async def crash(world: World) -> bool:
    """Restart the server as a loss of power does, without a checkpoint."""
    world.note_crash()
    return await _restart(world, _IMMEDIATE)


async def _restart(world: World, number: signal.Signals) -> bool:
    async with world.restarting:
        lines = (world.server.data / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), number)
        await asyncio.sleep(world.random.uniform(0.05, 0.4))
        await asyncio.to_thread(world.server.ensure_running)
    return True


async def use_up_connections(world: World) -> bool:
    """Hold every connection that the server has to give, for a while."""
    folder = str(world.server.socket_folder)
    async with AsyncExitStack() as stack:
        for _ in range(_MOST_CONNECTIONS):
            try:
                connection = await asyncpg.connect(
                    host=folder, user="neondb_owner", database="main", timeout=5
                )
            except asyncpg.TooManyConnectionsError:
                await asyncio.sleep(world.random.uniform(0.2, 1.0))
                return True
            stack.callback(connection.terminate)
    return False


async def fill_disk(world: World) -> bool:
    """Fill the server's disk to the last byte, for a while; it may crash of that."""
    if world.disk is None:
        return False
    async with world.restarting:  # a server that cannot start is another fault
        world.note_crash()
        with _filler(world.disk / "filler"):
            await asyncio.sleep(world.random.uniform(0.2, 1.0))
    await world.recovered()
    return True


class _filler:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        size = 1 << 28
        with self._path.open("wb") as file, suppress(OSError):
            while size >= 512:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
                except OSError:
                    size >>= 1

    def __exit__(self, *_: object) -> None:
        self._path.unlink()


OF_COMMANDS: Final[tuple[Fault, ...]] = (kill, terminate, freeze)
OF_SESSIONS: Final[tuple[Fault, ...]] = (end_session, freeze_session)
OF_THE_NETWORK: Final[tuple[Fault, ...]] = (cut, stall)
OF_THE_SERVER: Final[tuple[Fault, ...]] = (
    restart,
    crash,
    crash_session,
    use_up_connections,
    fill_disk,
)


def _victim(world: World) -> Command | None:
    """Return a command that has begun to speak: before that, hardly anything can be hit."""
    alive = [
        each for each in world.commands if each.is_alive and not each.terminated_at and each.text
    ]
    return world.random.choice(alive) if alive else None


@asynccontextmanager
async def disturbed(
    world: World, faults: Collection[Fault], *, pause_seconds: float
) -> AsyncIterator[None]:
    """Let one fault follow the other inside the block; at its end each is undone."""

    is_over = asyncio.Event()  # a driver may swallow a cancellation

    async def disturb() -> None:
        while not is_over.is_set():
            await asyncio.sleep(world.random.uniform(0, 2 * pause_seconds))
            fault = world.random.choice(list(faults))
            with suppress(*NO_ANSWER, ToolkitError):
                if await fault(world):
                    world.figures.faults[fault.__name__] += 1

    tasks = [asyncio.create_task(disturb()) for _ in range(2)]
    try:
        yield
    finally:
        is_over.set()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await world.healed()
        for result in results:
            if not isinstance(result, asyncio.CancelledError) and isinstance(result, BaseException):
                raise result
