"""What a person sees: tables, progress and errors on standard error, JSON where it is asked for."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .connection.errors import ConfigurationError, ToolkitError

console: Final = Console(stderr=True, highlight=False)
_PIPE_WIDTH: Final = 1000


def say(message: str, style: str = "") -> None:
    """Print a line of progress."""
    console.print(Text(message, style=style), soft_wrap=True)


def say_done(message: str) -> None:
    """Print a line about something that went well."""
    console.print(Text.assemble(("✓ ", "green"), message), soft_wrap=True)


def say_error(error: ToolkitError) -> None:
    """Print an expected failure as one line."""
    console.print(Text.assemble(("Error: ", "bold red"), str(error)), soft_wrap=True)


def say_table(headers: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Print a table, or nothing where it has no rows."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for header in headers:
        table.add_column(header, overflow="fold")  # a name is of no use if it is cut
    for row in rows:
        table.add_row(*row)
    if table.row_count:
        # A pipe has no width: what reads it finds a row on a line.
        wide = Console(stderr=True, highlight=False, width=_PIPE_WIDTH)
        (console if console.is_terminal else wide).print(table)


def write_json(target: str | None, value: Any) -> None:
    """Write `value` as JSON, as `write_text` does.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    write_text(target, lambda: json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def write_text(target: str | None, render: Callable[[], str]) -> None:
    """Write a text to a file, or to standard output where the target is "-"; None: nowhere.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    if target is None:
        return
    if target == "-":
        sys.stdout.write(render())
        return
    try:
        Path(target).write_text(render(), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{target} cannot be written: {error.strerror}.", "Give another file, or - for stdout."
        ) from None


def require_writable(*targets: str | None) -> None:
    """Refuse targets of `write_text` before the work whose result they would lose.

    Raises:
        ConfigurationError: the folder of one is not there, or several are standard output.
    """
    if targets.count("-") > 1:
        raise ConfigurationError("Only one thing can go to standard output.", "Name files.")
    for target in targets:
        if target not in (None, "-") and not Path(str(target)).absolute().parent.is_dir():
            raise ConfigurationError(
                f"{target} cannot be written: there is no such folder.", "Give another file."
            )


def size(size_bytes: int) -> str:
    """Return a size as a person reads it."""
    return f"{size_bytes / 1024**2:.1f} MiB"


def ask(question: str) -> bool:
    """Ask a person, on the terminal; where there is none the answer is no."""
    if not sys.stdin.isatty():
        return False
    console.print(Text(f"{question} [y/N] "), end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
