"""What the trace asks PostgreSQL: a session's locks, and the files and scans of its relations."""

from typing import Final

# The relations that are there before the run. What the run makes itself is not among them: nobody
# else can be waiting for it. Partitions are relations of their own.
RELATIONS_SQL: Final = """
SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
    c.relkind::text AS kind, c.relfilenode AS file,
    greatest(c.reltuples, 0)::bigint AS rows, pg_table_size(c.oid) AS size_bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relkind IN ('r', 'p', 'm')
  AND NOT (c.relname = ANY ($1) AND n.nspname = coalesce($2, n.nspname))
"""

# Scans are counted since the session last reported them, which it does outside transactions only.
# So a transaction's own are the difference to this.
SCANS_SQL: Final = """
SELECT oid, pg_stat_get_xact_numscans(oid) AS scans FROM unnest($1::oid[]) AS oid
WHERE pg_stat_get_xact_numscans(oid) > 0
"""

# What the session holds at this moment. A rewrite and a scan need a lock, so no other relation has
# to be looked at, however large the schema is.
HELD_SQL: Final = """
SELECT l.relation AS oid, l.mode, c.relfilenode AS file,
    pg_stat_get_xact_numscans(l.relation) AS scans
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted
"""

# The same seen from another session, for a statement that ends its own transactions, like CREATE
# INDEX CONCURRENTLY: when it returns, its locks are gone.
WATCH_SQL: Final = """
SELECT l.relation AS oid, l.mode, p.relid IS NOT NULL AS is_scanned
FROM pg_locks l
LEFT JOIN pg_stat_progress_create_index p ON p.pid = l.pid AND p.relid = l.relation
WHERE l.pid = $1 AND l.locktype = 'relation' AND l.granted
"""

# Runs what is deferred to COMMIT now; COMMIT has nothing left to run then.
RUN_DEFERRED_SQL: Final = "SET CONSTRAINTS ALL IMMEDIATE"
