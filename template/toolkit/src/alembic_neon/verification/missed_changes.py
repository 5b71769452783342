"""What Alembic does not write although the catalogs differ: the statements for it, each way.

These are the texts of CHECKs and generated columns, exclusion constraints, partial predicates,
index methods and the like, and foreign keys that are made after both of their tables.
"""

from typing import Final

from ..migration.autogenerate.missed_changes import MissedChange
from .catalog import Catalog, CatalogObject

# Where a column stands, and what ANALYZE gathers of it, are the history's.
_OF_THE_HISTORY: Final = ("position", "statistics")
_TABLES: Final = ("table", "partitioned table")


def missed_changes(migrated: Catalog, declared: Catalog) -> list[MissedChange]:
    """Return the changes that make of what the migrations have what the models declare.

    These are constraints, indexes and generated columns of tables that are there on both sides.
    What stands there under another name is left alone.
    """
    tables = {
        (each.schema, each.name) for each in migrated.objects.values() if each.kind in _TABLES
    }
    owners = _owning_constraints(declared)
    unmatched = {
        _nameless(found)
        for label, found in migrated.objects.items()
        if label not in declared.objects
    }
    changes = []
    for label, found in sorted(declared.objects.items()):
        counterpart = migrated.objects.get(label)
        now = found.without(*_OF_THE_HISTORY)
        was = None if counterpart is None else counterpart.without(*_OF_THE_HISTORY)
        has_other_name = was is None and _nameless(found) in unmatched
        is_of_constraint = found.kind == "index" and (found.schema, found.name) in owners
        if was == now or has_other_name or is_of_constraint:
            continue
        if (found.schema, found.table) in tables and _can_be_made_again(was, now):
            changes.append(_change(was, now))
    return changes


def _can_be_made_again(was: CatalogObject | None, now: CatalogObject) -> bool:
    """Tell whether nothing but the object itself goes where it is dropped and made anew."""
    if now.kind == "column":
        return was is not None and all("generated" in each.attributes for each in (was, now))
    return now.kind in ("constraint", "index") and not now.is_not_null_constraint


def _change(was: CatalogObject | None, now: CatalogObject) -> MissedChange:
    if now.kind == "index":
        drop = f"DROP INDEX {now.identity}"
    else:
        drop = f"ALTER TABLE {now.sql_table} DROP {now.kind.upper()} {now.sql_name}"
    old = () if was is None else (_make(was),)
    upgrade = (_make(now),) if was is None else (drop, _make(now))
    return MissedChange(now.label.replace('"', ""), upgrade, (drop, *old))


def _make(found: CatalogObject) -> str:
    if found.kind == "index":
        return found.text
    return f"ALTER TABLE {found.sql_table} ADD {found.kind.upper()} {found.sql_name} {found.text}"


def _owning_constraints(catalog: Catalog) -> set[tuple[str, str]]:
    return {
        (each.schema, each.name) for each in catalog.objects.values() if each.kind == "constraint"
    }


def _nameless(found: CatalogObject) -> tuple[str, ...]:
    return found.kind, found.schema, found.table, found.definition_without_name
