"""Chooses the branch provider and the target by the settings, in one place for all commands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from pydantic import SecretStr

from ..embedded.server import LocalServer
from ..engine.settings import Settings, load_settings
from ..engine.url import DatabaseURL
from ..errors import ConfigurationError
from .local import LocalProvider
from .provider import BranchProvider
from .server import ServerProvider


@asynccontextmanager
async def open_provider(settings: Settings | None = None) -> AsyncIterator[BranchProvider]:
    """Give the provider of branches that the settings choose, and close its connections in the end.

    Raises:
        ConfigurationError: Neon's settings are there only in part.
    """
    settings = settings or load_settings()
    neon = _neon_project(settings)
    if neon is None:
        yield LocalProvider()
        return
    # Imported where it is needed: the local provider works without an HTTP client.
    from .neon import NeonProvider
    from .neon_client import NeonClient

    host = settings.neon_api_host.rstrip("/").removesuffix("/api/v2")
    configured = _configured(settings)
    client = NeonClient.connect(host, *neon)
    async with client.http:
        yield NeonProvider(client, configured if configured and configured.is_neon else None)


@asynccontextmanager
async def open_target(
    branch: str | None = None, settings: Settings | None = None
) -> AsyncIterator[tuple[BranchProvider, str]]:
    """Give the provider of the database that `db upgrade` acts on, and that database's branch.

    That is the database of `DATABASE_URL`: a branch at Neon, a branch of the embedded server, or a
    database on a server that has none. Where `DATABASE_URL` is not set it is the provider's default
    branch. Another `branch` has the same database and role.

    Raises:
        ConfigurationError: the settings lead to two different places; the hint says what to set.
    """
    settings = settings or load_settings()
    configured = _configured(settings)
    server = None if configured is None else LocalServer.from_url(configured)
    if configured is not None and server is None and _neon_project(settings) is None:
        _require_branchable(configured)
        yield ServerProvider(settings.direct_url), branch or configured.database
        return
    async with open_provider(settings) as provider:
        if configured is None:
            yield provider, branch or await provider.default_branch()
        elif isinstance(provider, LocalProvider):
            provider = provider if server is None else LocalProvider(server)
            yield provider, branch or configured.database
        else:
            found = await provider.branch_of(configured)
            if found is None:
                raise _elsewhere(configured, settings)
            yield _with_database_of(provider, configured), branch or found


def _configured(settings: Settings) -> DatabaseURL | None:
    is_set = settings.database_url is not None or settings.database_url_unpooled is not None
    return settings.direct_url if is_set else None


def _with_database_of(provider: BranchProvider, url: DatabaseURL) -> BranchProvider:
    from .neon import NeonProvider

    return replace(provider, configured=url) if isinstance(provider, NeonProvider) else provider


def _require_branchable(url: DatabaseURL) -> None:
    if url.is_neon:
        raise ConfigurationError(
            f"DATABASE_URL leads to Neon, {url.host}, whose branches need a key.",
            "Set NEON_API_KEY and NEON_PROJECT_ID.",
        )


def _elsewhere(url: DatabaseURL, settings: Settings) -> ConfigurationError:
    return ConfigurationError(
        f"DATABASE_URL leads to {url.host}, which is no branch of Neon project "
        f"{settings.neon_project_id}.",
        "Set NEON_PROJECT_ID to its project; for a database elsewhere set"
        " DB_BRANCH_PROVIDER=local.",
    )


def _neon_project(settings: Settings) -> tuple[str, SecretStr] | None:
    """Return the project's id and its key, or None where the local provider is chosen."""
    key, project_id = settings.neon_api_key, settings.neon_project_id
    forced = settings.db_branch_provider
    if forced == "local" or (forced is None and key is None and project_id is None):
        return None
    if key is not None and project_id is not None:
        return project_id, key
    given = {"NEON_API_KEY": key, "NEON_PROJECT_ID": project_id}
    missing = [name for name, value in given.items() if value is None]
    raise ConfigurationError(
        f"Branches on Neon need {' and '.join(missing)}.",
        f"Set {'it' if len(missing) == 1 else 'them'}, or DB_BRANCH_PROVIDER=local.",
    )
