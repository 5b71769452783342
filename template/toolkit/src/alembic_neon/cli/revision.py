"""The command `db revision`: writes the next revisions, runs them, and hands over what held."""

import asyncio
from typing import Annotated

import typer

from ..branches.revision_writing import Request, Written, write_revisions
from ..engine.settings import load_settings
from ..migration.configuration import alembic_config
from ..migration.steps.options import StepOptions, read_fills
from .console import echo, success, write_json
from .fill_question import with_fills
from .options import Json
from .rename_question import rename_answers
from .revision_summary import as_json, print_written, revision_sql


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
    show_sql: Annotated[
        bool, typer.Option("--show-sql", help="Show the SQL of each revision.")
    ] = False,
    json: Json = None,
) -> None:
    """Generate revisions from model changes (autogenerate), and prove them on a scratch database.

    What touches tables that exist is written in steps, each a revision of its own where it must be.
    """
    load_settings()
    renames = rename_answers(rename or (), no_rename=no_rename)
    config = alembic_config()

    def write(fills: dict[str, str]) -> Written | None:
        steps = StepOptions(single, online, fills)
        request = Request(
            message, empty, not no_proof, steps, renames, lambda line: echo(line, "dim")
        )
        return asyncio.run(write_revisions(request, config))

    written = with_fills(write, read_fills(fill or ()))
    statements = revision_sql(written, config) if written and (show_sql or json) else {}
    if written is None:
        success("The models match the migrations: no revision was written.")
    else:
        print_written(written, statements if show_sql else {}, has_proof=empty or not no_proof)
    write_json(json, as_json(written, statements))
