"""Indexes that are built or dropped concurrently, and what an interruption leaves of them.

CREATE INDEX CONCURRENTLY commits in between, so nothing rolls it back. One that was interrupted has
left an INVALID index, which costs writes and answers no query, and which IF NOT EXISTS takes for
done. https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from ...errors import MigrationError

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
_SCRATCH: Final = "wanted_index_of"


@dataclass(frozen=True)
class _Wanted:
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


class ConcurrentIndexes:
    """Finds what an interrupted build or drop has left, when the statement comes again."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def looked_after(self) -> Iterator[None]:
        """Follow the connection's statements inside the block."""
        event.listen(self._connection, "before_cursor_execute", self._before, retval=True)
        try:
            yield
        finally:
            event.remove(self._connection, "before_cursor_execute", self._before)

    def _before(
        self, connection: Connection, _: Any, sql: str, parameters: Any, *__: Any
    ) -> tuple[str, Any]:
        if match := _CREATE.match(sql):
            wanted = _Wanted(
                match["unique"] or "", match["name"], match["table"], match["rest"].rstrip("; \n")
            )
            if self._is_there_already(connection, wanted):
                return f"SELECT 1 /* {wanted.plain_name} is built */", parameters
        elif match := _DROP.match(sql):
            # An interrupted run may have dropped it, and have been killed before it could say so.
            return f"DROP INDEX CONCURRENTLY IF EXISTS {match['rest']}", parameters
        return sql, parameters

    def _is_there_already(self, connection: Connection, wanted: _Wanted) -> bool:
        """Make way for a build; tell whether it was finished by an earlier run.

        Raises:
            MigrationError: there is another index of that name.
        """
        found = connection.execute(
            _FIND_SQL, {"table": wanted.table, "name": wanted.plain_name}
        ).first()
        if found is None:
            return False
        definition = _definition_of(connection, wanted)
        if _essence(found.definition) != definition:
            raise MigrationError(
                f"There is an index {found.name} already, and it is another one: "
                f"{found.definition}.",
                "Drop it, or give the new one another name.",
            )
        if found.is_valid:
            _log.warning("%s was built by an earlier run.", found.name)
            return True
        _log.warning("%s is left of an interrupted build; it is built anew.", found.name)
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {found.name}")
        return False


def _definition_of(connection: Connection, wanted: _Wanted) -> str:
    """Return what PostgreSQL would say of the wanted index.

    It is made on an empty table of the same columns, on another connection, and rolled back.
    """
    scratch = f"pg_temp.{_SCRATCH}"
    with connection.engine.connect() as other, other.begin() as transaction:
        try:
            other.exec_driver_sql(f"CREATE TEMP TABLE {_SCRATCH} (LIKE {wanted.table})")
            other.exec_driver_sql(
                f"CREATE {wanted.unique}INDEX {wanted.name} ON {scratch}{wanted.rest}"
            )
            found = other.execute(_FIND_SQL, {"table": scratch, "name": wanted.plain_name}).one()
        except DBAPIError:
            return ""  # the statement itself is wrong, as it will say when it is run
        finally:
            transaction.rollback()
    return _essence(str(found.definition))


def _essence(definition: str) -> str:
    """Return a definition without the names of the index and of its table."""
    head, _, tail = definition.partition(" USING ")
    return f"{'UNIQUE ' if head.startswith('CREATE UNIQUE') else ''}{tail}"
