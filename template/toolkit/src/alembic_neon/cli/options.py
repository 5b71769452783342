"""Options that several commands have."""

from typing import Annotated, Any

import typer

from .console import require_writable


def json_option(help_: str) -> Any:
    """Make the option that writes something as JSON; where it cannot, nothing is done."""
    return typer.Option("--json", metavar="FILE|-", help=help_, callback=_writable)


def _writable(target: str | None) -> str | None:
    require_writable(target)
    return target


Json = Annotated[str | None, json_option("Write the result as JSON too.")]
