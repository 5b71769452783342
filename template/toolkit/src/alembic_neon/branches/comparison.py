"""The three comparisons of `db check` and `db status`: models, migrations and the database."""

from collections.abc import Sequence

from alembic.config import Config
from asyncpg import PostgresError
from sqlalchemy import MetaData
from sqlalchemy.exc import DBAPIError, IdentifierError, NoReferenceError

from ..engine.driver_errors import server_message
from ..engine.factory import create_migration_engine
from ..engine.url import DatabaseURL
from ..errors import ConfigurationError, ToolkitError
from ..migration.autogenerate.drift import drift_finding, find_drift, load_metadata
from ..migration.autogenerate.generate import explain_long_name
from ..migration.autogenerate.no_difference import DIFFERS
from ..migration.autogenerate.unregistered_models import unregistered_models
from ..migration.configuration import root_of
from ..migration.history.status import Status
from ..migration.lint import Finding
from ..verification.catalog import Catalog, take_snapshot
from ..verification.declared_schema import Omission, create_models
from ..verification.hidden_drift import find_hidden_drift, object_differs
from ..verification.live_drift import find_live_drift
from .scratch import scratch_branch


async def compare_all(config: Config, url: DatabaseURL, status: Status | None) -> list[Finding]:
    """Compare models, migrations and the database at `url`, each pair of them.

    Without a status the database is left out. Migrations and models are made on scratch databases.

    Raises:
        ToolkitError: the migrations do not run, or a server cannot be reached.
    """
    async with scratch_branch("head") as migrated:
        metadata, declared, omissions = await declare_models(config, migrated)
        catalog = await take_snapshot(migrated)
        engine = create_migration_engine(migrated)
        try:
            found = await find_drift(engine, config)
        finally:
            await engine.dispose()
    found += unregistered_models(root_of(config), metadata)
    if not found:
        found += find_hidden_drift(catalog, declared)
    found += [drift_finding("not-compared", str(omission)) for omission in omissions]
    if status is None or not status.current:
        return found
    if status.is_at_head:
        return [*found, *find_live_drift(await take_snapshot(url), catalog, declared)]
    return found + await compare_with_migrations(url, status)


async def declare_models(
    config: Config, migrated: DatabaseURL
) -> tuple[Sequence[MetaData], Catalog, Sequence[Omission]]:
    """Make the models alone on a scratch database; return their metadata and their catalog.

    With them come the tables that cannot be made alone. `config` learns which objects differ from
    those in the database `migrated`: autogenerate then proposes nothing of the others.
    """
    engine = create_migration_engine(migrated)
    try:
        metadata = await load_metadata(engine, config)
    finally:
        await engine.dispose()
    _require_targets(metadata)
    made = await take_snapshot(migrated)
    async with scratch_branch() as empty:
        try:
            omissions = await create_models(metadata, empty, made)
        except IdentifierError as error:
            raise explain_long_name(error) from None
        declared = await take_snapshot(empty)
    config.attributes[DIFFERS] = object_differs(made, declared)
    return metadata, declared, omissions


def _require_targets(metadata: Sequence[MetaData]) -> None:
    """Refuse foreign keys to what no model declares, before SQLAlchemy stumbles over one.

    Raises:
        ConfigurationError: there is one.
    """
    for key in (key for each in metadata for t in each.tables.values() for key in t.foreign_keys):
        try:
            _ = key.column
        except NoReferenceError as error:
            reason = str(error).partition("\n")[0]
            raise ConfigurationError(
                f"{reason}.", "Import the module of that model, or fix the foreign key."
            ) from None


async def compare_with_migrations(url: DatabaseURL, status: Status) -> list[Finding]:
    """Compare the database at `url` with what its own revisions make on a scratch database.

    Where that database cannot be made, one finding says why.
    """
    if not status.current:
        return []
    try:
        async with scratch_branch(*status.current) as migrated:
            made = await take_snapshot(migrated)
        return list(find_live_drift(await take_snapshot(url), made))
    except (ToolkitError, DBAPIError, PostgresError) as error:  # a full disk, for one
        reason = server_message(error) if isinstance(error, DBAPIError) else str(error)
        reason = " ".join(reason.split())
        message = f"The database was not compared with the migrations: {reason}"
        return [drift_finding("not-compared", message)]
