"""The history as a whole, for tests: what the models add to it."""

import asyncio

from ..engine.factory import create_migration_engine
from ..engine.url import DatabaseURL
from ..migration.autogenerate.drift import find_drift
from ..migration.configuration import alembic_config


def drift_of_models(migrated: DatabaseURL) -> list[str]:
    """Return what autogenerate would write into a revision, for a database at head.

    Raises:
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    return asyncio.run(_drift(migrated))


async def _drift(migrated: DatabaseURL) -> list[str]:
    engine = create_migration_engine(migrated)
    try:
        findings = await find_drift(engine, alembic_config())
    finally:
        await engine.dispose()
    return [finding.message for finding in findings]
