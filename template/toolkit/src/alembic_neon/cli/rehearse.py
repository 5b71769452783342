"""The commands of the way to production: `db rehearse`, `db promote` and `db restore`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from ..branches.provider import BranchProvider
from ..errors import UsageError
from ..project import ensure_state_dir, state_dir
from ..rehearsal.promote import promote
from ..rehearsal.report.html import render_html
from ..rehearsal.report.markdown import render_markdown
from ..rehearsal.restore import find_restore_option, humanize_age, list_restore_options, revision_of
from ..rehearsal.result import RehearsedPlan
from ..rehearsal.run import Options, rehearse
from .branch import Force, run_on_provider
from .console import ask, echo, print_table, require_writable, success, write_json, write_text
from .options import json_option
from .progress import ConsoleProgress
from .rehearsal_summary import say_rehearsal

Parent = Annotated[
    str | None, typer.Option(metavar="NAME", help="The branch to copy; default: the default one.")
]


def rehearse_command(
    parent: Parent = None,
    run: Annotated[
        str | None, typer.Option(metavar="CMD", help="A command to try on the upgraded branch.")
    ] = None,
    load: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="SQL or a pgbench script to run beside it."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the branch for a look.")] = False,
    json: Annotated[str | None, json_option("Write the plan and report.")] = None,
    markdown: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Write it for a pull request.")
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Write it as one HTML page.")
    ] = None,
    force: Force = False,
) -> None:
    """Run what is pending on a branch of the parent, measure it, verify it, and judge."""
    require_writable(json, markdown, html)
    options = Options(parent, run, load, keep, force)
    found = run_on_provider(lambda provider: rehearse(provider, options, echo))
    write_json(str(last_plan()), found.as_json())
    say_rehearsal(found)
    write_json(json, found.as_json())
    write_text(markdown, lambda: render_markdown(found))
    write_text(html, lambda: render_html(found))
    if found.verdict == "blocked":
        raise typer.Exit(1)
    if found.revisions:
        echo(f"Run it on {found.parent_branch} with: db promote")


def promote_command(
    plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What db rehearse --json wrote; default: the last one."),
    ] = None,
    force: Force = False,
) -> None:
    """Run the rehearsed plan on its parent, if nothing moved since."""
    rehearsed = RehearsedPlan.read(plan or last_plan())
    promotion = run_on_provider(
        lambda provider: promote(provider, rehearsed, ConsoleProgress(), echo, force=force)
    )
    count = len(promotion.steps)
    success(f"{count} revision{'s' * (count != 1)} promoted to {rehearsed.parent_branch}")
    echo(f"The way back: db restore {promotion.restore_point.name}")


def restore_command(
    point: Annotated[
        str | None, typer.Argument(metavar="[POINT]", help="A restore point; without one, a list.")
    ] = None,
    branch: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose points; default: the default branch.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Force = False,
) -> None:
    """List the restore points, or bring a branch back to one."""
    run_on_provider(lambda provider: _restore(provider, branch, point, yes=yes, force=force))


async def _restore(
    provider: BranchProvider, branch: str | None, point: str | None, *, yes: bool, force: bool
) -> None:
    name = branch or (await provider.list())[0].name
    ways = await list_restore_options(provider, name)
    if point is None:
        print_table(
            ("restore point", "kind", "made", "rows written since"),
            [
                (way.point.name, way.point.kind, f"{humanize_age(way.age)} ago", way.rows_words)
                for way in ways
            ],
        )
        if not ways:
            echo(f"{name} has no restore points; db promote makes them.")
        return
    way = find_restore_option(ways, point)
    echo(
        f"{name} is at {await revision_of(provider, name)}. Going back loses {way.loss}.", "yellow"
    )
    if not yes and not await asyncio.to_thread(ask, f"Bring {name} back to {point}?"):
        raise UsageError("Nothing was done.", "Answer y, or give --yes.")
    await provider.restore(name, way.point, force=force)
    success(
        f"{name} is back at {await revision_of(provider, name)}, as {humanize_age(way.age)} ago"
    )


def last_plan() -> Path:
    """Return where the last rehearsal's plan is kept; git ignores the folder."""
    return ensure_state_dir(state_dir()) / "last-rehearsal.json"
