"""Splits SQL into statements and tokens, as PostgreSQL's scanner does: a `;` in a string is text.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

# Strings with and without escapes, and dollar quotes. A `$1` begins none, and neither does a `$`
# within a name.
_STRING: Final = r"""(?<![\w$])[eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*'
    | (?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$"""
_NAME: Final = r'"(?:[^"]|"")*"'
_COMMENT: Final = r"--[^\n]* | (?P<nested>/\*)"
_FLAGS: Final = re.DOTALL | re.VERBOSE
_TOKEN: Final = re.compile(
    rf"""(?P<space>\s+ | {_COMMENT}) | (?P<string>{_STRING}) | (?P<name>{_NAME})
      | (?P<word>[^\W\d][\w$]*) | (?P<number>\d[\w.]*) | (?P<parameter>\$\d+) | (?P<symbol>.)""",
    _FLAGS,
)
_IN_PARENTHESES: Final = re.compile(rf"{_COMMENT} | {_STRING} | {_NAME} | [()]", _FLAGS)
_NESTED: Final = re.compile(r"/\*|\*/")
_PARAMETER: Final = re.compile(
    rf"{_COMMENT} | {_STRING} | {_NAME} | (?P<parameter>(?<![\w$])\$\d)", _FLAGS
)


class Token(NamedTuple):
    """A part of a statement; what stands in parentheses is one, with them. Comments are none.

    `kind` is "word", "name" (in double quotes), "string", "number", "parameter", "group" (in
    parentheses) or "symbol"; `start` counts from the beginning of the statement.
    """

    kind: str
    text: str
    start: int

    @property
    def word(self) -> str:
        """A keyword, or a name without quotes, in upper case; "" for anything else."""
        return self.text.upper() if self.kind == "word" else ""


@dataclass(frozen=True)
class ScannedStatement:
    """The text of one statement, without comments around it and without its semicolon."""

    text: str
    tokens: tuple[Token, ...]


def scan(sql: str) -> Iterator[ScannedStatement]:
    """Yield the statements of `sql`, without those that are empty."""
    tokens: list[Token] = []
    body = _RoutineBody()
    for token in _tokens(sql):
        body.read(token.word)
        if token.text != ";" or body.is_open:
            tokens.append(token)
            continue
        if tokens:
            yield _statement(sql, tokens)
        tokens, body = [], _RoutineBody()
    if tokens:
        yield _statement(sql, tokens)


def _statement(sql: str, tokens: list[Token]) -> ScannedStatement:
    first, last = tokens[0], tokens[-1]
    text = sql[first.start : last.start + len(last.text)]
    return ScannedStatement(
        text, tuple(token._replace(start=token.start - first.start) for token in tokens)
    )


def split_statements(sql: str) -> list[str]:
    """Return the texts of the statements in `sql`, without comments around them."""
    return [statement.text for statement in scan(sql)]


def has_parameters(sql: str) -> bool:
    """Tell whether there is a `$1` outside of comments, strings and quoted names."""
    return "$" in sql and any(match["parameter"] for match in _search(_PARAMETER, sql, 0))


class _RoutineBody:
    """Whether a statement is within a routine's `BEGIN ATOMIC … END`, where a `;` ends none."""

    def __init__(self) -> None:
        self._first = self._previous = ""
        self._is_routine = False
        self._depth = 0

    @property
    def is_open(self) -> bool:
        return self._depth > 0

    def read(self, word: str) -> None:
        self._first = self._first or word
        if self._first == "CREATE" and word in ("FUNCTION", "PROCEDURE"):
            self._is_routine = True
        elif self._depth == 0:
            begins = self._is_routine and (self._previous, word) == ("BEGIN", "ATOMIC")
            self._depth = 1 if begins else 0
        elif word in ("BEGIN", "CASE"):
            self._depth += 1
        elif word == "END":
            self._depth -= 1
        self._previous = word


def _tokens(sql: str) -> Iterator[Token]:
    position = 0
    while match := _TOKEN.match(sql, position):
        start, position = match.span()
        kind = str(match.lastgroup) if match.lastgroup != "tag" else "string"
        if match["nested"]:
            position = _end_of_comment(sql, position)
        elif match["symbol"] == "(":
            kind, position = "group", _end_of_group(sql, position)
        if not match["space"]:
            yield Token(kind, sql[start:position], start)


def _end_of_group(sql: str, position: int) -> int:
    depth = 1
    for match in _search(_IN_PARENTHESES, sql, position):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth == 0:
            return match.end()
    return len(sql)


def _search(pattern: re.Pattern[str], sql: str, position: int) -> Iterator[re.Match[str]]:
    """Yield the matches of a pattern, without those inside comments."""
    while match := pattern.search(sql, position):
        position = match.end()
        if match["nested"]:
            position = _end_of_comment(sql, position)
        yield match


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
