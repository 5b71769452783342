"""The schema of a live database as SQL, from PostgreSQL's own pg_dump."""

import asyncio
import re
import shutil
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from ..embedded.binaries import EmbeddedBinaries
from ..engine.pg_environment import environment_without_pg
from ..engine.url import DatabaseURL
from ..engine.version_table import version_table
from ..errors import ConfigurationError, MigrationError
from ..project import OFFERED_POSTGRES_VERSIONS
from .tls_forwarder import forwarded

# What is Neon's own in each of its databases.
NEON_SCHEMAS: Final = ("neon", "neon_auth", "neon_migration")
_OPTIONS: Final = (
    "--schema-only",
    "--no-owner",
    "--no-privileges",
    "--no-security-labels",
    "--no-tablespaces",
    "--no-subscriptions",  # they hold passwords
    *(f"--exclude-schema={schema}" for schema in NEON_SCHEMAS),
)


async def dump_schema(url: DatabaseURL, server_version: int) -> str:
    """Return the SQL that makes the schema of a database, without the version table.

    `server_version` is the server's major version; pg_dump has to be of that or a newer one.

    Raises:
        ConfigurationError: there is no such pg_dump.
        MigrationError: pg_dump failed.
    """
    program = _program(server_version)
    async with AsyncExitStack() as stack:
        folder = Path(url.host)
        if not url.is_unix_socket:
            folder = await stack.enter_async_context(forwarded(url))
        process = await asyncio.create_subprocess_exec(
            *(program, *_OPTIONS, *_without_own_tables()),
            env=_environment(url, folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        text, said = await process.communicate()
    if process.returncode != 0:
        lines = said.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise MigrationError(
            f"The schema could not be read: {lines[0]}.", "Mend that, and start again."
        )
    return text.decode()


def _environment(url: DatabaseURL, folder: Path) -> dict[str, str]:
    """Return where pg_dump connects to; the password goes by no command line."""
    parts = url.parts
    port = url.port if url.is_unix_socket else 5432  # that of the forwarder's socket
    options = url.connect_args.get("server_settings", {}).get("options")
    given = {
        "PGHOST": str(folder),
        "PGPORT": str(port),
        "PGUSER": parts.username,
        "PGPASSWORD": None if parts.password is None else str(parts.password),
        "PGDATABASE": url.database,
        "PGOPTIONS": options,
        "PGSSLMODE": "disable",
        "PGCLIENTENCODING": "UTF8",
        "LC_ALL": "C",
    }
    return environment_without_pg() | {name: value for name, value in given.items() if value}


def _without_own_tables() -> list[str]:
    """Return the options of pg_dump that leave out the toolkit's tables, by its patterns.

    Quotes keep all in a pattern as it is.
    """
    names, schema = version_table().parameters
    return [f"--exclude-table={_pattern(schema) if schema else '*'}.{_pattern(n)}" for n in names]


def _pattern(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _program(server_version: int) -> str:
    newest = OFFERED_POSTGRES_VERSIONS[-1]
    if server_version <= newest:
        try:
            return str(EmbeddedBinaries.find(newest).folder / "pg_dump")
        except ConfigurationError:
            pass  # not installed; the machine may have one of its own
    found = shutil.which("pg_dump")
    if found is not None:
        said = subprocess.run(  # noqa: S603 - no shell
            [found, "--version"], capture_output=True, text=True, check=False
        ).stdout
        version = re.search(r"\) (\d+)", said)
        if version is not None and int(version[1]) >= server_version:
            return found
    raise ConfigurationError(
        f"There is no pg_dump of version {server_version} or newer.",
        "Install the project's dev group (uv sync), or PostgreSQL's client programs.",
    )
