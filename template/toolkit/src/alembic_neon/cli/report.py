"""The command `db report`: shows a rehearsal again, from the JSON that it wrote."""

from pathlib import Path
from typing import Annotated

import typer

from ..rehearsal.report.html import render_html
from ..rehearsal.report.markdown import render_markdown
from ..rehearsal.saved import read_rehearsal
from .console import require_writable, write_text
from .rehearsal_summary import print_rehearsal
from .rehearse import last_plan


def report_command(
    report: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="What db rehearse --json wrote; default: the last."),
    ] = None,
    markdown: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Write it for a pull request.")
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Write it as one HTML page.")
    ] = None,
    unreviewed: Annotated[
        bool,
        typer.Option("--unreviewed", help="Say that code which nobody has reviewed made it."),
    ] = False,
) -> None:
    """Show the report of a rehearsal again; no database is asked."""
    require_writable(markdown, html)
    rehearsal = read_rehearsal(report or last_plan())
    print_rehearsal(rehearsal)
    write_text(markdown, lambda: render_markdown(rehearsal, is_unreviewed=unreviewed))
    write_text(html, lambda: render_html(rehearsal))
