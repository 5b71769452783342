"""The project around the toolkit: its folder, its name, its settings, its PostgreSQL version."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

from .errors import ConfigurationError

OFFERED_POSTGRES_VERSIONS: Final = (14, 15, 16, 17, 18)
# A project that was there before the toolkit keeps `alembic.ini` and `pyproject.toml` for itself.
TOML_FILE: Final = "db.toml"
INI_FILE: Final = "alembic.ini"
_PACKAGE: Final = __name__.partition(".")[0]


def config_file() -> Path:
    """Return the file that configures Alembic: `db.toml`, or where there is none `alembic.ini`.

    It lies in the working directory or in a folder above it. Elsewhere it is sought from this file
    upwards, so that an editable installation finds its project from anywhere.

    Raises:
        ConfigurationError: no such file.
    """
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if (found := config_file_in(folder)) is not None:
                return found
    raise ConfigurationError(
        f"No {TOML_FILE} and no {INI_FILE} in {Path.cwd()} or above it.",
        "Run this inside the project's folder.",
    )


def config_file_in(folder: Path) -> Path | None:
    """Return the file that configures Alembic in exactly this folder, or None."""
    found = (folder / name for name in (TOML_FILE, INI_FILE))
    return next((path for path in found if path.is_file()), None)


def project_root() -> Path:
    """Return the folder that holds the file of `config_file`.

    Raises:
        ConfigurationError: no such folder.
    """
    return config_file().parent


def state_dir() -> Path:
    """Return the project's folder for what stays on this machine, which git ignores."""
    return project_root() / ".neon-local"


def ensure_state_dir(folder: Path) -> Path:
    """Make a folder such as `state_dir()` where it is missing, and let git ignore it."""
    folder.mkdir(exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    return folder


def project_name() -> str:
    """Return the name in `pyproject.toml`, or else that of the package, with dashes."""
    try:
        name = read_toml(project_root() / "pyproject.toml").get("project", {}).get("name")
    except ConfigurationError:  # an installed application without its project folder
        name = None
    return name if isinstance(name, str) else _PACKAGE.replace("_", "-")


def postgres_version() -> int:
    """Return the major version that `[tool.db] postgres_version` asks for.

    Raises:
        ConfigurationError: the value is none of the versions that Neon offers.
    """
    version = tool_settings().get("postgres_version", 18)
    if version not in OFFERED_POSTGRES_VERSIONS:
        raise ConfigurationError(
            f"[tool.db] postgres_version in {setting_source('postgres_version')} is {version!r}.",
            f"It takes one of {', '.join(map(str, OFFERED_POSTGRES_VERSIONS))}.",
        )
    return int(version)


def tool_settings() -> dict[str, Any]:
    """Return the table `[tool.db]`: each key from `pyproject.toml`, or else from `db.toml`.

    `postgres_version`: the major version that Neon runs, 14 to 18; the embedded server is of it, or
    of the next one it has. Default: 18.
    `version_table`: the name of the version table. Default: `alembic_version`.
    `version_table_schema`: the schema of the version table, made where it is missing. Default: as
    the search path decides.
    `allow_mixed_revisions`: `true` lets a history through whose revisions mix what runs outside a
    transaction with other operations. Default: `false`.
    `rehearsal`: the thresholds of a rehearsal's verdict, a table of its own.
    """
    root = project_root()
    return _tool_db(root / TOML_FILE) | _tool_db(root / "pyproject.toml")


# The keys of `[tool.db]`: their type, and what they take.
_KEYS: Final[dict[str, tuple[type, str]]] = {
    "postgres_version": (int, f"one of {', '.join(map(str, OFFERED_POSTGRES_VERSIONS))}"),
    "version_table": (str, "the name of a table"),
    "version_table_schema": (str, "the name of a schema"),
    "allow_mixed_revisions": (bool, "true or false"),
    "rehearsal": (dict, "a table of thresholds"),
}


def setting_source(key: str) -> str:
    """Return the name of the file that a key of `[tool.db]` is read from."""
    root = project_root()
    return (
        TOML_FILE
        if key in _tool_db(root / TOML_FILE) and key not in _tool_db(root / "pyproject.toml")
        else "pyproject.toml"
    )


def _tool_db(path: Path) -> dict[str, Any]:
    tools = read_toml(path).get("tool", {})
    settings = tools.get("db", {}) if isinstance(tools, dict) else {}
    if not isinstance(settings, dict):
        raise ConfigurationError(f"db in {path.name} is {settings!r}.", "It is a table, [tool.db].")
    for key, value in settings.items():
        if key not in _KEYS:
            raise ConfigurationError(
                f"[tool.db] {key} in {path.name} is not understood.",
                f"The keys are {', '.join(_KEYS)}.",
            )
        kind, takes = _KEYS[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ConfigurationError(
                f"[tool.db] {key} in {path.name} is {value!r}.", f"It takes {takes}."
            )
    return settings


@cache
def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file, once; empty where there is none.

    Raises:
        ConfigurationError: it cannot be read, or is not valid TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}.", "It is a text file in UTF-8 that you may read."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}.", "Fix that line.") from None
