"""The one place where SQLAlchemy's events of a migrating connection arrive, and are handed on.

Each statement comes with its origin, which is known from who sent it and not from its text: the
toolkit marks its own by an execution option, or by a block of code that is its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from sqlalchemy import Connection, Select, event
from sqlalchemy.dialects.postgresql.pg_catalog import pg_catalog_meta
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import TableClause

from ..errors import MigrationError

_OPTION: Final = "alembic_neon_statement"

# For `execute(…, execution_options=TOOLKIT_STATEMENT)`: the statement is the toolkit's own.
TOOLKIT_STATEMENT: Final[Mapping[str, Any]] = {_OPTION: True}


class Origin(Enum):
    """Who sent a statement."""

    REVISION = "the revision file"
    DIALECT = "SQLAlchemy, which looks into the catalog"
    TOOLKIT = "the toolkit"


@dataclass
class Execution:
    """A statement that is about to run, or has run. A listener may replace its `sql` before."""

    connection: Connection
    sql: str
    origin: Origin
    rowcount: int = -1  # -1: PostgreSQL has not counted rows, or it has not run yet

    @property
    def is_autocommit(self) -> bool:
        """Whether it runs outside a transaction."""
        return self.connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"


class SqlListener:
    """Is notified of each statement; a base whose methods do nothing."""

    def before(self, execution: Execution) -> None:
        """A statement is about to run. What this raises is raised in its place."""

    def after(self, execution: Execution) -> None:
        """A statement has run without an error."""

    def before_commit(self, connection: Connection) -> None:
        """The transaction is about to be committed. What this raises prevents it."""

    def before_rollback(self, connection: Connection) -> None:
        """The transaction is about to be rolled back."""


class SqlEvents:
    """Hands a connection's events to listeners, in the order in which they are given."""

    def __init__(self, connection: Connection, listeners: Sequence[SqlListener]) -> None:
        self._connection = connection
        self._listeners = listeners
        self._is_toolkit = False
        self._along: list[str] = []

    @contextmanager
    def active(self) -> Iterator[None]:
        """Hand on what happens inside the block."""
        handlers: tuple[tuple[str, Callable[..., Any], dict[str, Any]], ...] = (
            ("before_cursor_execute", self._before, {"retval": True}),
            ("after_cursor_execute", self._after, {}),
            ("commit", self._before_commit, {}),
            ("rollback", self._before_rollback, {}),
        )
        for name, handler, options in handlers:
            event.listen(self._connection, name, handler, **options)
        try:
            yield
        finally:
            for name, handler, _ in handlers:
                event.remove(self._connection, name, handler)

    @contextmanager
    def toolkit(self) -> Iterator[None]:
        """Take all statements of the block for the toolkit's own."""
        outer, self._is_toolkit = self._is_toolkit, True
        try:
            yield
        finally:
            self._is_toolkit = outer

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Refuse a revision's statements on another connection of the engine inside the block."""
        engine = self._connection.engine
        event.listen(engine, "before_cursor_execute", self._refuse_other)
        try:
            yield
        finally:
            event.remove(engine, "before_cursor_execute", self._refuse_other)

    def _refuse_other(
        self, connection: Connection, _: Any, __: str, ___: Any, context: Any, ____: bool
    ) -> None:
        if connection is not self._connection and self._origin(context) is Origin.REVISION:
            raise MigrationError(
                "It runs a statement on a connection of its own, outside its transaction.",
                "Run it on op.get_bind() itself.",
            )

    def send_along(self, statements: Sequence[str]) -> None:
        """Send statements before the next one, in one string with it; its result is the last's."""
        self._along = list(statements)

    def _before(
        self, connection: Connection, _: Any, sql: str, parameters: Any, context: Any, __: bool
    ) -> tuple[str, Any]:
        along, self._along = self._along, []  # and not before a statement of a listener's
        execution = Execution(connection, sql, self._origin(context))
        for listener in self._listeners:
            listener.before(execution)
        if along and getattr(context.compiled, "effective_returning", None):
            # A string of several statements has no rows. Alembic's INSERT into an empty version
            # table returns the row, as SQLAlchemy asks for it.
            connection.exec_driver_sql(";\n".join(along), execution_options=TOOLKIT_STATEMENT)
            along = []
        return ";\n".join([*along, execution.sql]), parameters

    def _after(
        self, connection: Connection, cursor: Any, sql: str, _: Any, context: Any, __: bool
    ) -> None:
        execution = Execution(connection, sql, self._origin(context), cursor.rowcount)
        for listener in self._listeners:
            listener.after(execution)

    def _before_commit(self, connection: Connection) -> None:
        for listener in self._listeners:
            listener.before_commit(connection)

    def _before_rollback(self, connection: Connection) -> None:
        for listener in self._listeners:
            listener.before_rollback(connection)

    def _origin(self, context: Any) -> Origin:
        if self._is_toolkit or context.execution_options.get(_OPTION):
            return Origin.TOOLKIT
        return Origin.DIALECT if _is_reflection(context.compiled) else Origin.REVISION


def _is_reflection(compiled: Any) -> bool:
    """Tell whether a statement is SQLAlchemy's own look at the catalog, by the tables it is of.

    The dialect's tables of `pg_catalog` belong to a MetaData that nobody else uses.
    """
    statement = getattr(compiled, "statement", None)
    if not isinstance(statement, Select):
        return False
    tables = [each for each in visitors.iterate(statement) if isinstance(each, TableClause)]
    return bool(tables) and all(
        getattr(table, "metadata", None) is pg_catalog_meta for table in tables
    )
