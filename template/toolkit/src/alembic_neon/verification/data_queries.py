"""What the data check asks: the tables with their columns, and one summary of a table's rows."""

from collections.abc import Iterable
from typing import Final

# Tables that hold rows themselves: partitions count, partitioned tables do not. Generated columns
# follow from others.
TABLES_SQL: Final = """
SELECT c.oid, n.nspname AS schema, c.relname AS name,
    array_agg(a.attnum ORDER BY a.attnum) AS numbers,
    array_agg(a.attname ORDER BY a.attnum) AS columns,
    array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS types,
    (SELECT k.conkey FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p') AS key
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attgenerated = ''
WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND NOT (c.relname = ANY ($1) AND n.nspname = coalesce($2, n.nspname))
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid = c.oid AND d.deptype = 'e')
GROUP BY c.oid, n.nspname, c.relname ORDER BY n.nspname, c.relname
"""


def summary_sql(table: str, columns: Iterable[str]) -> str:
    """Return the query that reads a table once: its rows, and of each column how many values are
    not NULL and the sum of their hashes. All names are quoted already.

    A sum does not depend on the order of the rows, which a rewrite changes.
    """
    parts = ["count(*)"]
    for column in columns:
        parts += [f"count({column})", f"sum(hashtextextended({column}::text, 0))::text"]
    return f"SELECT {', '.join(parts)} FROM ONLY {table}"  # noqa: S608 - quoted by the dialect


def row_hashes_sql(table: str, key: Iterable[str]) -> str:
    """Return the query for a hash of each row's key, eight bytes each, in one value."""
    return f"SELECT string_agg(int8send({_hash(key)}), '') FROM ONLY {table}"  # noqa: S608


def survivors_sql(table: str, columns: Iterable[str], key: Iterable[str]) -> str:
    """Return the query of `summary_sql` for the rows whose key's hash is in the parameter."""
    known = f"{_hash(key)} IN (SELECT unnest($1::bigint[]))"
    return f"{summary_sql(table, columns)} WHERE {known}"


def _hash(key: Iterable[str]) -> str:
    return f"hashtextextended(ROW({', '.join(key)})::text, 0)"
