"""Compares the catalogs of the migrations and of the models, to write a revision of it."""

from collections.abc import Mapping
from typing import Final

from ..engine.url import DatabaseURL
from ..migration.autogenerate.catalog_changes import (
    CatalogChange,
    CatalogComparison,
    CatalogDefinition,
    StoredColumn,
)
from .catalog import Catalog, CatalogObject
from .definitions import define, unquoted_label
from .dependents import Key, read_dependents
from .missed_changes import missed_changes

# What the models declare: what else the migrations have stays as it is.
_DECLARED: Final = ("column", "constraint", "index")


async def compare_catalogs(
    url: DatabaseURL, migrated: Catalog, declared: Catalog
) -> CatalogComparison:
    """Compare what the migrations made, in the database at `url`, with what the models made.

    Raises:
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    return CatalogComparison(
        changes=tuple(missed_changes(migrated, declared)),
        dependents=_dependents(await read_dependents(url), migrated, declared),
        columns_before=_columns(migrated),
        columns_after=_columns(declared),
        constraints_before=_table_constraints(migrated),
        constraints_after=_table_constraints(declared),
    )


def remaining_changes(made: Catalog, declared: Catalog) -> tuple[CatalogChange, ...]:
    """Return what the models declare otherwise still after a revision was run that made `made`."""
    found = missed_changes(made, declared, is_last=True)
    return tuple(change for change in found if change.now is not None)


def _dependents(
    found: Mapping[Key, frozenset[Key]], migrated: Catalog, declared: Catalog
) -> dict[str, tuple[CatalogChange, ...]]:
    before, after = _by_key(migrated), _by_key(declared)
    dependents: dict[str, tuple[CatalogChange, ...]] = {}
    for (kind, schema, relation, name), keys in found.items():
        label = f"{kind} {'.'.join(each for each in (schema, relation, name) if each)}"
        changes = []
        for key in sorted(keys):
            was = before.get(key)
            if was is None or _is_of_constraint(was, migrated):
                continue
            now = after.get(key) if was.kind in _DECLARED else was
            changes.append(
                CatalogChange(unquoted_label(was), define(was), define(now) if now else None)
            )
        if changes:
            dependents[label] = tuple(changes)
    return dependents


def _by_key(catalog: Catalog) -> dict[Key, CatalogObject]:
    return {(f.kind, f.schema, f.table, f.name): f for f in catalog.objects.values()}


def _is_of_constraint(found: CatalogObject, catalog: Catalog) -> bool:
    own = f"constraint {found.sql_table}.{found.sql_name}"
    return found.kind == "index" and own in catalog.objects


def _columns(catalog: Catalog) -> tuple[StoredColumn, ...]:
    tables = {
        (found.schema, found.name)
        for found in catalog.objects.values()
        if found.kind in ("table", "partitioned table") and not found.attributes.get("is_partition")
    }
    return tuple(
        StoredColumn(
            found.schema,
            found.table,
            found.name,
            found.attributes["type"],
            found.attributes.get("default"),
        )
        for _, found in sorted(catalog.objects.items())
        if found.kind == "column" and (found.schema, found.table) in tables
    )


def _table_constraints(catalog: Catalog) -> tuple[CatalogDefinition, ...]:
    return tuple(
        define(found)
        for _, found in sorted(catalog.objects.items())
        if found.kind == "constraint" and found.attributes.get("type") in ("c", "x")
    )
