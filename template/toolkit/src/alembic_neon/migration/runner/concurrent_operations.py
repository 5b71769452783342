"""Concurrent operations of revisions: what an interruption left is finished, and nothing left over.

They run outside a transaction and commit in between, so that an interrupted one is neither done nor
undone. It comes again, as its revision is still pending.
"""

import logging
from typing import Final

from sqlalchemy import Connection

from ...engine.sql_statement import read_statements
from ...errors import MigrationError
from ..sql_events import Execution, Origin, SqlListener
from .concurrent_detach import detach_to_run
from .concurrent_index import build_to_run, drop_to_run, is_concurrent_index
from .leftovers import Leftover, drop_reindex_leftovers, find_leftovers

_log: Final = logging.getLogger(__name__)


class ConcurrentOperations(SqlListener):
    """Puts another statement in the place of one that an earlier run has begun, or finished."""

    def __init__(self) -> None:
        self._known: frozenset[Leftover] = frozenset()
        self._has_run = False

    def start(self, connection: Connection) -> None:
        """Note, and name, what is left in the database before the run."""
        self._known = frozenset(find_leftovers(connection))
        for leftover in self._known:
            _log.warning(
                "There is %s, of an interrupted operation. If no revision finishes it: %s",
                leftover,
                leftover.remedy,
            )

    def begin_revision(self) -> None:
        """A revision is about to run."""
        self._has_run = False

    def before(self, execution: Execution) -> None:
        """Replace a statement whose work is begun, or done.

        Raises:
            MigrationError: there is another index of that name.
        """
        if execution.origin is Origin.TOOLKIT or not execution.is_autocommit:
            return
        statements = read_statements(execution.sql)
        # Among others in one string, PostgreSQL refuses it.
        if len(statements) != 1 or not statements[0].runs_outside_transaction:
            return
        statement, connection = statements[0], execution.connection
        self._has_run = True
        replacement = None
        if statement.verb == "REINDEX":
            drop_reindex_leftovers(connection)
        elif statement.verb == "ALTER":
            replacement = detach_to_run(connection, statement)
        elif statement.verb == "CREATE":
            replacement = build_to_run(connection, statement)
        elif is_concurrent_index(statement):
            replacement = drop_to_run(statement)
        execution.sql = replacement or execution.sql

    def require_finished(self, connection: Connection) -> None:
        """Refuse the version of a revision whose operations have left something.

        Raises:
            MigrationError: one has, as it failed and the revision hid that.
        """
        if not self._has_run:
            return
        for leftover in find_leftovers(connection):
            if leftover not in self._known:
                raise MigrationError(
                    f"The revision leaves {leftover}.",
                    "Let an error of its statement pass, and start again: what is left is "
                    "finished then.",
                )
