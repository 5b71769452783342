"""The schema that the models declare, created in an empty database as far as it can be."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, MetaData, Table, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

from ..engine.driver_errors import translate_driver_errors
from ..engine.factory import create_migration_engine
from ..engine.url import DatabaseURL
from ..migration.autogenerate.metadata import schemas_of
from .catalog import Catalog
from .declared_types import declared_types
from .required_extensions import required_extensions

# What the migrations made and models do not declare, but use. Bodies of functions may name tables.
_PREREQUISITES: Final = ("extension", "enum", "domain", "range", "function")
_UNCHECKED_BODIES_SQL: Final = "SET LOCAL check_function_bodies = off"


@dataclass(frozen=True)
class Omission:
    """A table that could not be created, and why; those that reference it are left out as well."""

    table: str
    reason: str
    dependents: tuple[str, ...]

    def __str__(self) -> str:
        others = f" (and so {', '.join(self.dependents)})" if self.dependents else ""
        refusal = "cannot be created on an empty scratch database"
        return f"Table {self.table}{others} {refusal}: {self.reason}."


async def create_models(
    metadata: Sequence[MetaData], empty: DatabaseURL, migrated: Catalog
) -> list[Omission]:
    """Create the tables of the models in an empty database; return those that it refuses.

    First comes what tables may need of what the `migrated` database has: extensions, functions and
    the types that the models do not declare themselves, each where it can be created.

    Raises:
        ConnectionFailedError: the database cannot be reached.
    """
    engine = create_migration_engine(empty)
    try:
        with translate_driver_errors(engine.url):
            async with engine.begin() as connection:
                return await connection.run_sync(_create_models, metadata, migrated)
    finally:
        await engine.dispose()


def _create_models(
    connection: Connection, metadata: Sequence[MetaData], migrated: Catalog
) -> list[Omission]:
    connection.exec_driver_sql(_UNCHECKED_BODIES_SQL)
    for schema in sorted(schemas_of(metadata)):
        connection.execute(CreateSchema(schema, if_not_exists=True))
    default_schema = connection.dialect.default_schema_name or "public"
    own = {name for each in metadata for name in declared_types(each, default_schema)}
    for kind in _PREREQUISITES:
        for found in migrated.objects.values():
            if found.kind == kind and (found.schema.strip('"'), found.name) not in own:
                _attempt(connection, _executing(connection, found.attributes["definition"]))
    for name in required_extensions(metadata, connection.dialect):
        create = f'CREATE EXTENSION IF NOT EXISTS "{name}"'
        _attempt(connection, _executing(connection, create))
    return [omission for each in metadata for omission in _create_tables(connection, each)]


def _executing(connection: Connection, statement: str) -> Callable[[], object]:
    return lambda: connection.exec_driver_sql(statement)


def _attempt(connection: Connection, work: Callable[[], object]) -> DBAPIError | None:
    """Do `work` in a savepoint; return the error that undid it."""
    try:
        with connection.begin_nested():
            work()
    except DBAPIError as error:
        return error
    return None


def _create_tables(connection: Connection, metadata: MetaData) -> list[Omission]:
    remaining, omissions = list(metadata.sorted_tables), list[Omission]()
    while remaining:
        with _Current(remaining) as current:
            error = _attempt(
                connection,
                lambda: metadata.create_all(connection, tables=remaining),  # noqa: B023
            )
        if error is None:
            return omissions
        refused = current.table
        if refused is None:  # of what spans several tables
            refused = remaining[-1]
        dependents = _dependents(refused, remaining)
        names = tuple(each.fullname for each in dependents)
        omissions.append(Omission(refused.fullname, _reason(error), names))
        remaining = [each for each in remaining if each is not refused and each not in dependents]
    return omissions


class _Current:
    """Inside the block, `table` is the one that was being created last."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = list(tables)
        self.table: Table | None = None

    def __enter__(self) -> "_Current":
        for table in self._tables:
            event.listen(table, "before_create", self._begin)
        return self

    def __exit__(self, *_: object) -> None:
        for table in self._tables:
            event.remove(table, "before_create", self._begin)

    def _begin(self, table: Table, *_: Any, **__: Any) -> None:
        self.table = table


def _dependents(refused: Table, tables: Sequence[Table]) -> list[Table]:
    """Return the tables whose foreign keys lead to `refused`, over others too."""
    found = [refused]
    for _ in tables:
        found += [
            table
            for table in tables
            if table not in found
            and any(key.referred_table in found for key in table.foreign_key_constraints)
        ]
    return found[1:]


def _reason(error: DBAPIError) -> str:
    return str(error.orig).rpartition(">: ")[2].partition("\n")[0]
