"""The project around the toolkit: its folder, its name, its PostgreSQL version, its revisions."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

from .errors import ConfigurationError

OFFERED_POSTGRES_VERSIONS: Final = (14, 15, 16, 17, 18)
_PACKAGE: Final = __name__.partition(".")[0]


def project_root() -> Path:
    """Return the folder that holds `alembic.ini`: the working directory or one above it.

    Elsewhere it is sought from this file upwards, so that an editable installation finds its
    project from anywhere.

    Raises:
        ConfigurationError: no such folder.
    """
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if (folder / "alembic.ini").is_file():
                return folder
    raise ConfigurationError(
        f"No alembic.ini in {Path.cwd()} or above it.", "Run this inside the project's folder."
    )


def local_folder() -> Path:
    """Return the project's folder for what stays on this machine, which git ignores."""
    return project_root() / ".neon-local"


def project_name() -> str:
    """Return the name in `pyproject.toml`, or else that of the package, with dashes."""
    try:
        name = _pyproject(project_root()).get("project", {}).get("name")
    except ConfigurationError:  # an installed application without its project folder
        name = None
    return name if isinstance(name, str) else _PACKAGE.replace("_", "-")


def postgres_version() -> int:
    """Return the major version that `[tool.db] postgres_version` in `pyproject.toml` asks for.

    Raises:
        ConfigurationError: the value is none of the versions that Neon offers.
    """
    version = tool_settings().get("postgres_version", 18)
    if version not in OFFERED_POSTGRES_VERSIONS:
        raise ConfigurationError(
            f"[tool.db] postgres_version in pyproject.toml is {version!r}.",
            f"It takes one of {', '.join(map(str, OFFERED_POSTGRES_VERSIONS))}.",
        )
    return int(version)


def version_table_schema() -> str | None:
    """Return `[tool.db] version_table_schema`: where `alembic_version` lies, if it is named.

    Raises:
        ConfigurationError: the value is no name.
    """
    try:
        schema = tool_settings().get("version_table_schema")
    except ConfigurationError:  # an installed application without its project folder
        return None
    if schema is not None and (not isinstance(schema, str) or not schema):
        raise ConfigurationError(
            f"[tool.db] version_table_schema in pyproject.toml is {schema!r}.",
            "It takes the name of a schema.",
        )
    return schema


def tool_settings() -> dict[str, Any]:
    """Return the table `[tool.db]` of `pyproject.toml`; empty where there is none.

    `postgres_version`: the major version that Neon runs, 14 to 18; the embedded server is of it, or
    of the next one it has. Default: 18.
    `version_table_schema`: the schema of `alembic_version`, made where it is missing. Default: as
    the search path decides.
    `allow_mixed_revisions`: `true` lets a history through whose revisions mix what runs outside a
    transaction with other operations. Default: `false`.
    `rehearsal`: the thresholds of a rehearsal's verdict, a table of its own.
    """
    settings = _pyproject(project_root()).get("tool", {}).get("db", {})
    return settings if isinstance(settings, dict) else {}


@cache
def _pyproject(root: Path) -> dict[str, Any]:
    path = root / "pyproject.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}.", "Mend that line.") from None
