"""The baseline: brings a database without revisions in, by a first one that makes its schema.

The revision is written from the live schema, run on an empty database of the embedded server, and
kept if the two catalogs are equal. Only then is the live database stamped; nothing else of it is
written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import Script
from sqlalchemy import text

from ..branches.scratch import scratch_branch
from ..embedded.binaries import embedded_version
from ..engine.factory import create_migration_engine, migration_connection
from ..engine.url import DatabaseURL
from ..engine.version_table import version_table
from ..errors import MigrationError, UsageError
from ..migration.commands import run_command, script_directory
from ..migration.configuration import alembic_config
from ..migration.history.status import read_status
from ..migration.lint.linter import is_baseline
from ..migration.runner.run import upgrade
from ..project import postgres_version
from ..verification.catalog import (
    Catalog,
    CatalogObject,
    Difference,
    RelationObjects,
    significant,
    take_snapshot,
)
from .dump import NEON_SCHEMAS, dump_schema
from .dump_text import DumpedObject, parse_dump
from .revision_file import write_baseline

_VERSION_SQL: Final = text("SELECT current_setting('server_version_num')::int / 10000")
# pg_dump makes materialized views empty; a view that reads another one is younger than it.
_FILLED_VIEWS_SQL: Final = text("""
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated AND n.nspname <> ALL (:left_out)
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass
                  AND objid = c.oid AND deptype = 'e')
ORDER BY c.oid
""")
# Who owns what and may do what is the server's, as are user mappings and subscriptions, which hold
# passwords.
_NOT_COMPARED: Final = ("privileges", "default privileges", "subscription", "user mapping")


class NotEqualError(MigrationError):
    """The baseline makes another schema than the live one; `differences` say how."""

    def __init__(self, differences: list[Difference], *, is_new: bool) -> None:
        count = len(differences)
        super().__init__(
            f"The baseline makes another schema: {count} object{'s' * (count != 1)} differ"
            f"{'s' * (count == 1)}.",
            "The file was removed, and the database is as it was."
            if is_new
            else "The database is as it was; bring the two together first.",
        )
        self.differences = differences


@dataclass(frozen=True)
class Baseline:
    """The revision, its file, and whether the file was written now."""

    revision: str
    path: Path
    is_new: bool


async def make_baseline(
    url: DatabaseURL, message: str, *, stamp: bool, say: Callable[[str], None] = lambda _: None
) -> Baseline:
    """Write the baseline of the database at `url`, prove it, and stamp the database.

    Where the history is a baseline and nothing else, that one is proved against this database: so
    a second database is brought in, and an interrupted run is finished. `say` gets a line for each
    step.

    Raises:
        UsageError: the database or the history has revisions already.
        NotEqualError: the revision makes another schema.
        MigrationError: pg_dump failed, or the revision does not run.
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    config = alembic_config()
    known = await _require_none(url, config)
    if known is None:
        say("Reading the schema")
        version, objects = await _read(url)
        if not objects:
            raise UsageError(
                "The database has no schema to make a baseline of.",
                "Write the first revision from the models: db revision -m TEXT",
            )
        path = write_baseline(config, message, objects)
    else:
        version, path = await _server_version(url), Path(known.path)
    try:
        say("Proving it: the revision runs on an empty database")
        if differences := await _differences(url, version):
            raise NotEqualError(differences, is_new=known is None)
    except BaseException:
        if known is None:
            path.unlink(missing_ok=True)
        raise
    revision = script_directory(alembic_config()).get_current_head() or ""
    if stamp:
        say(f"Stamping the database with {revision}")
        await _stamp(url, revision)
    return Baseline(revision, path, known is None)


async def _require_none(url: DatabaseURL, config: Config) -> Script | None:
    """Return the baseline that the history consists of, or None where it is empty."""
    scripts = list(script_directory(config).walk_revisions())
    current = (await read_status(url, config)).current
    if current:
        raise UsageError(
            f"The database is at {', '.join(current)} already.", "It needs no baseline."
        )
    if len(scripts) == 1 and is_baseline(scripts[0]):
        return scripts[0]
    if scripts:
        raise UsageError(
            f"The project has {len(scripts)} revision{'s' * (len(scripts) != 1)} and the database "
            "none, so a baseline has no place.",
            "Run db upgrade, or where they made this database: db alembic stamp head",
        )
    return None


async def _server_version(url: DatabaseURL) -> int:
    async with migration_connection(url) as connection:
        return int((await connection.execute(_VERSION_SQL)).scalar_one())


async def _read(url: DatabaseURL) -> tuple[int, list[DumpedObject]]:
    async with migration_connection(url) as connection:
        version = int((await connection.execute(_VERSION_SQL)).scalar_one())
        found = await connection.execute(_FILLED_VIEWS_SQL, {"left_out": list(NEON_SCHEMAS)})
        views = list(found.scalars())
    objects = list(parse_dump(await dump_schema(url, version)))
    filled = (
        DumpedObject(f"rows of {view}", (f"REFRESH MATERIALIZED VIEW {view}",)) for view in views
    )
    return version, [*objects, *filled]


async def _differences(url: DatabaseURL, version: int) -> list[Difference]:
    """Run the history on an empty database and compare its catalog with the live one."""
    async with scratch_branch() as scratch:
        await upgrade(scratch, config=alembic_config())
        made = await take_snapshot(scratch)
    live = await take_snapshot(url)
    oldest = min(version, embedded_version(postgres_version()))
    ours, theirs = _comparable(live, oldest), _comparable(made, oldest)
    found = significant(ours.difference(theirs))
    return [each for each in found if not _is_made_by_the_runner(each)]


def _is_made_by_the_runner(difference: Difference) -> bool:
    """Tell whether it is the schema of the version table, which the live database lacks yet."""
    found = difference.object
    is_new_schema = difference.was is None and found.kind == "schema"
    return is_new_schema and found.name == version_table().schema


def _comparable(catalog: Catalog, oldest_version: int) -> Catalog:
    """Leave out what a dump of the schema leaves out."""
    objects = [
        _without_owner_and_version(found)
        for label, found in catalog.objects.items()
        if found.kind not in _NOT_COMPARED
        and found.schema not in NEON_SCHEMAS
        and label != "extension neon"
        # PostgreSQL 18 keeps each NOT NULL as a constraint.
        and not (oldest_version < 18 and found.is_not_null_constraint)
    ]
    return Catalog({0: RelationObjects(objects)})


def _without_owner_and_version(found: CatalogObject) -> CatalogObject:
    return (
        found.without("owner", "definition")
        if found.kind == "extension"
        else found.without("owner")
    )


async def _stamp(url: DatabaseURL, revision: str) -> None:
    """Write the version table, under the migration lock as every run."""
    engine = create_migration_engine(url)
    try:
        await run_command(alembic_config(), engine, command.stamp, revision=revision)
    finally:
        await engine.dispose()
