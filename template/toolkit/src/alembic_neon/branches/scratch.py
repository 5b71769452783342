"""A scratch branch: an empty database of the local provider, at head, gone after its use."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex

from ..engine.url import DatabaseURL
from ..migration.configuration import alembic_config
from ..migration.runner.run import upgrade
from .local import LocalProvider


@asynccontextmanager
async def scratch_branch(*, at_head: bool = True) -> AsyncIterator[DatabaseURL]:
    """Give the URL of a scratch branch, so that no other database is needed.

    Raises:
        MigrationError: the migrations do not run from nothing to the head.
    """
    provider = LocalProvider()
    name = f"scratch-{token_hex(4)}"
    url = await provider.create_empty(name)
    try:
        if at_head:
            await upgrade(url, config=alembic_config())
        yield url
    finally:
        await provider.delete(name, force=True)
