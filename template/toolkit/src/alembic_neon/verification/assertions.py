"""The history as a whole, for tests: the heads that it ends in, and what the models add."""

import asyncio

from ..engine.factory import create_migration_engine
from ..engine.url import DatabaseURL
from ..migration.autogenerate.drift import find_drift
from ..migration.commands import script_directory
from ..migration.configuration import alembic_config


def heads_of_history() -> list[str]:
    """Return the revisions that the project's history ends in.

    Raises:
        UsageError, MigrationError: the files are missing, or do not make a history.
    """
    return script_directory(alembic_config()).get_heads()


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
