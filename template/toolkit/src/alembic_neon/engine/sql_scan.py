"""Splits SQL into its statements, as PostgreSQL's own scanner does: a `;` in a string ends none.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html
"""

import re
from typing import Final

# What hides a `;`: comments (which nest), strings with and without escapes, quoted names, dollar
# quotes. A `$1` begins none, and neither does a `$` within a name.
_TOKEN: Final = re.compile(
    r"""(?P<comment>--[^\n]* | /\*)
      | (?P<opaque>(?<![\w$])[eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
        | (?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
      | (?P<end>;)""",
    re.DOTALL | re.VERBOSE,
)
_ROUTINE: Final = re.compile(r"\s*CREATE\b[^;]*\b(FUNCTION|PROCEDURE)\b", re.IGNORECASE)
_ATOMIC: Final = re.compile(r"\bBEGIN\s+ATOMIC\b", re.IGNORECASE)
_BLOCK: Final = re.compile(r"\b(BEGIN|CASE|END)\b", re.IGNORECASE)
_NESTED: Final = re.compile(r"/\*|\*/")


def split_statements(sql: str) -> list[str]:
    """Return the statements of `sql`, without their comments and without empty ones."""
    statements, parts, position = [], [], 0
    while match := _TOKEN.search(sql, position):
        parts.append(sql[position : match.start()])
        position = match.end()
        if match["opaque"]:
            parts.append(match["opaque"])
        elif match["comment"]:
            parts.append(" ")
            if match["comment"] == "/*":
                position = _end_of_comment(sql, position)
        elif _is_in_body("".join(parts)):
            parts.append(";")
        else:
            statements.append("".join(parts).strip())
            parts = []
    statements.append("".join([*parts, sql[position:]]).strip())
    return [statement for statement in statements if statement]


def _is_in_body(start: str) -> bool:
    """Tell whether a statement goes on: it is in a function's body, `BEGIN ATOMIC … END`."""
    if not _ROUTINE.match(start):
        return False
    body = _ATOMIC.split(without_literals(start), maxsplit=1)
    if len(body) == 1:
        return False
    words = [word.upper() for word in _BLOCK.findall(body[1])]
    return words.count("END") <= words.count("CASE") + words.count("BEGIN")


def without_literals(sql: str) -> str:
    """Return `sql` with each comment and literal as a space, quoted names included."""
    return _TOKEN.sub(lambda match: ";" if match["end"] else " ", sql)


def _end_of_comment(sql: str, position: int) -> int:
    depth = 1
    while depth and (match := _NESTED.search(sql, position)):
        depth += 1 if match[0] == "/*" else -1
        position = match.end()
    return position if not depth else len(sql)


def quote_literal(value: str) -> str:
    """Return a value as a string literal of SQL, whatever `standard_conforming_strings` says."""
    doubled = value.replace("'", "''")
    if "\\" not in doubled:
        return f"'{doubled}'"
    return f" E'{doubled.replace(chr(92), chr(92) * 2)}'"
