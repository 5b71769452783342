"""The command line: `db …`, or `python -m <package>.db …`."""

import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..branches.target import describe_url, target_url
from ..embedded.server import LocalServer
from ..engine.settings import load_settings
from ..errors import ToolkitError
from ..migration.history.status import read_status
from ..migration.runner.progress import Step
from ..migration.runner.run import downgrade, print_sql, upgrade
from .console import echo, print_error, print_findings, print_table, success, write_json
from .lazy import LazyGroup
from .options import Json
from .progress import ConsoleProgress
from .toolkit_location import require_toolkit

if TYPE_CHECKING:
    from ..engine.url import DatabaseURL
    from ..migration.history.status import Status
    from ..migration.lint.findings import Finding
    from .doctor_checks import Check

# What a command alone needs it imports itself, so that the others start without it.
app = typer.Typer(
    cls=LazyGroup,
    help="Migrations for Neon PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Sql = Annotated[bool, typer.Option("--sql", help="Print the SQL instead of running it.")]


def main() -> None:
    """Run the command line; an expected failure ends in one line and its own exit code.

    `0`: it is done; of a check or a rehearsal, nothing stands against the migrations.
    `1`: a migration, a check or a rehearsal failed, or the database could not be reached.
    `2`: the usage, a setting or a file is wrong; nothing was done.
    `130`: Ctrl-C; what was begun is taken back first.
    """
    try:
        require_toolkit()
        app()
    except ToolkitError as error:
        print_error(error)
        sys.exit(error.exit_code)


@app.command()
def doctor(json: Json = None) -> None:
    """Check the settings, the connection and the server."""
    checks = asyncio.run(_examine())
    write_json(json, [asdict(check) for check in checks])
    if any(check.grade == "wrong" for check in checks):
        raise typer.Exit(1)


async def _examine() -> "list[Check]":
    from rich.text import Text

    from .doctor_checks import examine

    styles = {"ok": ("ok", "green"), "note": ("note", "yellow"), "wrong": ("wrong", "bold red")}
    checks = [check async for check in examine(load_settings())]
    print_table(
        ("check", "", ""),
        [(check.name, Text(*styles[check.grade]), check.detail) for check in checks],
    )
    return checks


@app.command()
def status(json: Json = None) -> None:
    """Show the revision of the database, the heads, what is pending, and drift of its schema."""
    url = target_url()
    found, drift = asyncio.run(_read_status(url))
    echo(f"database  {describe_url(url)}")
    echo(f"revision  {', '.join(found.current) or 'none'}")
    echo(f"head      {', '.join(found.heads) or 'none'}")
    if found.is_at_head:
        success("nothing is pending")
    else:
        echo(f"{len(found.pending)} pending:", "yellow")
        print_table(
            ("revision", "message", "file"),
            [(each.revision, each.doc, Path(each.path).name) for each in found.pending],
        )
    if drift:
        print_findings(drift)
    elif found.current:
        success("the schema is what the migrations make")
    pending = [{"revision": each.revision, "message": each.doc} for each in found.pending]
    write_json(
        json,
        {
            "current": found.current,
            "heads": found.heads,
            "pending": pending,
            "drift": [asdict(finding) for finding in drift],
        },
    )


async def _read_status(url: "DatabaseURL") -> "tuple[Status, list[Finding]]":
    from ..branches.comparison import compare_with_migrations

    found = await read_status(url)
    return found, await compare_with_migrations(url, found)


@app.command("upgrade")
def upgrade_command(
    revision: Annotated[
        str, typer.Argument(metavar="[REV]", help="A revision, its first letters, or +1.")
    ] = "head",
    sql: Sql = False,
    json: Json = None,
) -> None:
    """Upgrade the database to a revision, by default to the head."""
    if sql:
        print_sql(revision)
        return
    url = target_url()
    echo(f"Upgrading {describe_url(url)}")
    steps = asyncio.run(upgrade(url, revision, progress=ConsoleProgress()))
    _say_end(steps, "applied", "The database is at that revision already.")
    write_json(json, [asdict(step) for step in steps])


# A relative revision, "-1", begins like an option.
@app.command("downgrade", context_settings={"ignore_unknown_options": True})
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
    _say_end(steps, "taken back", "There was nothing to take back.")
    write_json(json, [asdict(step) for step in steps])


def _say_end(steps: list[Step], verb: str, otherwise: str) -> None:
    count = len(steps)
    echo(f"{count} revision{'s' * (count != 1)} {verb}." if count else otherwise, "bold")


@app.command("alembic", context_settings={"ignore_unknown_options": True}, add_help_option=False)
def alembic_command(
    arguments: Annotated[
        list[str], typer.Argument(metavar="ARGS...", help="As for alembic itself.")
    ],
) -> None:
    """Run a command of Alembic's own (history, merge, stamp, ...) with the project's settings."""
    from ..migration.configuration import run_alembic

    run_alembic(arguments)


@app.command()
def start() -> None:
    """Start the embedded PostgreSQL."""
    server = LocalServer.for_project()
    started = server.ensure_running()
    success(f"PostgreSQL {server.major_version} {'started' if started else 'runs already'}")
    echo(str(server.url()))


@app.command()
def stop() -> None:
    """Stop the embedded PostgreSQL, that of the tests too."""
    servers = [LocalServer.for_project(profile) for profile in ("development", "test")]
    stopped = [server.stop() for server in servers]
    success("PostgreSQL stopped" if any(stopped) else "PostgreSQL was not running")
