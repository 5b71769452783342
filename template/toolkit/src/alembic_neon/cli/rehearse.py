"""The commands of the way to production: `db rehearse`, `db promote` and `db restore`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..branches.provider import BranchProvider
from ..errors import UsageError
from ..project import ensure_state_dir, state_dir
from ..rehearsal.promote import Promotion, promote
from ..rehearsal.report.html import render_html
from ..rehearsal.report.markdown import render_markdown
from ..rehearsal.restore import (
    RestoreOption,
    describe_revision,
    find_restore_option,
    humanize_age,
    list_restore_options,
)
from ..rehearsal.result import Rehearsal, RehearsedPlan
from ..rehearsal.run import Options, rehearse
from .branch import Force, run_on_target
from .console import ask, echo, print_table, require_writable, success, write_json, write_text
from .options import json_option
from .phase import Phase, PhaseOption
from .progress import ConsoleProgress
from .rehearsal_summary import print_rehearsal

Parent = Annotated[
    str | None, typer.Option(metavar="NAME", help="The branch to copy; default: DATABASE_URL's.")
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
    phase: PhaseOption = None,
    force: Force = False,
) -> None:
    """Test pending migrations on a branch: measure locks, verify data, and report a verdict."""
    require_writable(json, markdown, html)

    def options(branch: str) -> Options:
        return Options(branch, run, load, keep, force, phase.value if phase else "")

    async def work(provider: BranchProvider, branch: str) -> Rehearsal:
        return await rehearse(provider, options(branch), echo)

    rehearsal = run_on_target(parent, work)
    write_json(str(last_plan()), rehearsal.as_json())
    print_rehearsal(rehearsal)
    write_json(json, rehearsal.as_json())
    write_text(markdown, lambda: render_markdown(rehearsal))
    write_text(html, lambda: render_html(rehearsal))
    if rehearsal.verdict == "blocked":
        raise typer.Exit(1)
    if rehearsal.revisions:
        echo(f"Apply it to {rehearsal.parent_branch} with: db promote")


def promote_command(
    plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What db rehearse --json wrote; default: the last one."),
    ] = None,
    phase: PhaseOption = None,
    force: Force = False,
) -> None:
    """Apply the rehearsed plan, if the schema and revisions have not changed since."""
    rehearsed = RehearsedPlan.read(plan or last_plan())
    if phase is Phase.EXPAND and rehearsed.phase != phase.value:
        raise UsageError(
            "The plan was rehearsed with its contracting revisions.",
            "Rehearse what expands alone: db rehearse --phase expand",
        )

    async def work(provider: BranchProvider, _: str) -> Promotion:
        return await promote(provider, rehearsed, ConsoleProgress(), echo, force=force)

    promotion = run_on_target(rehearsed.parent_branch, work)
    count = len(promotion.steps)
    if not count:
        success("Nothing was pending.")
        return
    success(f"{count} revision{'s' * (count != 1)} promoted to {promotion.target.branch}")
    if promotion.restore_point is not None:
        echo(f"To roll back: db restore {promotion.restore_point.name}")


def restore_command(
    point: Annotated[
        str | None, typer.Argument(metavar="POINT", help="A restore point; without one, a list.")
    ] = None,
    branch: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose points; default: DATABASE_URL's.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Force = False,
) -> None:
    """List the restore points, or restore a branch to one; its database need not answer."""

    async def work(provider: BranchProvider, name: str) -> None:
        options = await list_restore_options(provider, name)
        if point is None:
            _print_options(name, options)
            return
        option = find_restore_option(options, point)
        await _restore(provider, name, option, yes=yes, force=force)

    run_on_target(branch, work)


def _print_options(branch: str, options: Sequence[RestoreOption]) -> None:
    print_table(
        ("restore point", "kind", "created", "rows written since"),
        [
            (each.point.name, each.point.kind, f"{humanize_age(each.age)} ago", each.rows_words)
            for each in options
        ],
    )
    if not options:
        echo(f"{branch} has no restore points; db promote makes them.")


async def _restore(
    provider: BranchProvider, branch: str, option: RestoreOption, *, yes: bool, force: bool
) -> None:
    revision = await describe_revision(provider, branch)
    echo(f"{branch} is at {revision}. Restoring loses {option.loss}.", "yellow")
    if not yes and not await asyncio.to_thread(ask, f"Restore {branch} to {option.point.name}?"):
        raise UsageError("Aborted.", "Answer y, or give --yes.")
    await provider.restore(branch, option.point, force=force)
    revision = await describe_revision(provider, branch)
    success(f"{branch} is back at {revision}, as {humanize_age(option.age)} ago")


def last_plan() -> Path:
    """Return the file of the last rehearsal's plan; git ignores its folder."""
    return ensure_state_dir(state_dir()) / "last-rehearsal.json"
