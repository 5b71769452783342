"""Values for a column, mined from the constants of the CHECKs that it stands in."""

import json
import random
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Final

from .catalog import Column, Types
from .patterns import like, matching
from .values import boundary_values, root, size_of_text

_STRING: Final = re.compile(
    r"(?P<operator>[~*!]+|similar_to_escape\()?\s*\(*'(?P<text>(?:[^']|'')*)'"
)
_NUMBER: Final = re.compile(r"(?<![\w.\"])-?\d+(?:\.\d+)?")
_OID: Final = re.compile(r"'\d+'::oid")
_BETWEEN: Final = 12  # values between the ends of a range
_LONGEST: Final = 5_000  # characters, where a condition asks for a length


def values_from_constraints(
    column: Column, types: Types, expressions: list[str], rng: random.Random
) -> list[str]:
    """Return values that are likely to satisfy the conditions, the likeliest first."""
    # The condition of a hash partition has an oid, which differs from one database to the next.
    expressions = [_OID.sub("", each) for each in expressions]
    texts = [text for each in expressions for text in _texts(each, rng)]
    numbers = [number for each in expressions for number in _numbers(each)]
    kind = root(column.type, types)
    if kind.element:
        found = _arrays(texts, numbers, boundary_values(kind.element, column.modifier, types))
    elif room := size_of_text(column.type, column.modifier, types):
        found = _words(texts, numbers, room)
    elif kind.category == "N":
        found = _around(numbers, kind.name.startswith("int"), rng)
    elif kind.category == "D":
        found = _moments(texts)
    elif kind.name in ("json", "jsonb"):
        found = _documents(texts)
    else:
        found = iter(texts if kind.kind == "b" and kind.category != "B" else ())
    return list(dict.fromkeys(found))


def _texts(expression: str, rng: random.Random) -> Iterator[str]:
    for match in _STRING.finditer(expression):
        text, operator = match["text"].replace("''", "'"), match["operator"] or ""
        if operator.startswith("~~"):
            yield like(text)
        elif operator.startswith("~"):
            yield from (matching(text, rng) for _ in range(_BETWEEN))
        elif operator.startswith("similar"):
            yield from (
                matching(text.replace("%", ".*").replace("_", "."), rng) for _ in range(_BETWEEN)
            )
        elif text.startswith("{") and text.endswith("}"):
            yield from (each.strip('"') for each in text[1:-1].split(",") if each)
            yield text
        else:
            yield text


def _numbers(expression: str) -> Iterator[Decimal]:
    # A negative number is written as a string with a cast.
    for match in _STRING.finditer(expression):
        try:
            number = Decimal(match["text"])
        except InvalidOperation:
            continue
        if number.is_finite():
            yield number
    yield from map(Decimal, _NUMBER.findall(_STRING.sub("", expression)))


def _around(numbers: list[Decimal], is_whole: bool, rng: random.Random) -> Iterator[str]:
    middles = [(low + high) / 2 for low, high in pairwise(sorted(set(numbers)))]
    steps = [number + step for number in numbers for step in (0, 1, -1)]
    tenths = [number + step for number in numbers for step in (Decimal("0.01"), Decimal("-0.01"))]
    between = []
    if numbers:
        low, high = min(numbers), max(numbers)
        between = [low + (high - low) * rng.randrange(100) / 100 for _ in range(_BETWEEN)]
    for number in [*middles, *steps, *([] if is_whole else tenths), *between]:
        yield str(int(number)) if is_whole else f"{number:f}"


def _words(texts: list[str], numbers: list[Decimal], room: int) -> Iterator[str]:
    for text in texts:
        yield from (
            word for word in (text, f"a{text}b", f"{text}b", f"a{text}") if len(word) <= room
        )
    lengths = {int(number) + step for number in numbers for step in (-1, 0, 1)}
    yield from ("x" * size for size in sorted(lengths) if 0 <= size <= min(room, _LONGEST))
    yield from (f"{number}" for number in numbers)


def _moments(texts: list[str]) -> Iterator[str]:
    for text in texts:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            continue
        for days in (0, 1, -1):
            yield str(moment + timedelta(days=days))


def _documents(texts: list[str]) -> Iterator[str]:
    names = list(dict.fromkeys(texts))[:6]
    if names:
        yield json.dumps(dict.fromkeys(names, "a"))
        yield json.dumps(dict.fromkeys(names, 1))
    for name in names:
        yield json.dumps({name: 1})
        yield from (json.dumps({name: other}) for other in names if other != name)
    yield from ('"a"', "1", "true", "{}", '{"a": 1}', "[1]", "null")


def _arrays(texts: list[str], numbers: list[Decimal], elements: list[str]) -> Iterator[str]:
    yield from ("{" + json.dumps(text, ensure_ascii=False) + "}" for text in texts)
    yield from (text for text in texts if text.startswith("{"))
    for number in numbers:
        if elements and 0 < number <= 100:
            yield "{" + ",".join([json.dumps(elements[0], ensure_ascii=False)] * int(number)) + "}"
