"""The question whether something was renamed, and the options that answer it."""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..branches.renaming import RenameAnswers
from ..errors import UsageError
from ..migration.autogenerate.rename_options import read_renames
from ..migration.autogenerate.renames import Rename
from .console import echo


def rename_answers(values: Sequence[str], *, no_rename: bool) -> RenameAnswers:
    """Return what the options say, with the question for what they leave open.

    Raises:
        UsageError: a value of `--rename` is not understood.
    """
    options = read_renames(values)
    if no_rename:
        return RenameAnswers(options, lambda _: False)
    return RenameAnswers(options, _ask if _is_terminal() else None)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _ask(rename: Rename) -> bool:
    """Ask a person until the answer is yes or no.

    Raises:
        UsageError: the input ends.
    """
    with _interruptible():
        return _answer(rename)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the wait for a line: asyncio's handler waits for the task, which reads it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _answer(rename: Rename) -> bool:
    echo(f"Was {rename.label} renamed to {rename.new_name}? A drop loses its values.", "yellow")
    while True:
        print("[y/n] ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise UsageError("There was no answer.", f"Give {rename.option}, or --no-rename.")
        answer = line.strip().lower()
        if answer in ("y", "yes", "n", "no"):
            return answer.startswith("y")
