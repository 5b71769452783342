"""Indexes that are built or dropped concurrently, and what an interruption leaves of them.

CREATE INDEX CONCURRENTLY commits in between, so nothing rolls it back. One that was interrupted has
left an INVALID index, which costs writes and answers no query, and which IF NOT EXISTS takes for
done. https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

import logging
import re
from typing import Final

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import DBAPIError

from ...engine.sql_statement import Name, SqlStatement
from ...errors import MigrationError
from ..sql_events import TOOLKIT_STATEMENT

_log: Final = logging.getLogger(__name__)

# An index lies in the schema of its table. One that has no name in its statement is found by its
# definition, among those of the table.
_FIND_SQL: Final = text("""
SELECT i.indisvalid AND i.indisready AS is_valid, pg_get_indexdef(c.oid) AS definition,
    quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, c.relname::text AS plain_name
FROM pg_class t JOIN pg_class c ON c.relnamespace = t.relnamespace
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_index i ON i.indexrelid = c.oid
WHERE t.oid = to_regclass(:table)
  AND CASE WHEN :name = '' THEN i.indrelid = t.oid ELSE c.relname = :name END
""")
# How PostgreSQL ends the name of an index that it names itself.
_CHOSEN_NAME: Final = re.compile(r".*_idx\d*")
_NAME_BYTES: Final = 63
_SCRATCH: Final = "alembic_neon_index_of"


def is_concurrent_index(statement: SqlStatement) -> bool:
    """Tell whether a statement builds or drops, concurrently, an index that it names."""
    return (
        statement.verb in ("CREATE", "DROP")
        and statement.object_type == "INDEX"
        and statement.is_concurrent
        and bool(statement.names)
        and (statement.verb == "DROP" or statement.table is not None)
    )


def stored_name(statement: SqlStatement) -> str:
    """Return the name of its index as the catalog has it, which cuts it to 63 bytes; "": none."""
    if not statement.names:
        return ""
    return statement.names[0].parts[-1].encode()[:_NAME_BYTES].decode(errors="ignore")


def drop_to_run(statement: SqlStatement) -> str | None:
    """Return the DROP to run in the place of one that an interrupted run may have finished.

    None: it is to be run as it stands.
    """
    if statement.is_conditional:
        return None
    first = statement.names[0]
    return f"DROP INDEX CONCURRENTLY IF EXISTS {first.sql}{statement.text[first.end :]}"


def build_to_run(connection: Connection, statement: SqlStatement) -> str | None:
    """Make way for a build, and return what to run where an earlier run has finished it.

    None: it is to be run as it stands.

    Raises:
        MigrationError: there is another index of that name.
    """
    if statement.object_type != "INDEX" or statement.table is None:
        return None
    name, table = stored_name(statement), statement.table
    found = _find(connection, table.sql, name)
    definition = _definition_of(connection, statement, table) if found else ""
    for index in found:
        is_same = _normalized(index.definition) == definition
        if name and not is_same:
            raise MigrationError(
                f"There is an index {index.name} already, and it is another one: "
                f"{index.definition}.",
                "Drop it, or give the new one another name.",
            )
        if not is_same or not (name or _CHOSEN_NAME.fullmatch(index.plain_name)):
            continue
        if index.is_valid:
            _log.warning("%s was built by an earlier run.", index.name)
            return "SELECT 1"
        _log.warning("%s is left of an interrupted build; it is built anew.", index.name)
        connection.exec_driver_sql(
            f"DROP INDEX CONCURRENTLY {index.name}", execution_options=TOOLKIT_STATEMENT
        )
    return None


def _find(connection: Connection, table: str, name: str) -> list[Row[tuple[bool, str, str, str]]]:
    values = {"table": table, "name": name}
    return list(connection.execute(_FIND_SQL, values, execution_options=TOOLKIT_STATEMENT))


def _definition_of(connection: Connection, statement: SqlStatement, table: Name) -> str:
    """Return what PostgreSQL would say of the index.

    It is made on an empty table of the same columns, on another connection, and rolled back.
    """
    scratch = f"pg_temp.{_SCRATCH}"
    unique = "UNIQUE " if statement.is_unique else ""
    name = statement.names[0].sql if statement.names else ""
    start = f"CREATE {unique}INDEX {name} ON {scratch}"
    ours = connection.engine.execution_options(**TOOLKIT_STATEMENT)
    with ours.connect() as other, other.begin() as transaction:
        try:
            other.exec_driver_sql(f"CREATE TEMP TABLE {_SCRATCH} (LIKE {table.sql})")
            other.exec_driver_sql(f"{start}{statement.text[table.end :]}")
            (found,) = _find(other, scratch, stored_name(statement))
        except DBAPIError:
            return ""  # the statement itself is wrong, as it will say when it is run
        finally:
            transaction.rollback()
    return _normalized(str(found.definition))


def _normalized(definition: str) -> str:
    """Return a definition without the names of the index and of its table."""
    head, _, tail = definition.partition(" USING ")
    return f"{'UNIQUE ' if head.startswith('CREATE UNIQUE') else ''}{tail}"
