"""What the models declare and the migrations made otherwise, although autogenerate sees nothing.

Autogenerate does not look at partial predicates, index methods, INCLUDE, EXCLUDE, collations,
computed expressions and the text of CHECKs. So the models are created in an empty database, and its
catalog is compared with that of the migrations.
"""

from collections.abc import Callable
from typing import Final

from ..migration.autogenerate.drift import drift_finding
from ..migration.lint.findings import Finding
from .catalog import Catalog, CatalogObject

# Kinds that models declare in full. Enums are autogenerate's: its order of values may differ.
_DECLARED_KINDS: Final = ("column", "constraint", "index")
# Where a column stands, and what ANALYZE gathers of it, are the history's.
_OF_THE_HISTORY: Final = ("position", "statistics")
_SHOWN: Final = 3


def find_hidden_drift(migrated: Catalog, declared: Catalog) -> list[Finding]:
    """Compare what the models made, in an empty database, with what the migrations made.

    Objects that the migrations alone have (functions, triggers, views) are theirs, and no finding.
    """
    findings, renamed = [], []
    spare = _without_names(migrated, declared)
    for label, found in sorted(declared.objects.items()):
        if found.kind not in _DECLARED_KINDS or found.is_not_null_constraint:
            continue  # a NOT NULL of PostgreSQL 18 is the column's, and keeps its old name
        counterpart = migrated.objects.get(label)
        ours, theirs = _plain(found), _plain(counterpart) if counterpart else None
        if ours == theirs:
            continue
        alike = spare.get(_nameless(found), [])
        if theirs is None and alike:
            renamed.append(f"{label} is {alike.pop(0)} in the migrations")
            continue
        their_text = theirs.text if theirs else "nothing"
        message = f"{label}: the models have {ours.text}, the migrations {their_text}"
        findings.append(drift_finding("hidden-drift", message))
    if renamed:
        more = f"; and {len(renamed) - _SHOWN} more" if len(renamed) > _SHOWN else ""
        findings.append(drift_finding("other-name", f"{'; '.join(renamed[:_SHOWN])}{more}."))
    return findings


def object_differs(migrated: Catalog, declared: Catalog) -> Callable[[str], bool]:
    """Return a function that tells whether an object, named without quotes, differs."""
    ours, theirs = _unquoted(migrated), _unquoted(declared)
    return lambda name: ours.get(name) != theirs.get(name)


def _unquoted(catalog: Catalog) -> dict[str, CatalogObject]:
    return {label.replace('"', ""): _plain(found) for label, found in catalog.objects.items()}


def _without_names(migrated: Catalog, declared: Catalog) -> dict[tuple[str, ...], list[str]]:
    """Return the names of what the migrations alone have, by what it is and where it is."""
    spare: dict[tuple[str, ...], list[str]] = {}
    for label, found in sorted(migrated.objects.items()):
        if found.kind in ("constraint", "index") and label not in declared.objects:
            spare.setdefault(_nameless(found), []).append(found.sql_name)
    return spare


def _nameless(found: CatalogObject) -> tuple[str, ...]:
    """Return what tells a constraint or an index apart but for its name: its table and its text."""
    return found.kind, found.schema, found.table, found.definition_without_name


def _plain(found: CatalogObject) -> CatalogObject:
    return found.without(*_OF_THE_HISTORY)
