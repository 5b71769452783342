"""Two texts in two columns, lines that belong together beside each other."""

import textwrap
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final

_WIDTH: Final = 46  # of a column at most, so that both fit into a terminal of 100 characters


def side_by_side(left: str, right: str, titles: tuple[str, str] = ("was", "now")) -> str:
    """Return both texts, the left one first; `≠` stands between lines that differ."""
    rows = [(titles[0], " ", titles[1]), *_rows(left.splitlines(), right.splitlines())]
    width = max(len(row[0]) for row in rows)
    return "\n".join(f"{was:{width}} {sign} {now}".rstrip() for was, sign, now in rows)


def _rows(left: list[str], right: list[str]) -> Iterator[tuple[str, str, str]]:
    steps = SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
    for kind, start, end, other_start, other_end in steps:
        sign = "│" if kind == "equal" else "≠"
        lines = zip_longest(left[start:end], right[other_start:other_end], fillvalue="")
        for was, now in lines:
            for pair in zip_longest(_wrapped(was), _wrapped(now), fillvalue=""):
                yield pair[0], sign, pair[1]


def _wrapped(line: str) -> list[str]:
    whole = line.expandtabs(4)
    return textwrap.wrap(whole, _WIDTH, replace_whitespace=False, drop_whitespace=False) or [""]
