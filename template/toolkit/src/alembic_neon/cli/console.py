"""What a person sees: results on standard output, progress and errors on standard error.

Rich is imported where there is a terminal or a table: a deploy that has neither starts without it.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final, TextIO

from ..errors import ConfigurationError, ToolkitError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from ..migration.lint.findings import Finding

_PIPE_WIDTH: Final = 1000


class _Results:
    """Where results go: to standard output, unless that is to hold JSON and nothing else."""

    to_stderr = False
    stdout: TextIO | None = None  # where it is reserved


def reserve_stdout(is_reserved: bool) -> None:
    """Leave standard output to `write_json` alone.

    Results go to standard error then, and so does what a revision or the models print.
    """
    _Results.to_stderr = is_reserved
    if is_reserved and _Results.stdout is None:
        _Results.stdout, sys.stdout = sys.stdout, sys.stderr
    elif not is_reserved and _Results.stdout is not None:
        _Results.stdout, sys.stdout = None, _Results.stdout


def is_terminal(*, stderr: bool = True) -> bool:
    """Tell whether a stream shows colours, or is to be treated as if it did."""
    stream = sys.stderr if stderr else sys.stdout
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


@cache
def _console(width: int | None, *, stderr: bool) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, width=width)


def _print(*parts: tuple[str, str], stderr: bool = True) -> None:
    """Print texts with their styles as one line."""
    if not is_terminal(stderr=stderr):
        stream = sys.stderr if stderr else sys.stdout
        print("".join(text for text, _ in parts), file=stream, flush=True)
        return
    from rich.text import Text

    _console(None, stderr=stderr).print(Text.assemble(*parts), soft_wrap=True)


def result(message: str, style: str = "") -> None:
    """Print a line of what was asked for."""
    _print((message, style), stderr=_Results.to_stderr)


def echo(message: str, style: str = "") -> None:
    """Print a line of progress."""
    _print((message, style))


def success(message: str) -> None:
    """Print a line about something that went well."""
    _print(("✓ ", "green"), (message, ""))


def print_error(error: ToolkitError) -> None:
    """Print an expected failure as one line."""
    _print(("Error: ", "bold red"), (str(error), ""))


def print_table(headers: Sequence[str], rows: "Iterable[Sequence[str | Text]]") -> None:
    """Print a table, or nothing where it has no rows."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for header in headers:
        table.add_column(header, overflow="fold")  # a name is of no use if it is cut
    for row in rows:
        # A string would be read as Rich's markup, in which [tool.db] is a style.
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    if table.row_count:
        # A pipe has no width: what reads it finds a row on a line.
        stderr = _Results.to_stderr
        width = None if is_terminal(stderr=stderr) else _PIPE_WIDTH
        _console(width, stderr=stderr).print(table)


def print_sql(sql: str) -> None:
    """Print a statement, in colour on a terminal, indented below what it belongs to."""
    stderr = _Results.to_stderr
    text = f"{sql.rstrip().rstrip(';')};"
    if not is_terminal(stderr=stderr):
        _print((indent(text, "    "), ""), stderr=stderr)
        return
    from rich.padding import Padding
    from rich.syntax import Syntax

    block = Syntax(text, "postgresql", background_color="default", word_wrap=True)
    _console(None, stderr=stderr).print(Padding(block, (0, 0, 0, 4)))


def print_findings(findings: "Iterable[Finding]") -> None:
    """Print findings as a table: where, the problem, and the fix."""
    from rich.text import Text

    styles = {"error": "bold red", "warning": "yellow", "info": "dim"}
    print_table(
        ("", "rule", "where", "problem / fix"),
        [
            (
                Text(finding.severity, styles[finding.severity]),
                finding.rule,
                finding.place,
                f"{finding.message} {finding.hint}".strip(),
            )
            for finding in findings
        ],
    )


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
        (_Results.stdout or sys.stdout).write(render())
        return
    try:
        Path(target).write_text(render(), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{target} cannot be written: {error.strerror}.", "Give another file, or - for stdout."
        ) from None


def require_writable(*targets: str | None) -> None:
    """Refuse targets of `write_text` before the work whose result they would lose.

    Where one is standard output, that is reserved for it.

    Raises:
        ConfigurationError: the folder of one is not there, or several are standard output.
    """
    if targets.count("-") > 1:
        raise ConfigurationError("Only one thing can go to standard output.", "Name files.")
    reserve_stdout("-" in targets)
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
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
