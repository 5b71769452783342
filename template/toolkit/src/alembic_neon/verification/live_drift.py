"""Drift of the live database: what its schema is, beside what the migrations make of it.

Three sources can differ: models, migrations and the database. Each object is looked up in all
three, so that a finding names the pair that differs, and says what to do for exactly that pair.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from ..migration.autogenerate.drift import drift_finding
from ..migration.lint.findings import Finding
from .catalog import Catalog, CatalogObject

# What migrations and models make. Owners, privileges and extensions belong to the server.
_KINDS: Final = (
    *("table", "partitioned table", "column", "constraint", "index", "view", "materialized view"),
    *("sequence", "trigger", "policy", "function", "procedure", "enum", "domain"),
)
_RELATIONS: Final = ("table", "partitioned table", "view", "materialized view")
# Where a column stands, what ANALYZE gathers of it, and who owns a thing.
_INCIDENTAL: Final = ("position", "statistics", "owner")
_LONGEST: Final = 200
Objects = Mapping[str, CatalogObject]


def find_live_drift(
    live: Catalog, migrated: Catalog, models: Catalog | None = None
) -> Iterator[Finding]:
    """Yield a finding for each object that the database has otherwise than the migrations.

    `migrated` was made from nothing by the revisions that the database has, and `models` by the
    models alone; without it they are not asked.
    """
    theirs, ours = _objects(live), _objects(migrated)
    declared = _objects(models) if models is not None else None
    differing = [
        label
        for label in sorted(theirs.keys() | ours.keys())
        if theirs.get(label) != ours.get(label)
    ]
    pairs = [(label, theirs.get(label) or ours[label]) for label in differing]
    constraints = {(each.schema, each.name) for _, each in pairs if each.kind == "constraint"}
    whole = {
        (each.schema, each.name)
        for label, each in pairs
        if each.kind in _RELATIONS and (label not in theirs or label not in ours)
    }
    for label, found in pairs:
        if found.kind == "index" and (found.schema, found.name) in constraints:
            continue  # it is the constraint's
        if (found.schema, found.table) not in whole:  # else it came and went with its table
            yield _finding(label, theirs.get(label), ours.get(label), declared)


def _finding(
    name: str,
    live: CatalogObject | None,
    migrated: CatalogObject | None,
    declared: Objects | None,
) -> Finding:
    if declared is not None and live == declared.get(name):
        message = f"{name}: models and database have {_short(live)}, migrations {_short(migrated)}."
        return drift_finding("unrecorded-change", message)
    if migrated is None:
        unknown = "the migrations do not" if declared is None else "models and migrations do not"
        message = f"{name}: the database has it, {unknown}."
        return drift_finding("unmanaged-object", message)
    message = f"{name}: the migrations have {_short(migrated)}, the database {_short(live)}."
    return drift_finding("live-drift", message)


def _objects(catalog: Catalog) -> dict[str, CatalogObject]:
    return {
        label: found.without(*_INCIDENTAL)
        for label, found in catalog.objects.items()
        # PostgreSQL 18 names NOT NULL; the column says it as well. Partitions come and go.
        if found.kind in _KINDS
        and not found.is_not_null_constraint
        and not found.attributes.get("is_partition")
    }


def _short(found: CatalogObject | None) -> str:
    if found is None:
        return "nothing"
    line = " ".join(found.text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
