"""A scratch branch: a database of the local provider at a revision, gone after its use."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex

from ..engine.url import DatabaseURL
from ..migration.configuration import alembic_config
from ..migration.runner.run import upgrade
from .local import LocalProvider


@asynccontextmanager
async def scratch_branch(*revisions: str) -> AsyncIterator[DatabaseURL]:
    """Give the URL of a scratch branch at these revisions, so that no other database is needed.

    Without a revision it is empty.

    Raises:
        MigrationError: the migrations do not run from nothing to there.
    """
    provider = LocalProvider()
    name = f"scratch-{token_hex(4)}"
    url = await provider.create_empty(name)
    try:
        for revision in revisions:
            await upgrade(url, revision, config=alembic_config())
        yield url
    finally:
        await provider.delete(name, force=True)
