"""What is known of the tables that exist before a change: the catalog's facts, read once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Connection, Dialect, text
from sqlalchemy.sql.elements import conv

from ...project import postgres_version

_TABLES_SQL: Final = text("""
SELECT n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS is_partitioned,
    (SELECT array_agg(a.attname ORDER BY k.position)
     FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, position)
     JOIN pg_attribute a ON a.attnum = k.number
     WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid
       AND k.position <= i.indnkeyatts) AS key,
    (SELECT array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY k.position)
     FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, position)
     JOIN pg_attribute a ON a.attnum = k.number
     WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid
       AND k.position <= i.indnkeyatts) AS key_types
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
""")
_VOLATILE_SQL: Final = text(
    "SELECT EXISTS (SELECT FROM pg_proc WHERE proname = ANY (:names) AND provolatile = 'v')"
)
_STORED_SQL: Final = text("""
SELECT EXISTS (SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = :name AND attname = :column AND attgenerated = 's')
""")
_CALL: Final = re.compile(r'([A-Za-z_]\w*|"[^"]+")\s*\(')
_IDENTIFIER_BYTES: Final = 63
NOT_NULL_BY_NAME: Final = 18  # the version from which NOT NULL is a constraint with a name


@dataclass(frozen=True)
class ExistingTable:
    """A table that is there before the change; `key` are its primary key's columns and types."""

    schema: str
    name: str
    is_partitioned: bool
    key: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Facts:
    """The tables that exist, the version that the revisions are for, and how names are quoted."""

    connection: Connection
    dialect: Dialect
    version: int
    tables: Mapping[tuple[str, str], ExistingTable]

    @classmethod
    def read(cls, connection: Connection) -> "Facts":
        """Read the catalog of the database that autogenerate compares with."""
        tables = {
            (row.schema, row.name): ExistingTable(
                row.schema,
                row.name,
                row.is_partitioned,
                tuple(zip(row.key or (), row.key_types or (), strict=True)),
            )
            for row in connection.execute(_TABLES_SQL)
        }
        return cls(connection, connection.dialect, postgres_version(), tables)

    def table(self, op: Any) -> ExistingTable | None:
        """Return the table that an operation is on, if it exists already."""
        name = getattr(op, "table_name", None) or getattr(op, "source_table", None)
        schema = getattr(op, "schema", None) or getattr(op, "kw", {}).get("source_schema")
        return self.tables.get((schema or self.default_schema, str(name)))

    @cached_property
    def default_schema(self) -> str:
        """The schema of names without one."""
        return self.dialect.default_schema_name or "public"

    @property
    def names_not_null(self) -> bool:
        """Whether NOT NULL can be added NOT VALID."""
        return self.version >= NOT_NULL_BY_NAME

    def quoted(self, name: str) -> str:
        """Return a name as SQL writes it."""
        return self.dialect.identifier_preparer.quote(name)

    def quoted_constraint(self, name: str) -> str:
        """Return a constraint's name as SQL writes it, shortened as SQLAlchemy shortens it."""
        found = self.dialect.identifier_preparer.truncate_and_render_constraint_name(conv(name))
        return found if found is not None else self.quoted(name)

    def sql_name(self, table: ExistingTable) -> str:
        """Return a table's name as SQL writes it, with its schema where that is not the default."""
        name = self.quoted(table.name)
        if table.schema == self.default_schema:
            return name
        return f"{self.dialect.identifier_preparer.quote_schema(table.schema)}.{name}"

    def is_stored(self, table: ExistingTable, column: str) -> bool:
        """Tell whether a column is generated, and its values are stored."""
        names = {"schema": table.schema, "name": table.name, "column": column}
        return bool(self.connection.execute(_STORED_SQL, names).scalar())

    def is_volatile(self, expression: str) -> bool:
        """Tell whether an expression may have another value for each row."""
        names = [name.strip('"').lower() for name in _CALL.findall(expression)]
        found = self.connection.execute(_VOLATILE_SQL, {"names": names}) if names else None
        return bool(found is not None and found.scalar())


def object_name(first: str, second: str, label: str) -> str:
    """Return the name that PostgreSQL itself would give, `first_second_label` in 63 bytes.

    As makeObjectName() in src/backend/commands/indexcmds.c: the longer part is cut first.
    """
    one, two = first.encode(), second.encode()
    room = _IDENTIFIER_BYTES - len(label.encode()) - 2
    while len(one) + len(two) > room:
        if len(one) > len(two):
            one = one[:-1]
        else:
            two = two[:-1]
    return f"{one.decode(errors='ignore')}_{two.decode(errors='ignore')}_{label}"
