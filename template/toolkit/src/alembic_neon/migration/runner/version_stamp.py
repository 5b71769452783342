"""Writes to the version table, and beside it, that a step was done: in the step's transaction."""

from collections.abc import Collection, Iterable

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from ...engine.version_table import version_table
from .. import alembic_internals as internals
from ..sql_events import TOOLKIT_STATEMENT, SqlEvents
from .applied_revisions import AppliedRevisions
from .session_state import SessionState


class VersionStamp:
    """The stamps of a run on `connection`."""

    def __init__(
        self, connection: Connection, context: MigrationContext, session: SessionState
    ) -> None:
        self._connection = connection
        self._context = context
        self._session = session
        self._applied: AppliedRevisions | None = None

    def prepare(
        self, script: ScriptDirectory, heads: Collection[str], *, may_note: bool | None
    ) -> None:
        """Make the tables, of a database that is at `heads`.

        `may_note` is what `AppliedRevisions.prepare` takes as `may_write`.
        """
        if not heads:
            internals.make_version_table(self._context)
        self._applied = AppliedRevisions(script, version_table().revisions_quoted, heads)
        self._applied.prepare(self._connection, may_write=may_note)

    def write(self, step: internals.Step, heads: Iterable[str], events: SqlEvents) -> set[str]:
        """Write that a step was done, and return what the version table holds once it is committed.

        What runs before Alembic's statement goes to the server with it, as one string, where the
        driver takes that: it costs no round trip.
        """
        applied = [] if self._applied is None else self._applied.statements(step)
        first = [*self._session.end_revision(), *applied]
        if self._session.takes_scripts:
            events.send_along(first)
        else:
            self._execute(first)
        after = internals.stamp(self._context, step, heads)
        if self._applied is not None and internals.script_of(step) is None:
            self._execute(self._applied.all_statements(after))
        return after

    def committed(self) -> None:
        """What was written last is committed."""
        if self._applied is not None:
            self._applied.committed()

    def _execute(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self._connection.exec_driver_sql(statement, execution_options=TOOLKIT_STATEMENT)
