"""Where the revision files lie, as the file that configures Alembic says; read without Alembic."""

import os
import re
from collections.abc import Iterator
from configparser import ConfigParser, Error
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigurationError
from ..project import TOML_FILE, config_file, read_toml

# What stands between several folders in an ini file.
# https://alembic.sqlalchemy.org/en/latest/tutorial.html#editing-the-ini-file
_SEPARATORS: Final = {"os": os.pathsep, "space": " ", "newline": "\n", ":": ":", ";": ";"}


def revision_files() -> Iterator[Path]:
    """Yield the project's revision files, folder after folder, in each by name.

    Raises:
        ConfigurationError: a folder of revisions is missing.
    """
    for folder in version_folders():
        yield from files_in(folder)


def files_in(folder: Path) -> list[Path]:
    """Return the revision files of a folder, by name.

    Raises:
        ConfigurationError: the folder is missing.
    """
    if not folder.is_dir():
        raise ConfigurationError(
            f"There is no folder {folder}.",
            "Ship the migrations with the application, or call init_db(require_head=False).",
        )
    return sorted(folder.rglob("*.py"))


def version_folders() -> list[Path]:
    """Return the folders of the project's revision files.

    Raises:
        ConfigurationError: the file that says so cannot be read.
    """
    file = config_file()
    folders = _in_toml(file) if file.name == TOML_FILE else _in_ini(file)
    return [file.parent / folder for folder in folders]


def _in_toml(file: Path) -> list[str]:
    settings: dict[str, Any] = read_toml(file).get("tool", {}).get("alembic", {})
    here = {"here": file.absolute().parent.as_posix()}
    locations = settings.get("version_locations")
    if not isinstance(locations, list):
        locations = [f"{settings.get('script_location', '%(here)s/migrations')}/versions"]
    try:
        return [str(location) % here for location in locations]
    except (KeyError, ValueError) as error:
        raise ConfigurationError(f"{file}: version_locations: {error}.", "Fix it there.") from None


def _in_ini(file: Path) -> list[str]:
    parser = ConfigParser({"here": file.absolute().parent.as_posix()})
    try:
        parser.read(file, encoding="utf-8")
        location = parser.get("alembic", "script_location", fallback="migrations")
        locations = parser.get("alembic", "version_locations", fallback="")
        separator = parser.get("alembic", "path_separator", fallback="") or parser.get(
            "alembic", "version_path_separator", fallback=""
        )
    except Error as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(f"{file} cannot be read: {reason}.", "Fix it there.") from None
    if not locations:
        return [f"{location}/versions"]
    if separator in _SEPARATORS:
        parts = locations.split(_SEPARATORS[separator])
    else:  # as Alembic did before it had separators
        parts = re.split(r", *| +", locations)
    return [part.strip() for part in parts if part.strip()]
