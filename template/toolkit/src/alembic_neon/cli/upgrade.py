"""The commands `db upgrade`, `db downgrade` and `db alembic`."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from ..branches.target import describe_url, target_url
from ..migration.commands import script_directory
from ..migration.configuration import alembic_config, run_alembic
from ..migration.history.status import read_status
from ..migration.runner.run import downgrade, print_sql, upgrade
from .console import echo, write_json
from .options import Json
from .phase import Phase, PhaseOption, expand_target, print_waiting
from .progress import ConsoleProgress

Sql = Annotated[bool, typer.Option("--sql", help="Print the SQL instead of running it.")]


def upgrade_command(
    revision: Annotated[
        str, typer.Argument(metavar="REV", help="A revision, its first letters, or +1.")
    ] = "head",
    sql: Sql = False,
    phase: PhaseOption = None,
    json: Json = None,
) -> None:
    """Upgrade the database to a revision, by default to the head."""
    if phase is Phase.EXPAND:
        revision = expand_target(revision, sql=sql)
    if sql:
        print_sql(revision)
        return
    url = target_url()
    echo(f"Upgrading {describe_url(url)}")
    steps = asyncio.run(upgrade(url, revision, progress=ConsoleProgress()))
    end = f"{_revisions(len(steps))} applied." if steps else _nothing_to_do()
    echo(end, "bold")
    if phase is Phase.EXPAND:
        print_waiting(asyncio.run(read_status(url)).waiting)
    write_json(json, [asdict(step) for step in steps])


def downgrade_command(
    revision: Annotated[str, typer.Argument(metavar="REV", help="A revision, -1 or base.")],
    sql: Sql = False,
    json: Json = None,
) -> None:
    """Downgrade the database to a revision ("-1": one step, "base": everything)."""
    if sql:
        print_sql(revision, is_upgrade=False)
        return
    url = target_url()
    echo(f"Downgrading {describe_url(url)}")
    steps = asyncio.run(downgrade(url, revision, progress=ConsoleProgress()))
    end = f"Reverted {_revisions(len(steps))}." if steps else _nothing_to_do()
    echo(end, "bold")
    write_json(json, [asdict(step) for step in steps])


def _nothing_to_do() -> str:
    if script_directory(alembic_config()).get_heads():
        return "Already at that revision."
    return "There are no revisions yet. Write the first one: db revision -m TEXT"


def _revisions(count: int) -> str:
    return f"{count} revision{'s' * (count != 1)}"


def alembic_command(
    arguments: Annotated[
        list[str], typer.Argument(metavar="ARGS...", help="As for alembic itself.")
    ],
) -> None:
    """Run a command of Alembic's own (history, merge, stamp, ...) with the project's settings."""
    run_alembic(arguments)
