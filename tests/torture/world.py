"""What is tortured: a server, the network before it, and the commands that run."""

import asyncio
import os
import random
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
from alembic_neon.embedded.server import OWNER, LocalServer
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ToolkitError
from network import Network
from queries import first_column
from scratch_project import ScratchProject

from .commands import PASSWORD, Command
from .figures import Figures

# What a query past the network ends in while the server comes and goes.
NO_ANSWER: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
DISK_BYTES: Final = 768 * 1024**2
# Few connections, which can be used up, and a small WAL, which leaves the disk to the databases.
_SETTINGS: Final = "\nmax_connections = 40\nmax_wal_size = 96MB\nmin_wal_size = 32MB\n"


@dataclass(eq=False)
class World:
    """The server of a project, behind a network, with commands that faults may hit."""

    project: ScratchProject
    server: LocalServer
    network: Network
    random: random.Random
    figures: Figures
    outputs: Path
    disk: Path | None = None  # a small one, where the server's folder could be put on it
    commands: list[Command] = field(default_factory=list)
    crashed_at: list[float] = field(default_factory=list)
    restarting: asyncio.Lock = field(default_factory=asyncio.Lock)

    def url(self, database: str) -> DatabaseURL:
        """Return the URL of a database behind the network."""
        where = f"127.0.0.1:{self.network.port}/{database}?sslmode=disable"
        return DatabaseURL.parse(f"postgresql://{OWNER}:{PASSWORD}@{where}")

    def start(self, *arguments: str, **environment: str) -> Command:
        """Start a command that faults may hit."""
        command = Command.start(self.project.folder, self.outputs, *arguments, **environment)
        self.commands.append(command)
        return command

    async def run(self, *arguments: str, **environment: str) -> Command:
        """Run a command to its end."""
        command = self.start(*arguments, **environment)
        await self.ended(command)
        return command

    async def ended(self, *commands: Command) -> None:
        """Wait for commands, which no fault hits any more."""
        for command in commands:
            await command.ended(self.figures)
            self.commands.remove(command)

    def note_crash(self) -> None:
        """Note that the server is about to lose what is not on its disk."""
        self.crashed_at.append(time.monotonic())

    @asynccontextmanager
    async def superuser(self, database: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
        """Connect past the network, as the role for which the server reserves connections."""
        folder = str(self.server.socket_folder)
        connection = await asyncpg.connect(
            host=folder, user="postgres", database=database, timeout=10, command_timeout=30
        )
        try:
            yield connection
        finally:
            with suppress(Exception):
                await connection.close(timeout=2)

    async def fetch(self, sql: str, database: str = "postgres") -> list[Any]:
        """Return the first column of a query, however often the server has to be waited for."""
        async with asyncio.timeout(60):
            while True:
                with suppress(*NO_ANSWER):
                    async with self.superuser(database) as connection:
                        return [row[0] for row in await connection.fetch(sql)]
                with suppress(ToolkitError):
                    await self.recovered()

    async def execute(self, sql: str, database: str) -> None:
        """Run a statement as the owner of the databases, while nothing is disturbed."""
        await first_column(self.server.url(database), sql)

    async def recovered(self) -> None:
        """Start the server if it is down, and wait until it takes connections."""
        await asyncio.sleep(0.1)
        async with self.restarting:
            await asyncio.to_thread(self.server.ensure_running)

    async def healed(self) -> None:
        """Take back every fault that lasts."""
        self.network.flow()
        for command in self.commands:
            command.signal(signal.SIGCONT)
        await self.fetch("SELECT 1")

    async def without_sessions(self, database: str) -> None:
        """End what still works for a client that is gone."""
        sessions = f"datname = '{database}' AND pid <> pg_backend_pid()"
        await self.fetch(
            f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {sessions}"  # noqa: S608
        )


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Put a folder on a small disk of its own inside the block; None: it takes a right to mount."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ("-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755")
    if os.getuid() != 0 or not _mount("mount", *options, "tmpfs", str(folder)):
        yield None
        return
    try:
        yield folder
    finally:
        _mount("umount", "-l", str(folder))


def _mount(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@contextmanager
def prepared_server(folder: Path) -> Iterator[LocalServer]:
    """Run the development server of a project's folder: it survives a crash."""
    server = LocalServer(folder, "development", 18)
    server.ensure_running()
    try:
        with (server.data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS)
        server.stop()
        server.ensure_running()
        yield server
    finally:
        server.stop()


def server_socket(server: LocalServer) -> str:
    """Return the path of the server's socket."""
    return str(server.socket_folder / ".s.PGSQL.5432")
