"""Partitions that are detached concurrently, and what an interruption leaves of that.

The first of its two transactions marks the partition. A detach that was interrupted after it is
pending until FINALIZE, and refused a second time.
https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DETACH-PARTITION
"""

import logging
from typing import Final

from sqlalchemy import Connection, text

from ...engine.sql_statement import SqlStatement
from ..sql_events import TOOLKIT_STATEMENT

_log: Final = logging.getLogger(__name__)

_PARTITION_SQL: Final = text("""
SELECT c.relispartition AS is_partition, (
    SELECT i.inhdetachpending FROM pg_inherits i
    WHERE i.inhrelid = c.oid AND i.inhparent = to_regclass(:parent)
) AS is_pending
FROM pg_class c WHERE c.oid = to_regclass(:partition)
""")


def detach_to_run(connection: Connection, statement: SqlStatement) -> str | None:
    """Return what to run in the place of a detach that an earlier run has begun, or finished.

    None: it is to be run as it stands.
    """
    parent, partition = statement.table, statement.partition
    if parent is None or partition is None:
        return None
    row = connection.execute(
        _PARTITION_SQL,
        {"parent": parent.sql, "partition": partition.sql},
        execution_options=TOOLKIT_STATEMENT,
    ).first()
    if row is None:
        return None
    if row.is_pending:
        _log.warning("The detach of %s was interrupted; it is finished.", partition.sql)
        return f"ALTER TABLE {parent.sql} DETACH PARTITION {partition.sql} FINALIZE"
    if not row.is_partition:
        _log.warning("%s was detached by an earlier run.", partition.sql)
        return "SELECT 1"
    return None
