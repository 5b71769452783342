"""How much was written since a restore point: PostgreSQL's own counters, then and now."""

import json
from typing import Final

from sqlalchemy import text

from ..branches.provider import RestorePoint
from ..engine.factory import migration_connection
from ..engine.url import DatabaseURL
from ..engine.version_table import version_table
from ..project import ensure_state_dir, state_dir

# The counters belong to one database, which a restore may replace, and start again after a crash.
_WRITES_SQL: Final = text("""
SELECT (SELECT oid FROM pg_database WHERE datname = current_database())::bigint AS database,
    coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint AS rows
FROM pg_stat_user_tables
WHERE NOT (relname = ANY (:names) AND schemaname = coalesce(:schema, schemaname))
""")

_FILE: Final = "restore-points.json"

Counted = tuple[int, int]  # the database's oid, and the rows ever written to it


async def count_writes(url: DatabaseURL) -> Counted:
    """Ask how many rows were ever inserted, updated and deleted.

    Raises:
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    async with migration_connection(url) as connection:
        names, schema = version_table().parameters
        parameters = {"names": names, "schema": schema}
        row = (await connection.execute(_WRITES_SQL, parameters)).one()
        return row.database, row.rows


def keep_count(point: RestorePoint, counted: Counted) -> None:
    """Keep what was counted when a restore point was made, in the project's folder."""
    path = ensure_state_dir(state_dir()) / _FILE
    path.write_text(json.dumps(_kept() | {point.id: counted}, indent=2), encoding="utf-8")


def written_since(point: RestorePoint, now: Counted) -> int | None:
    """Return how many rows were written since; None where that is not known."""
    database, rows = _kept().get(point.id, (None, 0))
    return now[1] - rows if database == now[0] and rows <= now[1] else None


def _kept() -> dict[str, Counted]:
    path = state_dir() / _FILE
    try:
        kept: dict[str, Counted] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept
