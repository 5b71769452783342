"""The question for the value of a required column, where no option gives it."""

import sys
from collections.abc import Callable
from typing import TypeVar

from ..migration.steps.columns import MissingFillError
from .console import echo

Result = TypeVar("Result")


def with_fills(write: Callable[[dict[str, str]], Result], fills: dict[str, str]) -> Result:
    """Return what `write` returns, which is asked again with each value that a person gives.

    Raises:
        UsageError: a value is missing, and there is no terminal or no answer.
    """
    while True:
        try:
            return write(fills)
        except MissingFillError as error:
            value = _ask(error.column)
            if not value:
                raise
            fills = fills | {error.column: value}


def _ask(column: str) -> str:
    if not sys.stdin.isatty():
        return ""
    echo(f"{column} is required: what is its value in the rows that are there?", "yellow")
    print("SQL, such as 0 or another column: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
