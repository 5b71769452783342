"""Renames on a scratch branch, so that autogenerate compares the models with the new names."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table

from ..engine.driver_errors import translate_driver_errors
from ..engine.factory import create_migration_engine
from ..engine.url import DatabaseURL
from ..engine.version_table import REVISIONS_TABLE, version_table
from ..migration.autogenerate.no_difference import DIFFERS
from ..migration.autogenerate.rename_ops import RENAMES, rename_sql
from ..migration.autogenerate.rename_options import RenameOption, chooser
from ..migration.autogenerate.renames import Ask, Rename, TableName, Tables, decide, renamed
from ..migration.hooks import load_hooks
from ..migration.lint import Finding
from ..verification.catalog import Catalog, take_snapshot
from ..verification.declared_schema import Omission
from ..verification.hidden_drift import object_differs
from ..verification.renamed_objects import following_renames, tables_of
from .registered_models import refuse_to_drop_most, require_imported, require_some_models


@dataclass(frozen=True)
class RenameAnswers:
    """What a person says of renames: by options, and when asked.

    `ask` is None where there is nobody to answer; with `--no-rename` it is a function that says no.
    """

    options: Sequence[RenameOption] = ()
    ask: Ask | None = None


@dataclass(frozen=True)
class Models:
    """The models: their metadata, their catalog, and the tables that could not be made alone.

    `strays` are models in the project's packages that nothing imports.
    """

    metadata: Sequence[MetaData]
    catalog: Catalog
    omissions: Sequence[Omission]
    strays: Sequence[Finding] = ()


async def find_renames(
    url: DatabaseURL, models: Models, answers: RenameAnswers, config: Config
) -> list[Rename]:
    """Return what is renamed between the database at `url` and the models, in its order.

    The names that follow are found where the renames that were decided are done, and undone after.

    Raises:
        UsageError: an option does not fit, or something may be a rename and nobody can answer.
        ConfigurationError: most tables would be dropped, or one whose model nothing imports.
    """
    require_some_models(models.metadata)
    migrated = await take_snapshot(url)
    stored = tables_of(migrated, _left_out(migrated, models, config))
    declared = tables_of(models.catalog)
    require_imported(stored.keys() - declared.keys(), models.strays)
    decided = decide(stored, declared, chooser(answers.options), answers.ask)
    refuse_to_drop_most(renamed(stored, decided), declared)
    async with renames_applied(url, decided):
        now = await take_snapshot(url) if decided else migrated
        following = following_renames(now, models.catalog, models.metadata, decided)
    return [*decided, *following]


@asynccontextmanager
async def autogenerate_sees(
    url: DatabaseURL, renames: Sequence[Rename], declared: Catalog, config: Config
) -> AsyncIterator[Catalog]:
    """Have the renames done in the database at `url`, within; give its catalog then.

    `config` learns what to write of them, and what differs beside them.
    """
    async with renames_applied(url, renames):
        migrated = await take_snapshot(url)
        config.attributes[RENAMES] = renames
        config.attributes[DIFFERS] = object_differs(migrated, declared)
        yield migrated


@asynccontextmanager
async def renames_applied(url: DatabaseURL, renames: Sequence[Rename]) -> AsyncIterator[None]:
    """Have the renames done in the database at `url`, within."""
    await _run(url, [rename_sql(each) for each in renames])
    try:
        yield
    finally:
        await _run(url, [rename_sql(each.reverse()) for each in reversed(renames)])


async def _run(url: DatabaseURL, statements: Sequence[str]) -> None:
    if not statements:
        return
    engine = create_migration_engine(url)
    try:
        with translate_driver_errors(engine.url):
            async with engine.begin() as connection:
                for statement in statements:
                    await connection.exec_driver_sql(statement)
    finally:
        await engine.dispose()


def _left_out(migrated: Catalog, models: Models, config: Config) -> set[TableName]:
    """Return the tables that autogenerate does not look at, so that they are not gone."""
    names = {REVISIONS_TABLE, version_table().name}
    names |= {each for omission in models.omissions for each in _tables_in(omission)}
    is_included = _inclusion(config)
    tables: Tables = tables_of(migrated)
    return {
        (schema, name)
        for schema, name in tables
        if name in names or f"{schema}.{name}" in names or not is_included(schema, name)
    }


def _tables_in(omission: Omission) -> tuple[str, ...]:
    return (omission.table, *omission.dependents)


def _inclusion(config: Config) -> Callable[[str, str], bool]:
    include = load_hooks(Path(ScriptDirectory.from_config(config).dir)).include_object
    if include is None:
        return lambda schema, name: True

    def is_included(schema: str, name: str) -> bool:
        table = Table(name, MetaData(), schema=None if schema == "public" else schema)
        return bool(include(table, name, "table", True, None))

    return is_included
