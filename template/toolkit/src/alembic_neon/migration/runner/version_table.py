"""What the runner reads of the version table, and the schema that it makes for it."""

from typing import Final

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

from ...engine.database_state import compare
from ...engine.driver_errors import sqlstate
from ..history.status import revision_graph
from ..sql_events import TOOLKIT_STATEMENT

_NOT_THERE: Final = ("42P01", "3F000")  # no such table, no such schema


def quoted_version_table(connection: Connection, context: MigrationContext) -> str:
    """Return the version table's name as SQL has it, with its schema if it has one of its own."""
    return quoted_table(connection, context.version_table_schema, context.version_table)


def quoted_table(connection: Connection, schema: str | None, table: str) -> str:
    """Return a table's name as SQL has it, with its schema if it has one of its own."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    return f"{quote(schema)}.{quote(table)}" if schema else quote(table)


def read_versions(connection: Connection, table: str) -> set[str]:
    """Read the version table; nothing where there is none."""
    sql = f"SELECT version_num FROM {table}"  # noqa: S608 - quoted
    try:
        return set(connection.exec_driver_sql(sql, execution_options=TOOLKIT_STATEMENT).scalars())
    except DBAPIError as error:
        if sqlstate(error) in _NOT_THERE:
            return set()
        raise


def is_at_head(connection: Connection, script: ScriptDirectory, table: str) -> bool:
    """Tell whether the database, by its version table as SQL names it, is at the files' heads."""
    try:
        current = frozenset(read_versions(connection, table))
        return compare(current, revision_graph(script)).position == "at_head"
    finally:
        connection.rollback()


def make_version_schema(connection: Connection, name: str | None) -> None:
    """Make the schema of the version table, where it has one of its own and it is not there."""
    if name is not None and not inspect(connection).has_schema(name):
        connection.execute(CreateSchema(name, if_not_exists=True))
    connection.commit()
