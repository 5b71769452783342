"""Alembic's configuration of the project."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from alembic.config import CommandLine, Config

from ..project import INI_FILE, TOML_FILE, config_file, config_file_in


def alembic_config(root: Path | None = None) -> Config:
    """Return the configuration that `db.toml` or `alembic.ini` holds, quiet on standard output.

    `root` is the folder of that file, by default the project's. No URL is ever put in: a `%` in a
    password breaks the ini file's interpolation (Alembic #700).

    Raises:
        ConfigurationError: there is no such folder.
    """
    file = config_file() if root is None else config_file_in(root) or root / INI_FILE
    return configured_by(file, Namespace(quiet=True, x=None))


def configured_by(file: Path, options: Namespace) -> Config:
    """Return the configuration in a file, TOML or ini, with the options of a command line."""
    if file.name == TOML_FILE:
        return Config(toml_file=file, cmd_opts=options)
    return Config(file, cmd_opts=options)


def run_alembic(arguments: Sequence[str]) -> None:
    """Run Alembic's own command line on the project's file, wherever in the project one is.

    Alembic itself reads TOML from a file of the name `pyproject.toml` alone.

    Raises:
        ConfigurationError, MigrationError: there is no such file, or one of the project's is wrong.
        SystemExit: the command failed, or the arguments are not understood.
    """
    line = CommandLine(prog="db alembic")
    options = line.parser.parse_args(arguments)
    if not hasattr(options, "cmd"):
        line.parser.error("too few arguments")
    from .commands import history_explained  # which needs this module

    with history_explained():
        line.run_cmd(configured_by(config_file(), options), options)


def is_command_line(config: Config) -> bool:
    """Tell whether Alembic's own command line runs, and not a program that has imported Alembic."""
    return hasattr(config.cmd_opts, "cmd")


def root_of(config: Config) -> Path:
    """Return the folder of the file that a configuration was read from."""
    return Path(config.toml_file_name or config.config_file_name or ".").resolve().parent
