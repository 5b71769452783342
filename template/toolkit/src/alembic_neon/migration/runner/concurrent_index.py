"""Indexes that are built or dropped concurrently, and what an interruption leaves of them.

CREATE INDEX CONCURRENTLY commits in between, so nothing rolls it back. One that was interrupted has
left an INVALID index, which costs writes and answers no query, and which IF NOT EXISTS takes for
done. https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

import logging
import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from ...errors import MigrationError
from ..sql_events import TOOLKIT_STATEMENT, Execution, Origin, SqlListener

_log: Final = logging.getLogger(__name__)

_NAME: Final = r'(?:"(?:[^"]|"")+"|\w+)'
_CREATE: Final = re.compile(
    rf"""\s*CREATE\s+(?P<unique>UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?
        (?P<name>{_NAME})\s+ON\s+(?:ONLY\s+)?(?P<table>(?:{_NAME}\.)?{_NAME})(?P<rest>.*)""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_DROP: Final = re.compile(
    rf"\s*DROP\s+INDEX\s+CONCURRENTLY\s+(?!IF\s+EXISTS)(?P<rest>(?:{_NAME}\.)?{_NAME}.*)",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)

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


@dataclass(frozen=True)
class CreateIndexStatement:
    """A CREATE INDEX CONCURRENTLY, taken apart; names as they stand in the statement."""

    unique: str
    name: str
    table: str
    rest: str

    @property
    def plain_name(self) -> str:
        """The index's name as the catalog has it, which cuts it to 63 bytes."""
        is_quoted = self.name.startswith('"')
        name = self.name[1:-1].replace('""', '"') if is_quoted else self.name.lower()
        return name.encode()[:_NAME_BYTES].decode(errors="ignore")


class ConcurrentIndexes(SqlListener):
    """Finds what an interrupted build or drop has left, when the statement comes again."""

    def before(self, execution: Execution) -> None:
        """Put another statement in the place of one whose work is done.

        Raises:
            MigrationError: there is another index of that name.
        """
        if execution.origin is Origin.TOOLKIT:
            return
        if match := _CREATE.match(execution.sql):
            statement = CreateIndexStatement(
                match["unique"] or "", match["name"], match["table"], match["rest"].rstrip("; \n")
            )
            if self._is_built(execution.connection, statement):
                execution.sql = f"SELECT 1 /* {statement.plain_name} is built */"
        elif match := _DROP.match(execution.sql):
            # An interrupted run may have dropped it, and have been killed before it could say so.
            execution.sql = f"DROP INDEX CONCURRENTLY IF EXISTS {match['rest']}"

    def _is_built(self, connection: Connection, statement: CreateIndexStatement) -> bool:
        """Make way for a build; tell whether it was finished by an earlier run.

        Raises:
            MigrationError: there is another index of that name.
        """
        found = connection.execute(
            _FIND_SQL,
            {"table": statement.table, "name": statement.plain_name},
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


def _definition_of(connection: Connection, statement: CreateIndexStatement) -> str:
    """Return what PostgreSQL would say of the index.

    It is made on an empty table of the same columns, on another connection, and rolled back.
    """
    scratch = f"pg_temp.{_SCRATCH}"
    with connection.engine.connect() as other, other.begin() as transaction:
        try:
            other.exec_driver_sql(f"CREATE TEMP TABLE {_SCRATCH} (LIKE {statement.table})")
            other.exec_driver_sql(
                f"CREATE {statement.unique}INDEX {statement.name} ON {scratch}{statement.rest}"
            )
            found = other.execute(_FIND_SQL, {"table": scratch, "name": statement.plain_name}).one()
        except DBAPIError:
            return ""  # the statement itself is wrong, as it will say when it is run
        finally:
            transaction.rollback()
    return _normalized(str(found.definition))


def _normalized(definition: str) -> str:
    """Return a definition without the names of the index and of its table."""
    head, _, tail = definition.partition(" USING ")
    return f"{'UNIQUE ' if head.startswith('CREATE UNIQUE') else ''}{tail}"
