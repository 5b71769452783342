"""Reads PostgreSQL's own text of an index or a constraint into its parts.

The text is that of `pg_get_indexdef` and `pg_get_constraintdef`, which is always of one form; what
is read is given as PostgreSQL wrote it. None where there is more in it than is known here.
"""

import re
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[\[(]|[\])]|,|[^\"'\[\](),]+")
_NAME: Final = re.compile(r'[a-z_][a-z0-9_$]*|"(?:[^"]|"")+"')
_INDEX: Final = re.compile(
    r"CREATE (?P<unique>UNIQUE )?INDEX (?P<name>\"(?:[^\"]|\"\")+\"|\S+)"
    r" ON (?:\"(?:[^\"]|\"\")+\"|[^\s\"]|\.)+ USING (?P<method>\w+) (?=\()"
)
_KEY: Final = re.compile(r"(?P<kind>PRIMARY KEY|UNIQUE(?P<nulls> NULLS NOT DISTINCT)?) (?=\()")
_REFERENCES: Final = re.compile(r" REFERENCES (?P<table>(?:\"(?:[^\"]|\"\")+\"|[^\s\"(])+)(?=\()")
_RULES: Final = re.compile(
    r"(?: MATCH (?P<match>FULL|PARTIAL))?"
    r"(?: ON UPDATE (?P<onupdate>CASCADE|RESTRICT|SET NULL|SET DEFAULT))?"
    r"(?: ON DELETE (?P<ondelete>CASCADE|RESTRICT|(?:SET NULL|SET DEFAULT)(?: \([^)]*\))?))?"
    r"(?P<deferrable> DEFERRABLE)?(?: INITIALLY (?P<initially>DEFERRED))?"
)


@dataclass(frozen=True)
class IndexText:
    """The parts of an index; `elements` are columns or expressions, with class and order."""

    unique: bool
    method: str
    elements: tuple[str, ...]
    include: tuple[str, ...]
    nulls_not_distinct: bool
    options: tuple[tuple[str, str], ...]
    where: str | None


@dataclass(frozen=True)
class KeyText:
    """The parts of a PRIMARY KEY, a UNIQUE or a foreign key."""

    kind: str
    columns: tuple[str, ...]
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    deferrable: bool = False
    initially: str | None = None
    # of a foreign key: schema and table, and what it does
    target: tuple[str, str] | None = None
    target_columns: tuple[str, ...] = ()
    match: str | None = None
    onupdate: str | None = None
    ondelete: str | None = None


def parse_index(text: str) -> IndexText | None:
    """Read the text of an index."""
    head = _INDEX.match(text)
    if head is None:
        return None
    elements, end = _in_brackets(text, head.end())
    include, end = _after(text, end, " INCLUDE ")
    nulls = text.startswith(" NULLS NOT DISTINCT", end)
    end += len(" NULLS NOT DISTINCT") if nulls else 0
    options, end = _after(text, end, " WITH ")
    where, end = _after(text, end, " WHERE ")
    if end != len(text):
        return None
    pairs = [option.partition("=") for option in options]
    return IndexText(
        bool(head["unique"]),
        head["method"],
        elements,
        tuple(unquoted(each) for each in include),
        nulls,
        tuple((name, value.strip("'")) for name, _, value in pairs),
        ", ".join(where) if where else None,
    )


def parse_check(text: str) -> str | None:
    """Return the condition of a CHECK; None where something follows it (NOT VALID, say)."""
    if not text.startswith("CHECK ("):
        return None
    condition, end = _in_brackets(text, len("CHECK "))
    joined = ", ".join(condition)
    if end != len(text):
        return None
    inner, last = _in_brackets(joined, 0) if joined.startswith("(") else ((), 0)
    return ", ".join(inner) if last == len(joined) and inner else joined


def parse_key(text: str) -> KeyText | None:
    """Read the text of a PRIMARY KEY, a UNIQUE or a foreign key."""
    if text.startswith("FOREIGN KEY ("):
        return _foreign_key(text)
    head = _KEY.match(text)
    if head is None:
        return None
    columns, end = _in_brackets(text, head.end())
    include, end = _after(text, end, " INCLUDE ")
    rest = _RULES.fullmatch(text, end)
    if rest is None or not all(_NAME.fullmatch(each) for each in columns):
        return None
    return KeyText(
        head["kind"].partition(" NULLS")[0],
        tuple(map(unquoted, columns)),
        tuple(map(unquoted, include)),
        head["nulls"] is not None,
        rest["deferrable"] is not None,
        rest["initially"],
    )


def unquoted(name: str) -> str:
    """Return the plain name of one that is quoted where SQL needs that."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def is_plain_name(text: str) -> bool:
    """Tell whether a text is nothing but one name."""
    return _NAME.fullmatch(text) is not None


def _foreign_key(text: str) -> KeyText | None:
    columns, end = _in_brackets(text, len("FOREIGN KEY "))
    target = _REFERENCES.match(text, end)
    if target is None:
        return None
    target_columns, end = _in_brackets(text, target.end())
    rest = _RULES.fullmatch(text, end)
    schema, _, table = _split_name(target["table"])
    if rest is None:
        return None
    return KeyText(
        "FOREIGN KEY",
        tuple(map(unquoted, columns)),
        deferrable=rest["deferrable"] is not None,
        initially=rest["initially"],
        target=(unquoted(schema), unquoted(table)),
        target_columns=tuple(map(unquoted, target_columns)),
        match=rest["match"],
        onupdate=rest["onupdate"],
        ondelete=rest["ondelete"],
    )


def _split_name(name: str) -> tuple[str, str, str]:
    """Part a name with its schema at the dot that is in no quotes."""
    first = _NAME.match(name)
    end = first.end() if first else 0
    return (name[:end], ".", name[end + 1 :]) if name[end : end + 1] == "." else ("", "", name)


def _after(text: str, end: int, words: str) -> tuple[tuple[str, ...], int]:
    """Return what stands in the brackets behind `words`, if they are there, and where it ends."""
    if not text.startswith(words, end):
        return (), end
    return _in_brackets(text, end + len(words))


def _in_brackets(text: str, start: int) -> tuple[tuple[str, ...], int]:
    """Return the list in the brackets that open at `start`, and where they end."""
    depth, since, elements = 0, start + 1, list[str]()
    for piece in _TOKEN.finditer(text, start):
        sign = piece[0]
        depth += (sign in ("(", "[")) - (sign in (")", "]"))
        if (sign == "," and depth == 1) or depth == 0:
            elements.append(text[since : piece.start()].strip())
            since = piece.end()
        if depth == 0:
            return tuple(elements), piece.end()
    return (), len(text)
