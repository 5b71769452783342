"""The revisions that the migration files end in, and those that a database is at.

The files are read without being run and without Alembic, as the application, which only has to know
whether its database is at head, should not pay for either.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import column, select, table
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import ConfigurationError
from .driver_errors import sqlstate
from .version_locations import files_in, revision_files
from .version_table import version_table

_NAMES: Final = {"revision", "down_revision", "depends_on"}


def expected_heads(versions: Path | None = None) -> frozenset[str]:
    """Return the revisions that a database at head has in its version table.

    As in Alembic, that is every revision on which no other one builds or depends. `versions` is a
    folder of revision files; by default, all of the project's are read.

    Raises:
        ConfigurationError: the folder is missing, or a file in it is not Python.
    """
    revisions: set[str] = set()
    built_on: set[str] = set()
    for path in revision_files() if versions is None else files_in(versions):
        values = dict(_assignments(path))
        if isinstance(revision := values.get("revision"), str):
            revisions.add(revision)
            built_on |= _as_set(values.get("down_revision")) | _as_set(values.get("depends_on"))
    return frozenset(revisions - built_on)


async def current_revisions(connection: AsyncConnection) -> frozenset[str]:
    """Return what the version table says; nothing where there is no such table yet."""
    ours = version_table()
    versions = table(ours.name, column("version_num"), schema=ours.schema)
    try:
        async with connection.begin_nested() if connection.in_transaction() else connection.begin():
            return frozenset((await connection.scalars(select(versions.c.version_num))).all())
    except ProgrammingError as error:
        if sqlstate(error) in ("42P01", "3F000"):  # no such table, no schema
            return frozenset()
        raise


def _assignments(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not Python: {error}.", "Mend that file.") from None
    for statement in body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case _:
                continue
        if name in _NAMES:
            yield name, ast.literal_eval(value)


def _as_set(value: Any) -> set[str]:
    if value is None:
        return set()
    return {value} if isinstance(value, str) else set(value)
