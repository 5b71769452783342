"""The commands `db rehearse`, `db promote` and `db restore`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from .branching.local import LocalProvider
from .branching.rehearse import Options, rehearse
from .branching.report.html import render_html
from .branching.report.markdown import render_markdown
from .branching.report.terminal import say_rehearsal
from .console import say, write_json, write_text

Parent = Annotated[
    str | None, typer.Option(metavar="NAME", help="The branch to copy; default: the default one.")
]


def rehearse_command(
    parent: Parent = None,
    run: Annotated[
        str | None, typer.Option(metavar="CMD", help="A command to try on the upgraded branch.")
    ] = None,
    load: Annotated[
        Path | None, typer.Option(metavar="FILE", help="SQL to run beside the upgrade, repeatedly.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the branch for a look.")] = False,
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the plan and report.")
    ] = None,
    markdown: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Write it for a pull request.")
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Write it as one HTML page.")
    ] = None,
) -> None:
    """Run what is pending on a branch of the parent, measure it, verify it, and judge."""
    options = Options(parent, run, load, keep)
    found = asyncio.run(rehearse(LocalProvider(), options, say))
    say_rehearsal(found)
    write_json(json, found.as_json())
    write_text(markdown, lambda: render_markdown(found))
    write_text(html, lambda: render_html(found))
    if found.verdict == "blocked":
        raise typer.Exit(1)
