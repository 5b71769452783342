"""The tests of a project's migrations: import them into a file of `tests/`, or run `db test`.

pytest-alembic's four tests are among them where it is installed. They are imported by hand, as its
own collection fails on pytest 9.2, and take the two fixtures here.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.schema import CreateSchema

from .engine.factory import create_migration_engine, migration_connection
from .engine.url import DatabaseURL
from .engine.version_table import version_table
from .migration import configuration
from .verification.assertions import drift_of_models
from .verification.history import History
from .verification.round_trip import RoundTrip

__all__ = [
    "alembic_config",
    "alembic_engine",
    "test_models_match_the_migrations",
    "test_round_trip",
]

with suppress(ModuleNotFoundError):
    from pytest_alembic.tests import (
        test_model_definitions_match_ddl,
        test_single_head_revision,
        test_up_down_consistency,
        test_upgrade,
    )

    __all__ += [
        "test_model_definitions_match_ddl",
        "test_single_head_revision",
        "test_up_down_consistency",
        "test_upgrade",
    ]
    # It warns where it ends at a revision that is declared irreversible, which the round trip says.
    test_up_down_consistency = pytest.mark.filterwarnings(
        "ignore:The .* downgrade raised `NotImplementedError`:UserWarning"
    )(test_up_down_consistency)


@pytest.fixture
def alembic_config() -> Config:
    """The project's Alembic configuration; pytest-alembic takes it, but not without a revision."""
    config = configuration.alembic_config()
    if not History.load(config).revisions:
        pytest.skip("there is no revision yet")
    return config


@pytest.fixture
def alembic_engine(empty_database: DatabaseURL) -> Iterator[AsyncEngine]:
    """An engine on an empty database; pytest-alembic takes it."""
    asyncio.run(_create_version_schema(empty_database))
    engine = create_migration_engine(empty_database)
    yield engine
    asyncio.run(engine.dispose())


async def _create_version_schema(url: DatabaseURL) -> None:
    """Create what the toolkit's runner creates itself, and pytest-alembic's does not."""
    if (schema := version_table().schema) is None:
        return
    async with migration_connection(url) as connection:
        await connection.execute(CreateSchema(schema, if_not_exists=True))
        await connection.commit()


def test_models_match_the_migrations(migrated_database: DatabaseURL) -> None:
    """Fail where the models and the revisions make different schemas."""
    if drift := drift_of_models(migrated_database):
        pytest.fail("\n".join(drift), pytrace=False)


def test_round_trip(migration_revision: str, round_trip: Callable[[str], RoundTrip]) -> None:
    """Fail where a revision does not go up, down and up again, or does not restore what was."""
    result = round_trip(migration_revision)
    if not result.ok:
        pytest.fail(str(result), pytrace=False)
    if result.irreversible:
        pytest.skip(str(result))
