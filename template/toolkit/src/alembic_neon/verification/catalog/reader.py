"""Reads snapshots: once, or again and again at the cost of what changed in between."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ...engine.factory import migration_connection
from ...engine.url import DatabaseURL
from ...engine.version_table import version_table
from .change_queries import changes_sql
from .object_queries import objects_sql
from .relation_queries import EVERY_RELATION, SOME_RELATIONS, relations_sql
from .snapshot import Catalog, RelationObjects

# The part of what is on no relation; no relation has this oid.
_OBJECTS: Final = 0
# With an empty search path `pg_get_…def` and `format_type` write every name with its schema. It is
# set inside the query, so that it holds in autocommit too, and ends with the transaction.
_ON_EMPTY_PATH: Final = """
SELECT read.* FROM (SELECT set_config('search_path', '', true) AS path) AS setting
CROSS JOIN LATERAL (SELECT * FROM ({}) AS rows WHERE setting.path = '' OFFSET 0) AS read
"""


class CatalogReader:
    """Reads snapshots on one connection, each at the cost of what changed since the last one.

    Whoever made the changes, on whatever connection, they are seen once they are committed. Read
    between transactions: one that is open is read in and left open, its own changes are seen.
    Alembic's version table is left out, as its row differs by design.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._version_table = version_table().parameters
        self._last: Any = None
        self._parts: dict[int, RelationObjects] = {}

    async def read(self) -> Catalog:
        """Return the catalog as it is now, in one round trip where nothing changed."""
        is_ours = not self._connection.in_transaction()
        path = None if is_ours else await self._fetch("SELECT current_setting('search_path')")
        try:
            self._parts = await self._read()
        except BaseException:
            self._last = None
            raise
        finally:
            if is_ours:
                await self._connection.rollback()
        if path:
            await self._fetch("SELECT set_config('search_path', $1, true)", path[0][0])
        return Catalog(self._parts)

    async def _read(self) -> dict[int, RelationObjects]:
        version = _version(self._connection)
        last, self._last = self._last, None
        now = (await self._fetch(_changes(version), last.xmin if last else None))[0]
        if last is None or _everything_changed(last, now):
            parts = await self._fetch_parts(_relations(EVERY_RELATION), *self._version_table)
            last_objects = None
        else:
            parts = await self._refreshed(last, now)
            last_objects = (last.objects, last.shared)
        if now.objects_touched or (now.objects, now.shared) != last_objects:
            parts |= await self._fetch_parts(_objects(version))
        self._last = now
        return parts

    async def _refreshed(self, last: Any, now: Any) -> dict[int, RelationObjects]:
        """Return the parts, those of relations that changed read anew."""
        was, is_now = _rows_by_unit(last), _rows_by_unit(now)
        changed = {oid for oid, rows in is_now.items() if was.get(oid) != rows}
        changed |= set(now.touched or ()) | (was.keys() - is_now.keys())
        if not changed:
            return dict(self._parts)
        parts = {oid: part for oid, part in self._parts.items() if oid not in changed}
        read = await self._fetch_parts(
            _relations(SOME_RELATIONS), *self._version_table, sorted(changed)
        )
        return parts | {oid: _same_or_new(self._parts.get(oid), part) for oid, part in read.items()}

    async def _fetch_parts(self, query: str, *arguments: object) -> dict[int, RelationObjects]:
        return _parts(await self._fetch(query, *arguments))

    async def _fetch(self, query: str, *arguments: object) -> Sequence[Any]:
        return (await self._connection.exec_driver_sql(query, arguments)).all()


async def take_snapshot(url: DatabaseURL) -> Catalog:
    """Take a snapshot of the database at `url`.

    Raises:
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    async with migration_connection(url) as connection:
        query = _everything(_version(connection))
        result = await connection.exec_driver_sql(query, version_table().parameters)
        return Catalog(_parts(result.all()))


def _version(connection: AsyncConnection) -> int:
    return int((connection.dialect.server_version_info or (0,))[0])


def _everything_changed(last: Any, now: Any) -> bool:
    """Whether names changed that any definition may hold, or what belongs to extensions."""
    return now.members_touched or (now.members, now.names) != (last.members, last.names)


def _rows_by_unit(changes: Any) -> dict[int, int]:
    return dict(zip(changes.units or (), changes.rows or (), strict=True))


def _same_or_new(was: RelationObjects | None, now: RelationObjects) -> RelationObjects:
    """Return the part that earlier snapshots hold, if it is equal."""
    return was if was is not None and was.digest == now.digest else now


def _parts(rows: Sequence[Any]) -> dict[int, RelationObjects]:
    parts: dict[int, list[tuple[str, ...]]] = {}
    for row in rows:
        parts.setdefault(row[0], []).append(row[1:])
    return {unit: RelationObjects(rows) for unit, rows in parts.items()}


@cache
def _changes(version: int) -> str:
    return changes_sql(version)


@cache
def _relations(scope: str) -> str:
    return _ON_EMPTY_PATH.format(relations_sql(scope))


@cache
def _objects(version: int) -> str:
    return _ON_EMPTY_PATH.format(objects_sql(version))


@cache
def _everything(version: int) -> str:
    both = f"({relations_sql(EVERY_RELATION)}) UNION ALL {objects_sql(version)}"
    return _ON_EMPTY_PATH.format(both)
