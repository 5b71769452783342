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
_NESTED: Final = re.compile(r"/\*|\*/")


def split_statements(sql: str) -> list[str]:
    """Return the statements of `sql`, without comments around them and without empty ones.

    The body of a function in the standard's form (`BEGIN ATOMIC … END`) is split, too: whoever runs
    the parts must run them as one.
    """
    statements, parts, position = [], [], 0
    while match := _TOKEN.search(sql, position):
        parts.append(sql[position : match.start()])
        position = match.end()
        if match["end"]:
            statements.append("".join(parts).strip())
            parts = []
        elif match["opaque"]:
            parts.append(match["opaque"])
        else:
            parts.append(" ")
            if match["comment"] == "/*":
                position = _end_of_comment(sql, position)
    statements.append("".join([*parts, sql[position:]]).strip())
    return [statement for statement in statements if statement]


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
