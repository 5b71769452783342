"""How much was written since a restore point: PostgreSQL's own counters, then and now."""

import json
from typing import Final

from sqlalchemy import text

from ..connection.engine import create_migration_engine
from ..connection.failures import explained
from ..connection.project import project_root
from ..connection.url import DatabaseURL
from .provider import RestorePoint

# The counters belong to one database, which a restore may replace, and start again after a crash.
_WRITES_SQL: Final = text("""
SELECT (SELECT oid FROM pg_database WHERE datname = current_database())::bigint AS database,
    coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint AS rows
FROM pg_stat_user_tables WHERE relname <> 'alembic_version'
""")

Counted = tuple[int, int]  # the database's oid, and the rows ever written to it


async def count_writes(url: DatabaseURL) -> Counted:
    """Ask how many rows were ever inserted, updated and deleted.

    Raises:
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    engine = create_migration_engine(url)
    try:
        with explained(engine.url):
            async with engine.connect() as connection:
                row = (await connection.execute(_WRITES_SQL)).one()
                return row.database, row.rows
    finally:
        await engine.dispose()


def keep_count(point: RestorePoint, counted: Counted) -> None:
    """Keep what was counted when a restore point was made, in the project's folder."""
    path = project_root() / ".neon-local" / "restore-points.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(_kept() | {point.id: counted}, indent=2), encoding="utf-8")


def written_since(point: RestorePoint, now: Counted) -> int | None:
    """Return how many rows were written since; None where that is not known."""
    database, rows = _kept().get(point.id, (None, 0))
    return now[1] - rows if database == now[0] and rows <= now[1] else None


def _kept() -> dict[str, Counted]:
    path = project_root() / ".neon-local" / "restore-points.json"
    try:
        kept: dict[str, Counted] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept
