"""Indexes that are built or dropped concurrently, and what an interruption leaves of them.

CREATE INDEX CONCURRENTLY commits in between, so nothing rolls it back. One that was interrupted has
left an INVALID index, which costs writes and answers no query, and which IF NOT EXISTS takes for
done. https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

import logging
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from ...engine.sql_statement import Name, SqlStatement, read_statements
from ...errors import MigrationError
from ..sql_events import TOOLKIT_STATEMENT, Execution, Origin, SqlListener

_log: Final = logging.getLogger(__name__)

# An index lies in the schema of its table.
_FIND_SQL: Final = text("""
SELECT i.indisvalid AND i.indisready AS is_valid, pg_get_indexdef(c.oid) AS definition,
    quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name
FROM pg_class t JOIN pg_class c ON c.relnamespace = t.relnamespace
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_index i ON i.indexrelid = c.oid
WHERE t.oid = to_regclass(:table) AND c.relname = :name
""")
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
    """Return the name of its index as the catalog has it, which cuts it to 63 bytes."""
    return statement.names[0].parts[-1].encode()[:_NAME_BYTES].decode(errors="ignore")


class ConcurrentIndexes(SqlListener):
    """Finds what an interrupted build or drop has left, when the statement comes again."""

    def before(self, execution: Execution) -> None:
        """Put another statement in the place of one whose work is done.

        Raises:
            MigrationError: there is another index of that name.
        """
        if execution.origin is Origin.TOOLKIT:
            return
        statements = read_statements(execution.sql)
        # Among others in one string, PostgreSQL refuses it.
        if len(statements) != 1 or not is_concurrent_index(statements[0]):
            return
        statement = statements[0]
        if statement.verb == "CREATE":
            if self._is_built(execution.connection, statement):
                execution.sql = f"SELECT 1 /* {stored_name(statement)} is built */"
        elif not statement.is_conditional:
            # An interrupted run may have dropped it, and have been killed before it could say so.
            first = statement.names[0]
            rest = f"{first.sql}{statement.text[first.end :]}"
            execution.sql = f"DROP INDEX CONCURRENTLY IF EXISTS {rest}"

    def _is_built(self, connection: Connection, statement: SqlStatement) -> bool:
        """Make way for a build; tell whether it was finished by an earlier run.

        Raises:
            MigrationError: there is another index of that name.
        """
        found = connection.execute(
            _FIND_SQL,
            {"table": _table(statement).sql, "name": stored_name(statement)},
            execution_options=TOOLKIT_STATEMENT,
        ).first()
        if found is None:
            return False
        definition = _definition_of(connection, statement)
        if _normalized(found.definition) != definition:
            raise MigrationError(
                f"There is an index {found.name} already, and it is another one: "
                f"{found.definition}.",
                "Drop it, or give the new one another name.",
            )
        if found.is_valid:
            _log.warning("%s was built by an earlier run.", found.name)
            return True
        _log.warning("%s is left of an interrupted build; it is built anew.", found.name)
        connection.exec_driver_sql(
            f"DROP INDEX CONCURRENTLY {found.name}", execution_options=TOOLKIT_STATEMENT
        )
        return False


def _table(statement: SqlStatement) -> Name:
    assert statement.table is not None  # noqa: S101 - is_concurrent_index() has asked
    return statement.table


def _definition_of(connection: Connection, statement: SqlStatement) -> str:
    """Return what PostgreSQL would say of the index.

    It is made on an empty table of the same columns, on another connection, and rolled back.
    """
    table, scratch = _table(statement), f"pg_temp.{_SCRATCH}"
    unique = "UNIQUE " if statement.is_unique else ""
    start = f"CREATE {unique}INDEX {statement.names[0].sql} ON {scratch}"
    with connection.engine.connect() as other, other.begin() as transaction:
        try:
            other.exec_driver_sql(f"CREATE TEMP TABLE {_SCRATCH} (LIKE {table.sql})")
            other.exec_driver_sql(f"{start}{statement.text[table.end :]}")
            values = {"table": scratch, "name": stored_name(statement)}
            found = other.execute(_FIND_SQL, values).one()
        except DBAPIError:
            return ""  # the statement itself is wrong, as it will say when it is run
        finally:
            transaction.rollback()
    return _normalized(str(found.definition))


def _normalized(definition: str) -> str:
    """Return a definition without the names of the index and of its table."""
    head, _, tail = definition.partition(" USING ")
    return f"{'UNIQUE ' if head.startswith('CREATE UNIQUE') else ''}{tail}"
