"""What the models declare and the migrations made otherwise, although autogenerate sees nothing.

Autogenerate does not look at partial predicates, index methods, INCLUDE, EXCLUDE, collations,
computed expressions and the text of CHECKs. So the models are created in an empty database, and its
catalog is compared with that of the migrations.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import MetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

from ..engine.driver_errors import translate_driver_errors
from ..engine.factory import create_migration_engine
from ..engine.url import DatabaseURL
from ..migration.autogenerate.drift import drift_finding
from ..migration.autogenerate.metadata import schemas_of
from ..migration.lint.findings import Finding
from .catalog import Catalog

# Kinds that models declare in full. Enums are autogenerate's: its order of values may differ.
_DECLARED_KINDS: Final = ("column ", "constraint ", "index ")
# Where a column stands, and what ANALYZE was told, are the history's.
_NAME_OF_INDEX: Final = re.compile(r"(?<=INDEX )(\"(?:[^\"]|\"\")+\"|\w+) (?=ON )")
_SHOWN: Final = 3
_OF_THE_HISTORY: Final = re.compile(r"^#\d+ | STATISTICS \d+$")


def find_hidden_drift(migrated: Catalog, declared: Catalog) -> list[Finding]:
    """Compare what the models made, in an empty database, with what the migrations made.

    Objects that the migrations alone have (functions, triggers, views) are theirs, and no finding.
    """
    findings, renamed = [], []
    spare = _without_names(migrated, declared)
    for name, definition in sorted(declared.objects.items()):
        if not name.startswith(_DECLARED_KINDS) or definition.startswith("NOT NULL"):
            continue  # a NOT NULL of PostgreSQL 18 is the column's, and keeps its old name
        ours, theirs = _plain(definition), _plain(migrated.objects.get(name, "nothing"))
        if ours == theirs:
            continue
        alike = spare.get(_nameless(name, definition), [])
        if theirs == "nothing" and alike:
            renamed.append(f"{name} is {alike.pop(0)} in the migrations")
            continue
        message = f"{name}: the models have {ours}, the migrations {theirs}"
        findings.append(drift_finding("hidden-drift", message))
    if renamed:
        more = f"; and {len(renamed) - _SHOWN} more" if len(renamed) > _SHOWN else ""
        findings.append(drift_finding("other-name", f"{'; '.join(renamed[:_SHOWN])}{more}."))
    return findings


def object_differs(migrated: Catalog, declared: Catalog) -> Callable[[str], bool]:
    """Return a function that tells whether an object, named without quotes, differs."""
    ours, theirs = _unquoted(migrated), _unquoted(declared)
    return lambda name: ours.get(name) != theirs.get(name)


def _unquoted(catalog: Catalog) -> dict[str, str]:
    return {name.replace('"', ""): _plain(text) for name, text in catalog.objects.items()}


async def create_models(metadata: Sequence[MetaData], empty: DatabaseURL) -> str | None:
    """Create the models in an empty database; return why PostgreSQL refuses, or None.

    Raises:
        ConnectionFailedError: the database cannot be reached.
    """
    engine = create_migration_engine(empty)
    try:
        with translate_driver_errors(engine.url):
            async with engine.begin() as connection:
                for schema in sorted(schemas_of(metadata)):
                    await connection.execute(CreateSchema(schema, if_not_exists=True))
                for each in metadata:
                    await connection.run_sync(each.create_all)
    except DBAPIError as error:
        return str(error.orig).rpartition(">: ")[2].partition("\n")[0]
    finally:
        await engine.dispose()
    return None


def _without_names(migrated: Catalog, declared: Catalog) -> dict[tuple[str, str], list[str]]:
    """Return the names of what the migrations alone have, by what it is and where it is."""
    spare: dict[tuple[str, str], list[str]] = {}
    for name, definition in sorted(migrated.objects.items()):
        if name.startswith(("constraint ", "index ")) and name not in declared.objects:
            spare.setdefault(_nameless(name, definition), []).append(name.rpartition(".")[2])
    return spare


def _nameless(name: str, definition: str) -> tuple[str, str]:
    """Return what tells a constraint or an index apart but for its name: its table and its text."""
    if name.startswith("constraint "):
        return name.rpartition(".")[0], _plain(definition)
    return "index", _NAME_OF_INDEX.sub("", _plain(definition), count=1)


def _plain(definition: str) -> str:
    return _OF_THE_HISTORY.sub("", definition)
