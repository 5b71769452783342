"""Statements that change a column, a sequence or a table in place, from its two definitions."""

import re
from collections.abc import Iterator
from typing import Final

from ..migration.autogenerate.catalog_changes import CatalogChange
from .catalog import CatalogObject
from .definitions import define, sequence_owner, unquoted_label
from .identity_changes import identity_statements

Sequences = tuple[CatalogObject | None, CatalogObject | None]
_GENERATED: Final = ("generated", "generated_kind")
# What `ALTER COLUMN` resets with the word DEFAULT.
_SETTINGS: Final = {"storage": "STORAGE", "compression": "COMPRESSION"}
_WITH: Final = re.compile(r" WITH \((?P<options>[^\n]*)\)")


def column_change(
    was: CatalogObject, now: CatalogObject, sequences: Sequences
) -> CatalogChange | None:
    """Return the change of a column that is there on both sides.

    A generated column is dropped and made again; nothing else of it is lost. `sequences` are those
    of its identity on both sides.
    """
    before, after = define(was), define(now)
    generated = [any(each in found.attributes for each in _GENERATED) for found in (was, now)]
    if not any(generated):
        alter = tuple(_alter(was, now, sequences[1]))
        revert = tuple(_alter(now, was, sequences[0]))
        if not alter and not revert:
            return None
        return CatalogChange(unquoted_label(now), before, after, alter, revert)
    return CatalogChange(unquoted_label(now), before, after)


def sequence_change(was: CatalogObject | None, now: CatalogObject) -> CatalogChange | None:
    """Return the change of a sequence; None where only its owner is another."""
    label = unquoted_label(now)
    if was is None:
        return CatalogChange(label, None, define(now))
    alter, revert = _options(now), _options(was)
    if alter == revert:
        return None
    return CatalogChange(label, define(was), define(now), (alter,), (revert,))


def ownership_change(now: CatalogObject) -> CatalogChange | None:
    """Return what makes a new sequence its column's, and sets it behind the values there are."""
    owner = sequence_owner(now)
    if owner is None:
        return None
    table, column = owner
    counted = f"SELECT setval('{_literal(now.identity)}', max({column})) FROM {table}"  # noqa: S608
    owned = f"ALTER SEQUENCE {now.identity} OWNED BY {table}.{column}"
    loose = f"ALTER SEQUENCE {now.identity} OWNED BY NONE"
    found = define(now)
    return CatalogChange(
        f"owner of {unquoted_label(now)}", found, found, (owned, counted), (loose,)
    )


def table_change(was: CatalogObject, now: CatalogObject) -> CatalogChange | None:
    """Return the change of a table's own properties; None where they cannot be altered."""
    alter, revert = tuple(_table(was, now)), tuple(_table(now, was))
    if not alter and not revert:
        return None
    return CatalogChange(unquoted_label(now), define(was), define(now), alter, revert)


def _alter(was: CatalogObject, now: CatalogObject, sequence: CatalogObject | None) -> Iterator[str]:
    """Yield what makes of a plain column the other one."""
    old, new = was.attributes, now.attributes
    alter = f"ALTER TABLE {now.sql_table} ALTER COLUMN {now.sql_name}"
    if (old["type"], old.get("collation")) != (new["type"], new.get("collation")):
        collation = f" COLLATE {new['collation']}" if "collation" in new else ""
        yield f"{alter} TYPE {new['type']}{collation} USING {now.sql_name}::{new['type']}"
    if old.get("identity") != new.get("identity"):
        yield from identity_statements(was, now, sequence)
    becomes_identity = "identity" in new and "identity" not in old
    if old.get("default") != new.get("default") and not becomes_identity:
        default = new.get("default")
        yield f"{alter} DROP DEFAULT" if default is None else f"{alter} SET DEFAULT {default}"
    if old.get("not_null") != new.get("not_null"):
        yield f"{alter} {'SET' if new.get('not_null') else 'DROP'} NOT NULL"
    for attribute, words in _SETTINGS.items():
        if old.get(attribute) != new.get(attribute):
            yield f"{alter} SET {words} {new.get(attribute, 'DEFAULT')}"


def _options(found: CatalogObject) -> str:
    create = define(found).create[0].replace("CREATE UNLOGGED ", "CREATE ", 1)
    cycle = "" if create.endswith(" CYCLE") else " NO CYCLE"
    return f"ALTER{create.removeprefix('CREATE')}{cycle}"


def _table(was: CatalogObject, now: CatalogObject) -> Iterator[str]:
    old, new = (each.attributes["definition"].partition("\n")[0] for each in (was, now))
    alter = f"ALTER TABLE {now.identity}"
    logged = [not text.startswith("CREATE UNLOGGED ") for text in (old, new)]
    if logged[0] != logged[1]:
        yield f"{alter} SET {'LOGGED' if logged[1] else 'UNLOGGED'}"
    before, after = _storage_options(old), _storage_options(new)
    if gone := [name for name in before if name not in after]:
        yield f"{alter} RESET ({', '.join(gone)})"
    if changed := [f"{k} = {v}" for k, v in after.items() if before.get(k) != v]:
        yield f"{alter} SET ({', '.join(changed)})"


def _storage_options(text: str) -> dict[str, str]:
    found = _WITH.search(text)
    pairs = [each.partition("=") for each in found["options"].split(", ")] if found else []
    return {name: value for name, _, value in pairs}


def _literal(text: str) -> str:
    return text.replace("'", "''")
