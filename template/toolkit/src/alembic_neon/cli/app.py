"""The command line, `db …`: the names of the commands, whose modules are imported when they run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ConfigurationError, ToolkitError
from ..interruption import INTERRUPTED, exit_interrupted
from ..project import project_root
from .console import echo, print_error, reserve_stdout
from .lazy import LazyGroup
from .toolkit_location import require_toolkit

app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False
)


def main() -> None:
    """Run the command line; an expected failure ends in one line and its own exit code.

    `0`: it is done; of a check or a rehearsal, no problem was found.
    `1`: a migration, a check or a rehearsal failed, or the database could not be reached.
    `2`: the usage, a setting or a file is wrong; nothing was done.
    `130`: Ctrl-C; what was begun is rolled back first.
    """
    block_mako_pygments()
    try:
        require_toolkit()
        app(prog_name="db")
    except ToolkitError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # Typer makes it of a KeyboardInterrupt
            exit_interrupted()
        raise


def block_mako_pygments() -> None:
    """Keep Mako from importing Pygments with its lexers, to colour error pages that nobody sees.

    That would be a tenth of the start of `db upgrade`. A module that is None raises ImportError,
    for which Mako is prepared.
    """
    sys.modules.setdefault("mako.ext.pygmentplugin", None)  # type: ignore[arg-type]


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print(f"alembic-neon {version('alembic-neon')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Migrations for Neon PostgreSQL."""
    # Until an option asks for it, and to the end of the command.
    reserve_stdout(False)
    context.call_on_close(lambda: reserve_stdout(False))
    _name_project_of_environment()


def _name_project_of_environment() -> None:
    """Say which project is used where the working directory is in none.

    It is the one whose environment runs: an editable toolkit lies in its folder.
    """
    try:
        root = project_root()
    except ConfigurationError:
        return  # whoever needs a project says so
    if not Path.cwd().is_relative_to(root):
        echo(f"{Path.cwd()} is in no project: using the one in {root}.", "yellow")
