"""Statements that change a column, a sequence or a table in place, from its two definitions."""

import re
from collections.abc import Iterator
from typing import Final

from ..migration.autogenerate.catalog_changes import CatalogChange
from ..project import postgres_version
from .catalog import CatalogObject
from .definitions import define, sequence_owner, unquoted_label
from .identity_changes import identity_statements

Sequences = tuple[CatalogObject | None, CatalogObject | None]
_KIND: Final = "generated_kind"
_SETS_EXPRESSION: Final = 17  # the version from which a generated column takes another expression
# What `ALTER COLUMN` resets with the word DEFAULT.
_SETTINGS: Final = {"storage": "STORAGE", "compression": "COMPRESSION"}
_WITH: Final = re.compile(r" WITH \((?P<options>[^\n]*)\)")


def column_change(
    was: CatalogObject, now: CatalogObject, sequences: Sequences
) -> CatalogChange | None:
    """Return the change of a column that is there on both sides.

    A generated column gets its new expression, and keeps its values where it is made plain; else it
    is dropped and made again. `sequences` are those of its identity on both sides.
    """
    before, after = define(was), define(now)
    generated = [_KIND in found.attributes for found in (was, now)]
    if all(generated) and _differ_in_expression(was, now):
        return CatalogChange(
            unquoted_label(now), before, after, _set_expression(now), _set_expression(was)
        )
    if "STORED" in (was.attributes.get(_KIND), now.attributes.get(_KIND)) and not all(generated):
        alters, reverts = (
            (_made_plain(was, now), ()) if generated[0] else ((), _made_plain(now, was))
        )
        return CatalogChange(unquoted_label(now), before, after, alters, reverts, recreates=True)
    if not any(generated):
        alter = tuple(_alter(was, now, sequences[1]))
        revert = tuple(_alter(now, was, sequences[0]))
        if not alter and not revert:
            return None
        return CatalogChange(unquoted_label(now), before, after, alter, revert)
    return CatalogChange(unquoted_label(now), before, after)


def _differ_in_expression(was: CatalogObject, now: CatalogObject) -> bool:
    """Tell whether ALTER TABLE can make the one generated column of the other."""
    same = was._replace(definition="") == now._replace(definition="")
    return same and postgres_version() >= _SETS_EXPRESSION


def _set_expression(now: CatalogObject) -> tuple[str, ...]:
    alter = f"ALTER TABLE {now.sql_table} ALTER COLUMN {now.sql_name}"
    return (f"{alter} SET EXPRESSION AS ({now.attributes['generated']})",)


def _made_plain(stored: CatalogObject, plain: CatalogObject) -> tuple[str, ...]:
    """Return what makes a plain column of a stored one, with the values that it has."""
    drop = f"ALTER TABLE {plain.sql_table} ALTER COLUMN {plain.sql_name} DROP EXPRESSION"
    return drop, *_alter(stored.without(_KIND)._replace(definition=""), plain, None)


def sequence_change(was: CatalogObject | None, now: CatalogObject) -> CatalogChange | None:
    """Return the change of a sequence; None where only its owner is another."""
    label = unquoted_label(now)
    if was is None:
        return CatalogChange(label, None, define(now))
    alter, revert = _options(now), _options(was)
    if alter == revert:
        return None
    return CatalogChange(label, define(was), define(now), (alter,), (revert,))


def sequence_removal(was: CatalogObject) -> list[CatalogChange]:
    """Return what drops the sequence of a column that is a serial no more, and gives it back."""
    found, owner = define(was), ownership_change(was)
    changes = [CatalogChange(unquoted_label(was), found, None)]
    if owner is not None:
        changes.append(CatalogChange(owner.label, found, found, (), owner.alter))
    return changes


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
