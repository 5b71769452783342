"""The table of applied revisions beside the version table: each with those that it builds on.

The version table holds the heads alone. An older release, whose files lack them, learns here that
they are descendants of its own: the database is ahead of it, and not another one's.
"""

import logging
from collections.abc import Iterable
from typing import Final

from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ...engine.driver_errors import server_message, sqlstate
from ...engine.sql_scan import quote_literal
from ..alembic_internals import Step, down_revisions_of, script_of
from ..sql_events import TOOLKIT_STATEMENT

_log: Final = logging.getLogger(__name__)

_CREATE_SQL: Final = """
CREATE TABLE IF NOT EXISTS {table} (
    revision text PRIMARY KEY,
    down_revisions text[] NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_READ_SQL: Final = "SELECT array_agg(revision) FROM {table}"
_INSERT_SQL: Final = """
INSERT INTO {table} (revision, down_revisions) VALUES {rows} ON CONFLICT (revision) DO NOTHING
"""
_DELETE_SQL: Final = "DELETE FROM {table} WHERE revision = {revision}"
_DELETE_ALL_SQL: Final = "DELETE FROM {table}"
_INSUFFICIENT_PRIVILEGE: Final = "42501"


class AppliedRevisions:
    """Writes the table, in statements that run in the transaction of the version stamp.

    `table` is its name as SQL has it. What earlier runs, or Alembic alone, have applied is added
    with the first step.
    """

    def __init__(self, script: ScriptDirectory, table: str, heads: Iterable[str]) -> None:
        self._script = script
        self._table = table
        self._missing: dict[str, Script] = _with_ancestors(script, heads)
        self._is_there = True

    def prepare(self, connection: Connection, *, may_write: bool | None) -> None:
        """Make the table, or learn what is in it already.

        `may_write` says whether it is the toolkit's and the role may write to it; None: it is not
        there. A role that may not make it, or write to it, migrates all the same.
        """
        if may_write is None:
            self._make(connection)
        elif may_write:
            read = _READ_SQL.format(table=self._table)
            known = connection.exec_driver_sql(read, execution_options=TOOLKIT_STATEMENT).scalar()
            for revision in known or ():
                self._missing.pop(revision, None)
        else:
            _log.warning(
                "%s is left as it is: the role may not write to it, or it is not the table that the"
                " toolkit makes.",
                self._table,
            )
            self._is_there = False

    def _make(self, connection: Connection) -> None:
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(
                    _CREATE_SQL.format(table=self._table), execution_options=TOOLKIT_STATEMENT
                )
        except DBAPIError as error:
            if sqlstate(error) != _INSUFFICIENT_PRIVILEGE:
                raise
            _log.warning("%s cannot be made: %s.", self._table, server_message(error))
            self._is_there = False

    def statements(self, step: Step) -> list[str]:
        """Return what notes that a revision was applied or reverted; nothing for a stamp."""
        script = script_of(step)
        if script is None or not self._is_there:
            return []
        if step.is_upgrade:
            return self._inserts([*self._missing.values(), script])
        others = [each for each in self._missing.values() if each is not script]
        revision = quote_literal(script.revision)
        delete = _DELETE_SQL.format(table=self._table, revision=revision)
        return [*self._inserts(others), delete]

    def all_statements(self, heads: Iterable[str]) -> list[str]:
        """Return what notes that a stamp led to `heads`, whatever was there before."""
        if not self._is_there:
            return []
        scripts = _with_ancestors(self._script, heads).values()
        return [_DELETE_ALL_SQL.format(table=self._table), *self._inserts(scripts)]

    def committed(self) -> None:
        """The statements of a step were committed."""
        self._missing = {}

    def _inserts(self, scripts: Iterable[Script]) -> list[str]:
        rows = ", ".join(map(_row, scripts))
        return [_INSERT_SQL.format(table=self._table, rows=rows)] if rows else []


def _row(script: Script) -> str:
    parents = ", ".join(map(quote_literal, down_revisions_of(script)))
    return f"({quote_literal(script.revision)}, ARRAY[{parents}]::text[])"


def _with_ancestors(script: ScriptDirectory, heads: Iterable[str]) -> dict[str, Script]:
    """Return the files of `heads` and of all that they build on; heads without a file have none."""
    found: dict[str, Script] = {}
    waiting = list(heads)
    known = {each.revision: each for each in script.walk_revisions()}
    while waiting:
        revision = waiting.pop()
        if revision in known and revision not in found:
            found[revision] = known[revision]
            waiting += down_revisions_of(known[revision])
    return found
