"""Chooses the branch provider by the environment: Neon where a key and a project are set."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from ..engine.settings import Settings, load_settings
from ..errors import ConfigurationError
from .local import LocalProvider
from .provider import BranchProvider


@asynccontextmanager
async def open_provider(settings: Settings | None = None) -> AsyncIterator[BranchProvider]:
    """Give the provider that the settings choose, and close its connections in the end.

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
    client = NeonClient.connect(host, *neon)
    async with client.http:
        yield NeonProvider(client, settings.database_url)


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
