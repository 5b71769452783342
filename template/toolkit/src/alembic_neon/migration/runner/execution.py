"""The safe execution of revisions: one migrator, short waits, whole retries, a check at the end.

Whoever starts Alembic, `db upgrade` or `alembic upgrade`, comes through here.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from alembic import context
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from ...engine.driver_errors import is_connection_loss
from ...engine.sqlalchemy_internals import wait_for
from ...engine.version_table import version_table
from ...errors import ConnectionFailedError, MigrationError
from .. import alembic_internals as internals
from ..sql_events import SqlEvents, SqlListener
from ..trace.tracer import Tracer
from .advisory_lock import MigrationLock, migration_lock
from .backfill_progress import BackfillProgress
from .blockers import BlockerWatch, long_transactions
from .checks import check_steps
from .concurrent_operations import ConcurrentOperations
from .failures import (
    RevisionExitError,
    connection_loss_in,
    is_lock_timeout_or_deadlock,
    listed,
    revision_error,
    run_error,
    state_after_failure,
)
from .greenlet import pause
from .progress import Progress, Step
from .session_state import IDLE_SECONDS, SessionState, roll_back
from .timeouts import ATTEMPTS, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Timeouts
from .transactionality import TransactionGuard
from .version_stamp import VersionStamp
from .version_table import (
    is_at_head,
    make_version_schema,
    quoted_version_table,
    read_versions,
)

_log: Final = logging.getLogger(__name__)


def run_migrations_locked(
    connection: Connection, progress: Progress, tracer: Tracer | None = None
) -> None:
    """Run the command at hand on `connection`, for which Alembic's context is configured.

    Raises:
        ToolkitError: another migration is running, and did not end in time.
        MigrationError: a revision is refused, or was rolled back; or the database does not say in
            the end what was done.
        ConnectionFailedError: the connection was lost; it says what is committed.
    """
    migration_context = context.get_context()
    table = quoted_version_table(connection, migration_context)
    if _has_nothing_to_do(connection, migration_context, table):
        return
    with migration_lock(connection, table, progress) as lock:
        progress.on_lock_acquired()
        for blocker in wait_for(long_transactions(lock.driver)):
            progress.on_wait(f"an old transaction may stand in the way: {blocker}")
        run = MigrationRun(connection, migration_context, lock, progress, tracer)
        run.run()
        run.verify_version_table()


def _has_nothing_to_do(
    connection: Connection, migration_context: MigrationContext, table: str
) -> bool:
    """Tell whether the command is an upgrade to where the database is, by one query.

    A stamp's destination is a tuple, and no downgrade leads to a head.
    """
    script = migration_context.script
    if script is None or internals.destination(migration_context) not in ("head", "heads"):
        return False
    return is_at_head(connection, script, table)


class MigrationRun:
    """One run: the steps of the command at hand, each in a transaction of its own.

    `heads` is what the version table holds after the last commit, and `current` the revision that
    is at work, or "".
    """

    def __init__(
        self,
        connection: Connection,
        migration_context: MigrationContext,
        lock: MigrationLock,
        progress: Progress,
        tracer: Tracer | None,
    ) -> None:
        self.heads: set[str] = set()
        self.current = ""
        self._connection = connection
        self._context = migration_context
        self._table = quoted_version_table(connection, migration_context)
        self._lock = lock
        self._progress = progress
        timeouts = Timeouts()
        self._session = SessionState(connection, timeouts)
        self._guard = TransactionGuard(self._session)
        self._operations = ConcurrentOperations()
        self._watch = BlockerWatch(connection, lock.driver, progress)
        listeners: list[SqlListener] = [
            self._guard,
            self._session,
            self._operations,
            BackfillProgress(progress.on_progress),
            timeouts,
            self._watch,
        ]
        self._events = SqlEvents(connection, [*listeners, *([tracer] if tracer else [])])
        self._stamp = VersionStamp(connection, migration_context, self._session)

    def run(self) -> None:
        """Run the steps, one after the other.

        Raises: as `run_migrations_locked` does.
        """
        try:
            make_version_schema(self._connection, self._context.version_table_schema)
            with self._events.active(), self._watch.watching():
                steps = self._prepare()
                for number, step in enumerate(steps, 1):
                    waits_for_disk = number == len(steps) if len(steps) > 1 else None
                    self._run_step(step, waits_for_disk=waits_for_disk)
        except DBAPIError as error:
            if is_connection_loss(error):
                raise self._connection_lost_error() from error
            failure = run_error(error, self.current, self.heads)
            if failure is None:
                raise
            raise failure from error
        finally:
            self._session.forget()

    def _prepare(self) -> Sequence[internals.Step]:
        """List the steps, refuse what cannot be run, and make the tables that are written to."""
        migration_context, connection = self._context, self._connection
        with self._events.toolkit():
            revisions = version_table().revisions_quoted
            has_versions, may_note = self._session.capture(self._table, revisions)
            heads: tuple[str, ...] = ()
            if has_versions and not internals.is_purge(migration_context):
                heads = tuple(sorted(read_versions(connection, self._table)))
            self.heads = set(heads)
            steps = internals.list_steps(migration_context, heads)
            check_steps(connection, steps, self._table)
            has_work = steps or internals.is_purge(migration_context)
            if steps:
                self._operations.start(connection)
            if has_work and migration_context.script is not None:
                self._stamp.prepare(migration_context.script, heads, may_note=may_note)
            connection.commit()
        return steps

    def _run_step(self, step: internals.Step, *, waits_for_disk: bool | None) -> None:
        self._lock.require()
        revision, message = _names(step)
        self.current = revision
        self._progress.on_start(revision, message, is_upgrade=step.is_upgrade)
        _log.info("Running %s", step)
        started = time.perf_counter()
        try:
            for attempt in self._retrying():
                with attempt:
                    self.heads = self._attempt(step, waits_for_disk=waits_for_disk)
        except Exception as error:
            failure = self._error(step, error)
            if failure is error:
                raise
            raise failure from error
        duration_ms = round((time.perf_counter() - started) * 1000, 1)
        self._progress.on_finish(Step(revision, message, step.is_upgrade, duration_ms))

    def _attempt(self, step: internals.Step, *, waits_for_disk: bool | None) -> set[str]:
        """Run a step once, and return what the version table holds after it."""
        self._guard.begin(internals.script_of(step), is_upgrade=step.is_upgrade)
        self._operations.begin_revision()
        internals.forget_created_types(self._context)
        try:
            with internals.begin_revision(self._context):
                is_begun = self._connection.in_transaction()
                self._session.begin_revision(waits_for_disk=waits_for_disk)
                self._run_code(step)
                self._guard.end()
                with self._events.toolkit():
                    self._operations.require_finished(self._connection)
                    heads = self._stamp.write(step, self.heads, self._events)
            # What is open still was begun after a commit of the revision's own.
            if is_begun and self._connection.in_transaction():
                self._connection.commit()
        except BaseException:
            self._guard.end()
            roll_back(self._connection)
            raise
        self._stamp.committed()
        return heads

    def _run_code(self, step: internals.Step) -> None:
        try:
            with Operations.context(self._context), self._events.alone():
                step.migration_fn()
        except SystemExit as error:  # it would end everything as if all were well
            raise RevisionExitError(f"sys.exit({error.code!r}) ends the run") from error

    def _retrying(self) -> Retrying:
        """Return attempts at a step, which is run again whole after it gave up for a lock."""

        def may_run_again(error: BaseException) -> bool:
            return is_lock_timeout_or_deadlock(error) and not self._guard.has_committed

        def before_sleep(state: RetryCallState) -> None:
            seconds = state.next_action.sleep if state.next_action else 0.0
            self._progress.on_wait(
                f"{self.current} gave up waiting for a lock and was rolled back; attempt "
                f"{state.attempt_number + 1} of {ATTEMPTS} in {seconds:.1f} s. In the way: "
                f"{self._blockers()}"
            )

        return Retrying(
            retry=retry_if_exception(may_run_again),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS)
            + wait_random(0, FIRST_PAUSE_SECONDS),
            sleep=pause,
            before_sleep=before_sleep,
            reraise=True,
        )

    def _error(self, step: internals.Step, error: BaseException) -> BaseException:
        """Return the error to raise for the one that ended a step."""
        has_committed = self._guard.has_committed
        if (loss := connection_loss_in(error)) is not None:
            return loss
        state = state_after_failure(self.current, self.heads, has_committed=has_committed)
        if is_lock_timeout_or_deadlock(error) and not has_committed:
            return MigrationError(
                f"{self.current} waited for a lock {ATTEMPTS} times and was rolled back each time. "
                f"In the way: {self._blockers()}.",
                f"{state} End what is in the way, or try at a quieter time.",
            )
        script = internals.script_of(step)
        return error if script is None else revision_error(error, script, state)

    def _blockers(self) -> str:
        return "; ".join(map(str, self._watch.last)) or "a session that has ended by now"

    def _connection_lost_error(self) -> ConnectionFailedError:
        """Return the error for a connection that was lost: it says what is committed.

        Whether a COMMIT that was under way came through, the client cannot tell. So the server is
        waited for, and the version table read.
        """
        what = f"The connection was lost in {self.current or 'preparation'}"
        again = "Start again: what is committed is not run a second time."
        if not self._lock.wait_for_the_servers_end():
            return ConnectionFailedError(
                f"{what}, and it is not known whether that is committed.",
                f"db status says. {again}",
            )
        found = read_versions(self._lock.connection, self._table)
        if self._watch.idle_seconds >= IDLE_SECONDS:
            what = (
                f"{self.current} sent nothing for {IDLE_SECONDS} s within its transaction, so that"
                " the server ended it"
            )
            again = (
                "Let it compute before its first statement, or begin it with: SET"
                " idle_in_transaction_session_timeout = 0"
            )
        return ConnectionFailedError(f"{what}; the database is at {listed(found)}.", again)

    def verify_version_table(self) -> None:
        """Compare what the steps say with what another session sees, which is what is committed.

        Raises:
            MigrationError: they differ.
            ConnectionFailedError: it cannot be asked.
        """
        try:
            with ExitStack() as stack:
                other = self._lock.connection
                if self._lock.is_lost:
                    other = stack.enter_context(self._connection.engine.connect())
                found = read_versions(other, self._table)
        except (DBAPIError, OSError) as error:
            raise ConnectionFailedError(
                f"The database was migrated to {listed(self.heads)}, and the connection was lost "
                "before that could be verified.",
                "Look at it with: db status",
            ) from error
        if found != self.heads:
            raise MigrationError(
                f"The run ended at {listed(self.heads)}, but the database is at "
                f"{listed(found)}: what it did was rolled back.",
                "Run no SQL in env.py before run_migrations(), and no transaction around it.",
            )


def _names(step: internals.Step) -> tuple[str, str]:
    """Return the revision's id and message; a stamp has several ids, and no message."""
    info = step.info
    script = info.up_revision
    return info.up_revision_id or ",".join(info.up_revision_ids), getattr(script, "doc", None) or ""
