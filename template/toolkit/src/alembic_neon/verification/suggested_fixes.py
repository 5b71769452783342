"""What to write into a downgrade so that a difference goes away, where that is plain."""

import re
from collections.abc import Iterator
from typing import Final

from .catalog import Difference

# Kinds of a snapshot whose DROP statement has another word.
_DROPPED_AS: Final = {
    "enum": "TYPE",
    "composite type": "TYPE",
    "range": "TYPE",
    "partitioned table": "TABLE",
    "event trigger": "EVENT TRIGGER",
}
_ON_A_TABLE: Final = ("trigger", "policy", "rule")
_NO_STATEMENT: Final = ("privileges", "comment", "default privileges", "version")
# A name's last part, with the dot before it; a quoted one may hold dots.
_LAST_PART: Final = re.compile(r'\.("(?:[^"]|"")*"|[^."]+)$')

OF_ORDER: Final = 'PostgreSQL appends a column that is added again: data_loss = "why" allows that'
_PLACE: Final = re.compile(r"^#\d+ ")
_DEFAULT: Final = re.compile(r"(?<!BY )DEFAULT (.*?)(?: STORAGE|$)", re.DOTALL)


def advice(difference: Difference) -> Iterator[str]:
    """Yield what mends a difference that a downgrade leaves; nothing where that is not plain."""
    kind, _, name = difference.object.partition(" ")
    if kind in ("materialized", "foreign", "partitioned", "event", "composite", "default"):
        second, _, name = name.partition(" ")
        kind = f"{kind} {second}"
    if difference.was is None:
        yield from _drop(kind, name)
    elif difference.now is None:
        yield from _create(kind, name, difference.was)
    else:
        yield from _restore(kind, name, difference.was, difference.now)


def is_of_order(difference: Difference) -> bool:
    """Whether a column differs in nothing but its place in the table."""
    was, now = difference.was, difference.now
    if was is None or now is None or not difference.object.startswith("column "):
        return False
    return _PLACE.sub("", was) == _PLACE.sub("", now)


def _drop(kind: str, name: str) -> Iterator[str]:
    table, column = _split(name)
    if kind in _NO_STATEMENT:
        return
    if kind == "column":
        yield f'downgrade() leaves it: op.execute("ALTER TABLE {table} DROP COLUMN {column}")'
    elif kind == "constraint":
        yield f'downgrade() leaves it: op.execute("ALTER TABLE {table} DROP CONSTRAINT {column}")'
    elif kind in _ON_A_TABLE:
        yield f'downgrade() leaves it: op.execute("DROP {kind.upper()} {column} ON {table}")'
    else:
        word = _DROPPED_AS.get(kind, kind.upper())
        yield f'downgrade() leaves it: op.execute("DROP {word} {name}")'
    if kind == "enum":
        yield f"or: sa.Enum(name={column.strip(chr(34))!r}).drop(op.get_bind())"


def _create(kind: str, name: str, was: str) -> Iterator[str]:
    if was.startswith("CREATE "):
        yield "downgrade() has to make it again, as it was: op.execute(…)"
    elif kind == "constraint":
        table, constraint = _split(name)
        yield f"downgrade() has to make it again: ALTER TABLE {table} ADD CONSTRAINT {constraint} …"
    else:
        yield "downgrade() has to make it again"


def _restore(kind: str, name: str, was: str, now: str) -> Iterator[str]:
    if kind == "enum":
        yield (
            "PostgreSQL drops no value of an enum: make the type anew in downgrade(), "
            'or say irreversible = "why"'
        )
    elif kind == "column":
        yield from _restore_column(name, was, now)
    elif was.startswith("CREATE "):
        yield "downgrade() has to make it again, as it was: op.execute(…)"


def _restore_column(name: str, was: str, now: str) -> Iterator[str]:
    table, column = _split(name)
    alter = f"ALTER TABLE {table} ALTER COLUMN {column}"
    if ("NOT NULL" in was) != ("NOT NULL" in now):
        yield f"{alter} {'SET' if 'NOT NULL' in was else 'DROP'} NOT NULL"
    before, after = (_DEFAULT.search(text) for text in (was, now))
    if before and (not after or after[1] != before[1]):
        yield f"{alter} SET DEFAULT {before[1]}"
    elif after and not before:
        yield f"{alter} DROP DEFAULT"


def _split(name: str) -> tuple[str, str]:
    """Return what a name stands in, and its last part."""
    found = _LAST_PART.search(name)
    return (name[: found.start()], found[1]) if found else ("", name)
