"""What the migrations have and the models declare otherwise, by their catalogs, as changes.

These are the constraints and indexes of tables that are there on both sides, all of them, and what
Alembic does not compare: expressions, collations, storage, sequences, domains, comments.
"""

from collections.abc import Iterator
from typing import Final

from ..migration.autogenerate.catalog_changes import CatalogChange
from .catalog import Catalog, CatalogObject
from .column_changes import (
    column_change,
    ownership_change,
    sequence_change,
    sequence_removal,
    table_change,
)
from .definitions import define, sequence_owner, unquoted_label
from .identity_changes import identity_sequences

# Where a column stands, and what ANALYZE gathers of it, are the history's.
_OF_THE_HISTORY: Final = ("position", "statistics")
_TABLES: Final = ("table", "partitioned table")
# In the order in which they can be made.
_ORDER: Final = (
    "extension",
    "sequence",
    "domain",
    "domain constraint",
    "table",
    "partitioned table",
    "column",
)
# Alembic compares these comments itself.
_COMMENTED_BY_ALEMBIC: Final = ("COMMENT ON TABLE ", "COMMENT ON COLUMN ")


def missed_changes(
    migrated: Catalog, declared: Catalog, *, is_last: bool = False
) -> list[CatalogChange]:
    """Return the changes that make of what the migrations have what the models declare.

    What stands there under another name is left alone. `is_last` says that Alembic has done what it
    does: then its comments and the owners of sequences are looked at as well.
    """
    comparison = _Comparison(migrated, declared, is_last)
    labels = sorted(declared.objects, key=lambda label: (_rank(declared.objects[label]), label))
    changes = [change for label in labels for change in comparison.changes_to(label)]
    return [*changes, *comparison.removals()]


class _Comparison:
    def __init__(self, migrated: Catalog, declared: Catalog, is_last: bool) -> None:
        self._migrated, self._declared, self._is_last = migrated.objects, declared.objects, is_last
        self._tables = {(f.schema, f.name) for f in migrated.objects.values() if f.kind in _TABLES}
        self._tables_declared = {
            (f.schema, f.name) for f in declared.objects.values() if f.kind in _TABLES
        }
        self._identities = [
            identity_sequences(each.objects.values()) for each in (migrated, declared)
        ]
        self._only_migrated = self._nameless_without(migrated, declared)
        self._only_declared = self._nameless_without(declared, migrated)

    def changes_to(self, label: str) -> Iterator[CatalogChange]:  # noqa: C901 - by kind
        """Yield the changes to one object that the models declare."""
        now, was = self._declared[label], self._migrated.get(label)
        if was is not None and _plain(was) == _plain(now):
            return
        change: CatalogChange | None = None
        match now.kind:
            case "constraint" | "index":
                if self._is_made_by_itself(now, was):
                    change = CatalogChange(
                        unquoted_label(now), define(was) if was else None, define(now)
                    )
            case "column" if was is not None:
                sequences = (self._identities[0].get(label), self._identities[1].get(label))
                change = column_change(_plain(was), _plain(now), sequences)
            case "sequence" if self._counts(now, was):
                change = sequence_change(was, now)
            case "domain" | "domain constraint" | "extension" if was is None:
                change = CatalogChange(unquoted_label(now), None, define(now))
            case "domain constraint" if was is not None:
                change = CatalogChange(unquoted_label(now), define(was), define(now))
            case "table" | "partitioned table" if was is not None:
                change = table_change(was, now)
            case "comment":
                change = self._comment(was, now)
            case _:
                pass
        if change is not None:
            yield change
        if now.kind == "sequence" and was is None and self._counts(now, was):
            owner = ownership_change(now)
            if owner is not None:
                yield owner

    def removals(self) -> Iterator[CatalogChange]:
        """Yield the constraints and indexes that only the migrations have."""
        for label, was in sorted(self._migrated.items()):
            is_here = was.kind in ("constraint", "index") and label not in self._declared
            if is_here and (was.schema, was.table) in self._tables_declared:
                renamed = _nameless(was) in self._only_declared
                of_constraint = self._is_of_constraint(was, self._migrated)
                attached = was.attributes.get("inherited") or "ATTACHED TO" in was.text
                if not (renamed or of_constraint or attached or was.is_not_null_constraint):
                    yield CatalogChange(unquoted_label(was), define(was), None)
            if was.kind == "sequence" and self._is_of_former_serial(was):
                yield from sequence_removal(was)

    def _is_of_former_serial(self, was: CatalogObject) -> bool:
        """Tell whether a sequence is a column's that takes nothing from it in the models."""
        owner = sequence_owner(was)
        if owner is None or was.label in self._declared:
            return False
        label = f"column {'.'.join(owner)}"
        before, after = self._migrated.get(label), self._declared.get(label)
        if before is None or after is None or "identity" in after.attributes:
            return False
        if before.attributes["type"] != after.attributes["type"]:
            return False  # the default goes in a step of its own, behind this one
        defaults = [str(each.attributes.get("default", "")) for each in (before, after)]
        return defaults[0].startswith("nextval(") and "nextval(" not in defaults[1]

    def _is_made_by_itself(self, now: CatalogObject, was: CatalogObject | None) -> bool:
        if now.is_not_null_constraint or (now.schema, now.table) not in self._tables:
            return False
        has_other_name = was is None and _nameless(now) in self._only_migrated
        return not has_other_name and not self._is_of_constraint(now, self._declared)

    def _is_of_constraint(
        self, found: CatalogObject, objects: "dict[str, CatalogObject] | object"
    ) -> bool:
        """Tell whether an index is a constraint's own."""
        own = f"constraint {found.sql_table}.{found.sql_name}"
        return found.kind == "index" and own in objects  # type: ignore[operator]

    def _counts(self, now: CatalogObject, was: CatalogObject | None) -> bool:
        """Tell whether a sequence is not one that comes with its column or its table."""
        if was is not None:
            return True
        is_identity = "\nIDENTITY OF " in now.attributes["definition"]
        return not is_identity and (not now.table or (now.schema, now.table) in self._tables)

    def _comment(self, was: CatalogObject | None, now: CatalogObject) -> CatalogChange | None:
        text: str = now.attributes["definition"]
        if text.startswith(_COMMENTED_BY_ALEMBIC) and not self._is_last:
            return None
        if (now.schema, now.table) not in self._tables and not self._is_last:
            return None
        before = was.attributes["definition"] if was else f"{text[: text.index(' IS ')]} IS NULL"
        return CatalogChange(unquoted_label(now), define(now), define(now), (text,), (before,))

    @staticmethod
    def _nameless_without(catalog: Catalog, other: Catalog) -> set[tuple[str, ...]]:
        return {
            _nameless(found)
            for label, found in catalog.objects.items()
            if label not in other.objects
        }


def _rank(found: CatalogObject) -> int:
    return _ORDER.index(found.kind) if found.kind in _ORDER else len(_ORDER)


def _plain(found: CatalogObject) -> CatalogObject:
    return found.without(*_OF_THE_HISTORY)


def _nameless(found: CatalogObject) -> tuple[str, ...]:
    return found.kind, found.schema, found.table, found.definition_without_name
