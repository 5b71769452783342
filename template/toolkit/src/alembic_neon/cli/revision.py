"""The command `db revision`: writes the next revisions, runs them, and hands over what held."""

import asyncio
import os
from dataclasses import asdict
from typing import Annotated

import typer

from ..branches.revision_writing import Request, Written, write_revisions
from ..engine.settings import load_settings
from ..migration.configuration import alembic_config
from ..migration.steps.options import StepOptions, read_fills
from .console import echo, print_findings, result, success, write_json
from .options import Json
from .rename_question import rename_answers


def revision_command(
    message: Annotated[str, typer.Option("-m", "--message", help="What the revision does.")],
    empty: Annotated[bool, typer.Option("--empty", help="Write one without operations.")] = False,
    single: Annotated[
        bool, typer.Option("--single", help="Write one revision, whatever it locks.")
    ] = False,
    online: Annotated[
        bool,
        typer.Option("--online", help="Change types by a new column that is kept in step."),
    ] = False,
    fill: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE.COLUMN=SQL", help="The value of a required column in existing rows."
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE[.COLUMN]=NAME", help="What was renamed, and to what."),
    ] = None,
    no_rename: Annotated[
        bool, typer.Option("--no-rename", help="Nothing else was renamed: drop what is gone.")
    ] = False,
    no_proof: Annotated[
        bool, typer.Option("--no-proof", help="Hand the files over without running them.")
    ] = False,
    json: Json = None,
) -> None:
    """Generate revisions from model changes (autogenerate), and prove them on a scratch database.

    What touches tables that exist is written in steps, each a revision of its own where it must be.
    """
    load_settings()
    steps = StepOptions(single, online, read_fills(fill or ()))
    renames = rename_answers(rename or (), no_rename=no_rename)
    request = Request(message, empty, not no_proof, steps, renames, lambda line: echo(line, "dim"))
    written = asyncio.run(write_revisions(request, alembic_config()))
    if written is None:
        success("The models match the migrations: no revision was written.")
    else:
        _print(written, request)
    revisions = [] if written is None else written.revisions
    write_json(
        json,
        {
            "path": revisions[0].path if revisions else None,
            "revisions": [
                {"path": each.path, **({} if each.step is None else each.step.as_json())}
                for each in revisions
            ],
            "findings": [asdict(each) for each in (written.findings if written else ())],
        },
    )


def _print(written: Written, request: Request) -> None:
    """Say what each file does, which locks it takes, and when it is deployed."""
    is_chain = len(written.revisions) > 1
    for each in written.revisions:
        success(f"wrote {os.path.relpath(each.path)}")
        if each.step is not None and (is_chain or each.step.step.phase == "contract"):
            step = each.step.step
            result(f"    {step.summary}.")
            result(f"    locks: {step.locks or 'none on tables that exist'}; deploy {step.deploy}")
    for trip in written.trips:
        if not trip.ok:
            echo(str(trip), "yellow")
    for remark in written.remarks:
        echo(remark, "yellow")
    print_findings(written.findings)
    if not request.proof and not request.empty:
        echo("Nothing was run: --no-proof.", "yellow")
    echo("Read them, then run: db upgrade" if is_chain else "Read it, then run: db upgrade")
