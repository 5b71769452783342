"""One form for expressions that PostgreSQL writes in another way once it has read its own text.

`status IN ('a', 'b')` on a varchar is shown as `(ARRAY['a'::varchar, 'b'::varchar])::text[]`. Read
again, the cast moves into the elements: `ARRAY[('a'::varchar)::text, ('b'::varchar)::text]`
(transformArrayExpr in parser/parse_expr.c). The second form is the canonical one.
"""

import re
from typing import Final

NOT_CANONICAL: Final = "(ARRAY["
# What ends a cast of an array: `])::text[]`, `])::character varying(20)[]`.
_CAST: Final = re.compile(r"\]\)::((?:\"(?:[^\"]|\"\")+\"|[\w. ]|\(\d+(?:,\d+)?\))+)\[\]")
_TOKEN: Final = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[\[\](),]", re.DOTALL)


def canonical_expression(text: str) -> str:
    """Return `text` with each cast of an array moved into its elements."""
    start = text.find(NOT_CANONICAL)
    while start >= 0:
        inner = start + len(NOT_CANONICAL)
        elements, end = _elements(text, inner)
        if cast := _CAST.match(text, end):
            array = ", ".join(f"({element})::{cast[1]}" for element in elements)
            text = f"{text[:start]}ARRAY[{array}]{text[cast.end() :]}"
        start = text.find(NOT_CANONICAL, start + 1)
    return text


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
