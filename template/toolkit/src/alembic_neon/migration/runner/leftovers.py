"""What interrupted concurrent operations have left: invalid indexes, and detaches that are pending.

Such an operation commits in between, so that nothing rolls it back. PostgreSQL says of each what
ends it: https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
https://www.postgresql.org/docs/current/sql-reindex.html#SQL-REINDEX-CONCURRENTLY
https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DETACH-PARTITION
"""

import logging
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from ..sql_events import TOOLKIT_STATEMENT

_log: Final = logging.getLogger(__name__)

# An index that is partitioned may be invalid in good order, and what another session works on at
# the moment is none: such an operation holds a lock on its table from beginning to end.
_FIND_SQL: Final = text(r"""
WITH leftovers AS (
    SELECT i.indexrelid AS oid, i.indrelid AS owner, true AS is_index,
        c.relname ~ '_cc(new|old)\d*$' AND pg_has_role(c.relowner, 'USAGE') AS is_of_reindex
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE NOT (i.indisvalid AND i.indisready AND i.indislive)
      AND c.relkind = 'i' AND c.relpersistence <> 't'
    UNION ALL
    SELECT inhrelid, inhparent, false, false FROM pg_inherits WHERE inhdetachpending
)
SELECT l.oid, l.is_index, l.is_of_reindex,
    quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
    quote_ident(tn.nspname) || '.' || quote_ident(t.relname) AS table_name
FROM leftovers l
JOIN pg_class c ON c.oid = l.oid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class t ON t.oid = l.owner JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE NOT EXISTS (
    SELECT FROM pg_locks k LEFT JOIN pg_stat_activity a ON a.pid = k.pid
    WHERE k.relation = l.owner AND k.mode = 'ShareUpdateExclusiveLock' AND k.granted
      AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND k.pid <> pg_backend_pid() AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
)
ORDER BY name
""")


@dataclass(frozen=True)
class Leftover:
    """An invalid index, or a partition whose detach is pending; names are as SQL has them."""

    oid: int
    is_index: bool
    is_of_reindex: bool  # a copy that REINDEX CONCURRENTLY makes, which the role may drop
    name: str
    table_name: str

    def __str__(self) -> str:
        if self.is_index:
            return f"an invalid index, {self.name} on {self.table_name}"
        return f"a pending detach, of {self.name} from {self.table_name}"

    @property
    def remedy(self) -> str:
        """The statement that ends it."""
        if self.is_index:
            return f"DROP INDEX CONCURRENTLY {self.name}"
        return f"ALTER TABLE {self.table_name} DETACH PARTITION {self.name} FINALIZE"


def find_leftovers(connection: Connection) -> tuple[Leftover, ...]:
    """Return what is left in the database, but for what is at work at the moment."""
    rows = connection.execute(_FIND_SQL, execution_options=TOOLKIT_STATEMENT)
    return tuple(Leftover(**row) for row in rows.mappings())


def drop_reindex_leftovers(connection: Connection) -> None:
    """Drop the copies that an interrupted REINDEX CONCURRENTLY has left, outside a transaction.

    None was ever used by a query, or is any more: the index itself has another name.
    """
    for leftover in find_leftovers(connection):
        if leftover.is_of_reindex:
            _log.warning("%s is left of an interrupted reindex; it is dropped.", leftover.name)
            connection.exec_driver_sql(leftover.remedy, execution_options=TOOLKIT_STATEMENT)
