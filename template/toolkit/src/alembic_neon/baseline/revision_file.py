"""Writes the baseline revision: one `op.execute` for each statement, above it the object's name."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from alembic import util
from alembic.config import Config
from sqlalchemy import text

from ..engine.sqlalchemy_internals import dialect
from ..engine.version_locations import version_folders
from ..migration.autogenerate.generate import format_revision, require_ruff
from ..migration.commands import script_directory
from ..migration.lint.linter import BASELINE
from .dump_text import DumpedObject

_IRREVERSIBLE: Final = (
    f'irreversible = "{BASELINE}: it makes the schema that was there before the first revision"'
)
# Functions are made before the tables that they read.
_FIRST: Final = 'op.execute("SET LOCAL check_function_bodies = off")'
# SQLAlchemy's `text` takes ":name" for a parameter, and "\:" for a colon.
_PARAMETER: Final = re.compile(r"(?<![:\w\\]):(\w+)(?![:\w])")
_ESCAPED: Final = re.compile(r"\\(:\w*)(?![:\w])")


def write_baseline(config: Config, message: str, objects: Iterable[DumpedObject]) -> Path:
    """Write the first revision of a history that is empty, formatted; returns its file.

    Raises:
        ConfigurationError, MigrationError: ruff is not installed, or refuses it.
    """
    require_ruff()
    lines = [_FIRST]
    for each in objects:
        lines.append(f"# {each.name}")
        lines += [f"op.execute({literal(statement)})" for statement in each.statements]
    folders = version_folders()
    made = script_directory(config).generate_revision(
        util.rev_id(),
        message,
        head="base",
        version_path=str(folders[0]) if len(folders) > 1 else None,
        upgrades="\n    ".join(lines),
        downgrades="raise NotImplementedError(irreversible)",
        imports="",
    )
    if made is None:
        raise AssertionError("Alembic wrote no revision")
    path = Path(made.path)
    try:
        source = path.read_text(encoding="utf-8")
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(re.sub(r"\n+(?=def upgrade\()", f"\n{_IRREVERSIBLE}\n\n\n", source))
        format_revision(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def literal(sql: str) -> str:
    """Return Python's text of a string that `op.execute` takes for exactly this SQL."""
    escaped = _PARAMETER.sub(r"\\:\1", _ESCAPED.sub(r"\\\\\1", sql))
    if str(text(escaped).compile(dialect=dialect())) != sql:
        raise AssertionError(f"not kept as it is: {sql}")
    if "\r" in escaped:  # Python reads every line break in a source as "\n"
        return repr(escaped)
    prefix = "r" if "\\" in escaped else ""
    for quotes in ('"""', "'''"):
        if quotes not in escaped and not escaped.endswith((quotes[0], "\\")):
            return f"{prefix}{quotes}{escaped}{quotes}"
    return repr(escaped)
