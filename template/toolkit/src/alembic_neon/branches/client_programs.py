"""PostgreSQL's client programs, run on any database that the toolkit reaches, with its TLS."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ..embedded.binaries import EmbeddedBinaries
from ..engine.pg_environment import environment_without_pg
from ..engine.url import DatabaseURL
from ..errors import ConfigurationError, MigrationError
from ..project import OFFERED_POSTGRES_VERSIONS
from .tls_forwarder import FORWARDED_PORT, forwarded


@asynccontextmanager
async def connection_environment(url: DatabaseURL) -> AsyncIterator[dict[str, str]]:
    """Give the environment in which a program of libpq's connects to `url`.

    The password is on no command line. A server behind a host name is reached through a socket of
    this process, which speaks TLS and verifies it as every other connection here.
    """
    if url.is_unix_socket:
        yield _environment(url, Path(url.host), url.port)
        return
    async with forwarded(url) as folder:
        yield _environment(url, folder, FORWARDED_PORT)


def _environment(url: DatabaseURL, folder: Path, port: int) -> dict[str, str]:
    parts = url.parts
    given = {
        "PGHOST": str(folder),
        "PGPORT": str(port),
        "PGUSER": parts.username,
        "PGPASSWORD": None if parts.password is None else str(parts.password),
        "PGDATABASE": url.database,
        "PGOPTIONS": url.connect_args.get("server_settings", {}).get("options"),
        "PGSSLMODE": "disable",
        "PGCLIENTENCODING": "UTF8",
        "LC_ALL": "C",
    }
    return environment_without_pg() | {name: value for name, value in given.items() if value}


async def run_program(
    url: DatabaseURL, program: str, *arguments: str, stdin: str | None = None
) -> str:
    """Run a program on the database at `url` to its end, and return what it wrote.

    Raises:
        MigrationError: it failed; the message is the first line of its own reason.
    """
    async with connection_environment(url) as environment:
        process = await asyncio.create_subprocess_exec(
            *(program, *arguments),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await process.communicate(None if stdin is None else stdin.encode())
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
    if process.returncode != 0:
        lines = errors.decode(errors="replace").strip().splitlines()
        reason = lines[0] if lines else f"it ended with {process.returncode}"
        raise MigrationError(
            f"{Path(program).name} failed: {reason.rstrip('.')}.", "Fix that, and start again."
        )
    return output.decode()


def find_program(name: str, server_version: int) -> str:
    """Return the path of a program of that major version or a newer one.

    Raises:
        ConfigurationError: there is none.
    """
    newest = OFFERED_POSTGRES_VERSIONS[-1]
    if server_version <= newest:
        try:
            return str(EmbeddedBinaries.find(newest).folder / name)
        except ConfigurationError:
            pass  # not installed; the machine may have one of its own
    found = shutil.which(name)
    if found is not None:
        output = subprocess.run(  # noqa: S603 - no shell
            [found, "--version"], capture_output=True, text=True, check=False
        ).stdout
        version = re.search(r"\) (\d+)", output)
        if version is not None and int(version[1]) >= server_version:
            return found
    raise ConfigurationError(
        f"There is no {name} of version {server_version} or newer.",
        "Install the project's dev group (uv sync), or PostgreSQL's client programs.",
    )
