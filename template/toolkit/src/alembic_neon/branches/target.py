"""The target: the one database that a command acts on, named before anything is done to it."""

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import text

from ..embedded.server import LocalServer
from ..engine.factory import migration_connection
from ..engine.settings import Settings, load_settings
from ..engine.url import DatabaseURL
from ..errors import ConfigurationError

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


def target_url(settings: Settings | None = None) -> DatabaseURL:
    """Return the URL of the target for commands that need no branch: `settings.direct_url`.

    Raises:
        ConfigurationError: a setting is wrong, or Neon's key chooses Neon and no URL says which of
            its databases: `db rehearse` would act on another one than the embedded server's.
    """
    settings = settings or load_settings()
    has_url = settings.database_url is not None or settings.database_url_unpooled is not None
    has_key = settings.neon_api_key is not None and settings.neon_project_id is not None
    if has_key and not has_url and settings.db_branch_provider != "local":
        raise ConfigurationError(
            "NEON_API_KEY and NEON_PROJECT_ID choose Neon, but DATABASE_URL is not set.",
            "Write it with: db branch use NAME. For the embedded server set"
            " DB_BRANCH_PROVIDER=local.",
        )
    return settings.direct_url


def describe_url(url: DatabaseURL) -> str:
    """Say where `url` leads, as `Target` does, without asking any server."""
    server, role = LocalServer.from_url(url), url.parts.username or ""
    if server is not None:
        return str(Target("local", "", url.database, str(server), url.database, role))
    return str(Target("server", "", url.database, shown_host(url), url.database, role))


def shown_host(url: DatabaseURL) -> str:
    """Return the host of a URL, with its port where it is not PostgreSQL's own."""
    return url.host if url.port == 5432 else f"{url.host}:{url.port}"
