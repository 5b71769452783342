"""One form for expressions that PostgreSQL writes in another way once it has read its own text.

`status IN ('a', 'b')` on a varchar is shown as `(ARRAY['a'::varchar, 'b'::varchar])::text[]`. Read
again, the cast moves into the elements: `ARRAY[('a'::varchar)::text, ('b'::varchar)::text]`
(transformArrayExpr in parser/parse_expr.c). And `a BETWEEN 1 AND 2 AND b` is shown as
`((a >= 1) AND (a <= 2)) AND b`, of which makeAndExpr in parser/gram.y makes one list when it reads
it. The second forms are the canonical ones: they are read and shown as they are.
"""

import re
from dataclasses import dataclass, field
from typing import Final

_START: Final = "(ARRAY["
_NESTED: Final = "ARRAY["
# What ends a cast of an array: `])::text[]`, `])::character varying(20)[]`.
_CAST: Final = re.compile(r"\]\)::((?:\"(?:[^\"]|\"\")+\"|[\w. ]|\(\d+(?:,\d+)?\))+)\[\]")
_QUOTED: Final = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
_TOKEN: Final = re.compile(rf"{_QUOTED}|[\[\](),]", re.DOTALL)
_BOOLEAN_TOKEN: Final = re.compile(rf"{_QUOTED}|[()]| AND | OR ", re.DOTALL)


def may_be_rewritten(text: str) -> bool:
    """Tell, fast, whether `canonical_expression` may change a text."""
    return _START in text or ("((" in text and (" AND " in text or " OR " in text))


def canonical_expression(text: str) -> str:
    """Return `text` as PostgreSQL writes it after it has read its own text."""
    return _flatten_lists(_cast_elements(text))


def _cast_elements(text: str) -> str:
    """Move each cast of an array into its elements."""
    start = text.find(_START)
    while start >= 0:
        inner = start + len(_START)
        elements, end = _elements(text, inner)
        if cast := _CAST.match(text, end):
            array = _array_of(elements, cast[1])
            text = f"{text[:start]}{array}{text[cast.end() :]}"
        start = text.find(_START, start + 1)
    return text


def _array_of(elements: list[str], cast: str) -> str:
    """Return an array with each element cast, those of the arrays in it too."""
    written = []
    for element in elements:
        inner, end = _elements(element, len(_NESTED)) if element.startswith(_NESTED) else ([], 0)
        is_array = bool(inner) and end == len(element) - 1
        written.append(_array_of(inner, cast) if is_array else f"({element})::{cast}")
    return f"ARRAY[{', '.join(written)}]"


def _elements(text: str, start: int) -> tuple[list[str], int]:
    """Return the elements of the array that begins at `start`, and where its bracket closes."""
    depth, since, elements = 0, start, []
    for token in _TOKEN.finditer(text, start):
        sign = token[0]
        if sign in ("[", "("):
            depth += 1
        elif depth and sign in ("]", ")"):
            depth -= 1
        elif not depth and sign in (",", "]"):
            elements.append(text[since : token.start()].strip())
            since = token.end()
            if sign == "]":
                return elements, token.start()
    return [], len(text)


@dataclass
class _Group:
    """What stands in parentheses; `first` is the group that it begins with, where it does."""

    start: int
    end: int = -1
    operators: set[str] = field(default_factory=set)
    first: "_Group | None" = None


def _flatten_lists(text: str) -> str:
    """Remove the parentheses of a list of ANDs that begins a list of ANDs; so of ORs.

    PostgreSQL writes each operand that is no list in parentheses of its own.
    """
    open_groups, removed = [_Group(-1)], list[int]()
    for token in _BOOLEAN_TOKEN.finditer(text):
        sign, group = token[0], open_groups[-1]
        if sign == "(":
            open_groups.append(_Group(token.start()))
        elif sign == ")" and len(open_groups) > 1:
            group.end = token.end()
            open_groups.pop()
            if group.start == open_groups[-1].start + 1:
                open_groups[-1].first = group
        elif sign in (" AND ", " OR "):
            first = group.first
            if first and first.end == token.start() and first.operators == {sign}:
                removed += [first.start, first.end - 1]
            group.operators.add(sign)
    kept = [0, *(position + 1 for position in sorted(removed))]
    return "".join(
        text[start:end] for start, end in zip(kept, [*sorted(removed), len(text)], strict=True)
    )
