"""Drift of the live database: what its schema is, beside what the migrations make of it.

Three sources can differ: models, migrations and the database. Each object is looked up in all
three, so that a finding names the pair that differs, and says what to do for exactly that pair.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ..migration.autogenerate.drift import drift_finding
from ..migration.lint.findings import Finding
from .catalog import Catalog

# What migrations and models make. Owners, privileges and extensions belong to the server.
_KINDS: Final = (
    *("table", "partitioned table", "column", "constraint", "index", "view", "materialized view"),
    *("sequence", "trigger", "policy", "function", "procedure", "enum", "domain"),
)
_RELATIONS: Final = ("table", "partitioned table", "view", "materialized view")
# Where a column stands, what ANALYZE was told, and who owns a thing.
_INCIDENTAL: Final = re.compile(r"^#\d+ |\n?OWNER TO .*| STATISTICS \d+(?=\n|$)")
_LONGEST: Final = 200
Objects = Mapping[str, str]


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
        name for name in sorted(theirs.keys() | ours.keys()) if theirs.get(name) != ours.get(name)
    ]
    behind = {_index_behind(name) for name in differing}
    differing = [name for name in differing if name not in behind]
    whole = {name.split(" ")[-1] for name in differing if _is_missing_relation(name, theirs, ours)}
    for name in differing:
        definition = theirs.get(name) or ours[name]
        if not _is_relation(name) and _relation_of(name, definition) in whole:
            continue  # it came and went with its table
        yield _finding(name, theirs.get(name), ours.get(name), declared)


def _finding(
    name: str, live: str | None, migrated: str | None, declared: Objects | None
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


def _objects(catalog: Catalog) -> dict[str, str]:
    objects = {}
    for name, definition in catalog.objects.items():
        kind = next((kind for kind in _KINDS if name.startswith(f"{kind} ")), None)
        # PostgreSQL 18 names NOT NULL; the column says it as well. Partitions come and go.
        if kind is None or definition.startswith("NOT NULL") or "PARTITION OF" in definition:
            continue
        objects[name] = _INCIDENTAL.sub("", definition)
    return objects


def _index_behind(constraint: str) -> str | None:
    """Return the name of the index that a constraint has, if it is one that has any."""
    kind, _, name = constraint.partition(" ")
    parts = name.split(".")
    return f"index {parts[0]}.{parts[-1]}" if kind == "constraint" else None


def _is_relation(name: str) -> bool:
    return name.startswith(tuple(f"{kind} " for kind in _RELATIONS))


def _is_missing_relation(name: str, one: Objects, other: Objects) -> bool:
    return _is_relation(name) and (name not in one or name not in other)


def _relation_of(name: str, definition: str) -> str | None:
    """Return the table that an object is a part of, None where it stands by itself."""
    if name.startswith("index ") and (found := re.search(r" ON (?:ONLY )?(\S+) ", definition)):
        return found[1]
    owned = re.search(r"OWNED BY (\S+)\.", definition) if name.startswith("sequence ") else None
    return owned[1] if owned else name.split(" ")[-1].rpartition(".")[0]


def _short(definition: str | None) -> str:
    if definition is None:
        return "nothing"
    line = " ".join(definition.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
