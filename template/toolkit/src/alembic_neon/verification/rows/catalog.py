"""The tables that rows are made for: what the catalog says about them, as typed results."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ...engine.version_table import version_table
from .expressions import conjuncts, mentions

# Without a list of oids, every table. What belongs to an extension, to another session or to
# Alembic is nobody's to fill. The text of each expression is valid under the current search path.
TABLES_SQL: Final = r"""
SELECT json_build_object('oid', c.oid::bigint,
    'name', quote_ident(s.nspname) || '.' || quote_ident(c.relname),
    'plain_name', c.relname, 'kind', c.relkind,
    'parents', (SELECT json_agg(inhparent::bigint) FROM pg_inherits WHERE inhrelid = c.oid),
    'is_partition', c.relispartition,
    'partition_check', CASE WHEN c.relispartition THEN pg_get_partition_constraintdef(c.oid) END,
    'columns', (SELECT json_agg(json_build_object('number', a.attnum, 'name', a.attname,
            'type', a.atttypid::bigint, 'modifier', a.atttypmod,
            'type_name', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
            'given', a.attidentity <> '' OR a.attgenerated <> ''
                OR coalesce(pg_get_expr(d.adbin, d.adrelid), '') ~ '\mnextval\(',
            'computed', a.attgenerated <> '', 'always', a.attidentity = 'a',
            'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END)
            ORDER BY a.attnum)
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'checks', (SELECT json_agg(pg_get_expr(k.conbin, k.conrelid) ORDER BY k.conname)
        FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'),
    'foreign_keys', (SELECT json_agg(json_build_object('parent', k.confrelid::bigint,
            'parent_name', quote_ident(ps.nspname) || '.' || quote_ident(p.relname),
            'columns', k.conkey, 'full', k.confmatchtype = 'f',
            'parent_columns', (SELECT json_agg(json_build_array(a.attnum, a.attname) ORDER BY n)
                FROM unnest(k.confkey) WITH ORDINALITY AS key(number, n)
                JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = key.number))
            ORDER BY k.conname)
        FROM pg_constraint k JOIN pg_class p ON p.oid = k.confrelid
        JOIN pg_namespace ps ON ps.oid = p.relnamespace
        LEFT JOIN pg_constraint whole ON whole.oid = k.conparentid
        -- A key to a partitioned table has a copy for each partition; the table's own says it all.
        WHERE k.conrelid = c.oid AND k.contype = 'f' AND whole.conrelid IS DISTINCT FROM c.oid),
    'unique', (SELECT json_agg(i.indkey::int2[] ORDER BY i.indexrelid) FROM pg_index i
        WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion)))::text
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
  AND s.nspname <> 'information_schema' AND s.nspname !~ '^pg_'
  AND NOT (c.relname = ANY ($2) AND s.nspname = coalesce($3, s.nspname))
  AND ($1::oid[] IS NULL OR c.oid = ANY ($1::oid[]))
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass
                  AND objid = c.oid AND deptype = 'e')
ORDER BY s.nspname, c.relname
"""

# The types of some columns, and what these are made of.
TYPES_SQL: Final = """
WITH RECURSIVE used(oid) AS (
    SELECT unnest($1::oid[])
    UNION
    SELECT part.oid FROM used JOIN pg_type t ON t.oid = used.oid
    CROSS JOIN LATERAL (
        SELECT t.typbasetype AS oid
        UNION ALL SELECT t.typelem
        UNION ALL SELECT a.atttypid FROM pg_attribute a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid
            AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT CASE t.typtype WHEN 'r' THEN r.rngsubtype ELSE r.rngtypid END
            FROM pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
    ) AS part
    WHERE part.oid <> 0
)
SELECT json_build_object('oid', t.oid::bigint, 'name', t.typname, 'kind', t.typtype,
    'category', t.typcategory, 'modifier', t.typtypmod, 'base', t.typbasetype::bigint,
    'element', CASE WHEN t.typcategory = 'A' AND t.typname !~ '^(int2|oid)vector$'
        THEN t.typelem::bigint ELSE 0 END,
    'not_null', t.typnotnull, 'own', t.oid >= 16384,
    'range', (SELECT CASE t.typtype WHEN 'r' THEN r.rngsubtype ELSE r.rngtypid END::bigint
        FROM pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)),
    'labels', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)
        FROM pg_enum e WHERE e.enumtypid = t.oid),
    'fields', (SELECT json_agg(json_build_array(a.atttypid::bigint, a.atttypmod) ORDER BY a.attnum)
        FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid
        AND a.attnum > 0 AND NOT a.attisdropped),
    'check', (SELECT string_agg(pg_get_constraintdef(k.oid), ' ' ORDER BY k.conname)
        FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))::text
FROM used JOIN pg_type t ON t.oid = used.oid
"""


@dataclass(frozen=True)
class Type:
    """A type, as `pg_type` and the tables beside it have it."""

    oid: int
    name: str
    kind: str  # base, composite, domain, enum, range, multirange: its first letter in pg_type
    category: str
    modifier: int
    base: int
    element: int
    not_null: bool
    own: bool  # not one of those that PostgreSQL itself brings
    range: int  # of a range its subtype, of a multirange its range, else 0
    labels: tuple[str, ...]
    fields: tuple[tuple[int, int], ...]
    check: str


Types = Mapping[int, Type]


@dataclass(frozen=True)
class Column:
    """A column. One that is `given` gets its value from the server, if nobody else has one."""

    number: int
    name: str
    type: int
    modifier: int
    type_name: str
    not_null: bool
    given: bool
    computed: bool
    always: bool
    default: str | None


@dataclass(frozen=True)
class Check:
    """A condition on some columns, by their numbers."""

    expression: str
    columns: tuple[int, ...]


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key: the columns' numbers, and the numbers and names of the parent's columns."""

    parent: int
    parent_name: str
    columns: tuple[int, ...]
    parent_columns: tuple[tuple[int, str], ...]
    full: bool


@dataclass(frozen=True)
class Table:
    """A table that rows are made for. `name` is quoted and has its schema."""

    oid: int
    name: str
    plain_name: str
    kind: str
    parents: tuple[int, ...]
    is_partition: bool
    columns: tuple[Column, ...]
    checks: tuple[Check, ...]
    foreign_keys: tuple[ForeignKey, ...]
    unique: tuple[tuple[int, ...], ...]

    @property
    def shape(self) -> frozenset[tuple[int, str]]:
        """The columns' numbers and types: what rows that are there may have no values for."""
        return frozenset((column.number, column.type_name) for column in self.columns)

    def column(self, number: int) -> Column:
        """Return the column that has this number."""
        return next(column for column in self.columns if column.number == number)

    def may_be_null(self, key: ForeignKey) -> bool:
        """Whether rows need not refer to the parent."""
        nullable = [not self.column(number).not_null for number in key.columns]
        return all(nullable) if key.full else any(nullable)


async def read_tables(connection: AsyncConnection, oids: Collection[int] | None) -> list[Table]:
    """Read the tables that have these oids, or all, ordered by name."""
    found = await connection.exec_driver_sql(TABLES_SQL, (_list(oids), *version_table().parameters))
    return [_table(json.loads(text)) for text in found.scalars()]


async def read_types(connection: AsyncConnection, tables: Collection[Table]) -> Types:
    """Read the types of the tables' columns, and those that these are made of."""
    used = {column.type for table in tables for column in table.columns}
    found = await connection.exec_driver_sql(TYPES_SQL, (_list(used),))
    return {each.oid: each for each in (_type(json.loads(text)) for text in found.scalars())}


def _list(oids: Collection[int] | None) -> list[int] | None:
    return None if oids is None else sorted(oids)


def _table(raw: dict[str, Any]) -> Table:
    columns = tuple(Column(**column) for column in raw["columns"] or ())
    conditions = list(raw["checks"] or ())
    if raw["partition_check"]:
        conditions.append(raw["partition_check"])
    checks = [_check(part, columns) for each in conditions for part in conjuncts(each)]
    keys = (
        ForeignKey(
            key["parent"],
            key["parent_name"],
            tuple(key["columns"]),
            tuple((number, name) for number, name in key["parent_columns"]),
            key["full"],
        )
        for key in raw["foreign_keys"] or ()
    )
    unique = tuple(tuple(numbers) for numbers in raw["unique"] or ())
    return Table(
        raw["oid"],
        raw["name"],
        raw["plain_name"],
        raw["kind"],
        tuple(raw["parents"] or ()),
        raw["is_partition"],
        columns,
        tuple(dict.fromkeys(checks)),
        tuple(keys),
        unique,
    )


def _check(expression: str, columns: tuple[Column, ...]) -> Check:
    named = (column.number for column in columns if mentions(expression, column.name))
    return Check(expression, tuple(named))


def _type(raw: dict[str, Any]) -> Type:
    raw["labels"] = tuple(raw["labels"] or ())
    raw["fields"] = tuple((oid, modifier) for oid, modifier in raw["fields"] or ())
    raw["range"] = raw["range"] or 0
    raw["check"] = raw["check"] or ""
    return Type(**raw)
