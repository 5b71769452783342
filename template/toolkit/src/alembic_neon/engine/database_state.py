"""Where a database stands, seen from the migration files: the one answer to that question."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ARRAY, Text, column, select, table
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Select

from ..errors import ConfigurationError
from .driver_errors import sqlstate
from .revisions import RevisionGraph
from .version_table import REVISIONS_TABLE, version_table

_NO_SUCH_TABLE: Final = ("42P01", "3F000")  # or no such schema
_NOT_ALLOWED: Final = "42501"
_NO_SUCH_COLUMN: Final = "42703"

Position = Literal["at_head", "behind", "ahead", "elsewhere"]


@dataclass(frozen=True)
class DatabaseState:
    """A database's revisions, the files' heads, and how the one stands to the other.

    - "at_head": every revision of the files was applied, and none besides.
    - "behind": revisions of the files are still to be applied.
    - "ahead": every revision of the files was applied, and others that no file has: a newer release
      has migrated the database, and this one still runs on it.
    - "elsewhere": the database has a revision that no file has, and it is not known to build on
      these files: another branch of the code, or another project.
    """

    position: Position
    current: frozenset[str]
    heads: frozenset[str]

    @property
    def is_served(self) -> bool:
        """Whether the code of these files can run on the database."""
        return self.position in ("at_head", "ahead")


async def read_database_state(connection: AsyncConnection, graph: RevisionGraph) -> DatabaseState:
    """Ask the database for its revisions, and compare them with the files'."""
    current = await current_revisions(connection)
    is_known = current <= graph.parents.keys()
    return compare(current, graph, {} if is_known else await applied_revisions(connection))


def compare(
    current: frozenset[str],
    graph: RevisionGraph,
    applied: Mapping[str, frozenset[str]] | None = None,
) -> DatabaseState:
    """Compare a database's revisions with the files'.

    `applied` holds the parents of revisions that no file has: see `applied_revisions`.
    """
    has_every_one = graph.heads <= graph.with_ancestors(current, applied)
    if current <= graph.parents.keys():
        position: Position = "at_head" if has_every_one else "behind"
    else:
        position = "ahead" if graph.heads and has_every_one else "elsewhere"
    return DatabaseState(position, current, graph.heads)


async def current_revisions(connection: AsyncConnection) -> frozenset[str]:
    """Return what the version table says; nothing where there is no such table yet.

    Raises:
        ConfigurationError: the role may not read it.
    """
    ours = version_table()
    versions = table(ours.name, column("version_num"), schema=ours.schema)
    try:
        rows = await _rows(connection, select(versions.c.version_num))
    except ProgrammingError as error:
        if sqlstate(error) != _NOT_ALLOWED:
            raise
        raise ConfigurationError(
            f"The role may not read the version table {ours.quoted}.",
            f"As its owner, run: GRANT SELECT ON {ours.quoted} TO the role",
        ) from None
    return frozenset(row[0] for row in rows)


async def applied_revisions(connection: AsyncConnection) -> dict[str, frozenset[str]]:
    """Return the revisions that `db upgrade` noted as applied, each with those it builds on.

    The table of them lies beside the version table, which holds the last ones alone. There are
    none where an older toolkit wrote the database, the role may not read the table, or a table of
    that name is not the toolkit's.
    """
    noted = table(
        REVISIONS_TABLE,
        column("revision", Text),
        column("down_revisions", ARRAY(Text)),
        schema=version_table().schema,
    )
    try:
        rows = await _rows(connection, select(noted.c.revision, noted.c.down_revisions))
    except ProgrammingError as error:
        if sqlstate(error) not in (_NOT_ALLOWED, _NO_SUCH_COLUMN):
            raise
        return {}
    return {revision: frozenset(built_on or ()) for revision, built_on in rows}


async def _rows(connection: AsyncConnection, query: Select[Any]) -> list[Any]:
    """Return a query's rows; none where its table is not there."""
    try:
        async with connection.begin_nested() if connection.in_transaction() else connection.begin():
            return list((await connection.execute(query)).all())
    except ProgrammingError as error:
        if sqlstate(error) in _NO_SUCH_TABLE:
            return []
        raise
