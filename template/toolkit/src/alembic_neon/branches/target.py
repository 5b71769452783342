"""The target: the one database that a command acts on, named before anything is done to it."""

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import text

from ..embedded.server import LocalServer
from ..engine.factory import migration_connection
from ..engine.url import DatabaseURL

_SYSTEM_SQL: Final = text("SELECT system_identifier::text FROM pg_control_system()")


@dataclass(frozen=True)
class Target:
    """A database and where it is; two targets are equal if they are the same database.

    `server` tells one server from all others: Neon's project, or PostgreSQL's own
    `system_identifier`, which `initdb` draws. `branch` is the database's name where the server has
    no branches.
    """

    provider: Literal["neon", "local", "server"]
    server: str
    branch: str
    host: str
    database: str
    role: str

    def __str__(self) -> str:
        if self.provider == "neon":
            where = f"branch {self.branch} of Neon project {self.server}"
            return f"{where} (database {self.database} on {self.host}, role {self.role})"
        if self.provider == "local":
            return f"branch {self.branch} of {self.host} (role {self.role})"
        return f"database {self.database} on {self.host} (role {self.role})"


async def read_system_identifier(url: DatabaseURL) -> str:
    """Return what tells the server at `url` from all others.

    Raises:
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    async with migration_connection(url) as connection:
        return str(await connection.scalar(_SYSTEM_SQL))


def describe_url(url: DatabaseURL) -> str:
    """Say where `url` leads, as `Target` does, without asking any server."""
    server, role = LocalServer.serving(url), url.parts.username or ""
    if server is not None:
        return str(Target("local", "", url.database, str(server), url.database, role))
    return str(Target("server", "", url.database, shown_host(url), url.database, role))


def shown_host(url: DatabaseURL) -> str:
    """Return the host of a URL, with its port where it is not PostgreSQL's own."""
    port = url.parts.port
    return url.host if port in (None, 5432) else f"{url.host}:{port}"
