"""Alembic's configuration of the project."""

from argparse import Namespace
from pathlib import Path

from alembic.config import Config

from ..connection.project import project_root


def alembic_config(root: Path | None = None) -> Config:
    """Return the configuration that `alembic.ini` holds, quiet on standard output.

    `root` is the folder of `alembic.ini`, by default the project's. No URL is ever put in: a `%` in
    a password breaks the ini file's interpolation (Alembic #700).

    Raises:
        ConfigurationError: there is no such folder.
    """
    config = Config((root or project_root()) / "alembic.ini", cmd_opts=Namespace(quiet=True))
    # Whoever runs a command from Python shows its progress himself.
    config.attributes["configure_logger"] = False
    return config
