"""The safe execution of revisions: one migrator, short waits, whole retries, and truth at the end.

Whoever starts Alembic, `db upgrade` or `alembic upgrade`, comes through here.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from alembic import context
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema
from sqlalchemy.util.concurrency import await_only
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from ...engine.driver_errors import is_connection_loss, server_message, sqlstate
from ...errors import ConnectionFailedError, MigrationError
from ..trace.tracer import Tracer
from .advisory_lock import MigrationLock, migration_lock
from .blockers import BlockerWatch, long_transactions
from .concurrent_index import ConcurrentIndexes
from .greenlet import pause
from .progress import Progress, Step
from .timeouts import (
    ATTEMPTS,
    DEADLOCK_DETECTED,
    FIRST_PAUSE_SECONDS,
    LOCK_NOT_AVAILABLE,
    LONGEST_PAUSE_SECONDS,
    Timeouts,
)
from .transactionality import check_single_autocommit_operation

StepFunction = Callable[..., Iterable[RevisionStep]]

COMMITTED_INSIDE: Final = "What it did outside its transaction is committed."

_REFUSALS: Final = {
    "25006": "the database is read-only",
    "25P02": "it caught an error of PostgreSQL's, which took all that the transaction did",
    "53100": "the server's disk is full",
}

# Every revision is committed, and none but the last waits for the disk: what a crash can lose is
# the end of the run, version and schema together, and the last commit brings all before it along.
# https://www.postgresql.org/docs/current/wal-async-commit.html
_COMMIT_SQL: Final = text("SELECT set_config('synchronous_commit', :value, false)")


def run_migrations_locked(
    connection: Connection,
    configure: Callable[..., None],
    progress: Progress,
    tracer: Tracer | None = None,
) -> None:
    """Run the command at hand on `connection`, which is configured and in no transaction.

    `configure` is `context.configure` with everything but the function that lists the steps.

    Raises:
        ToolkitError: another migration is running, and did not end in time.
        MigrationError: a revision is refused, or was rolled back; or the database does not say in
            the end what was done.
    """
    migration_context = context.get_context()
    if _has_nothing_to_do(connection, migration_context):
        return
    list_steps: StepFunction = migration_context.opts["fn"]
    table = _version_table(connection, migration_context)
    with migration_lock(connection, table, progress) as lock:
        steps = _Steps(list_steps, connection, lock, progress)
        progress.locked()
        make_version_schema(connection, migration_context.version_table_schema)
        configure(fn=steps, on_version_apply=steps.note_heads)
        _tell_long_transactions(lock, progress)
        with _protected(connection, lock, progress, tracer) as watch, steps.following():
            try:
                for attempt in _retrying(steps, watch, progress):
                    with attempt, context.begin_transaction():
                        context.run_migrations()
            except DBAPIError as error:
                if is_connection_loss(error):
                    raise steps.connection_lost_error(table) from error
                raise steps.explained(error, watch) from error
        steps.verify_version_table(table)


def is_run(migration_context: MigrationContext) -> bool:
    """Tell whether the command at hand changes the database: upgrade, downgrade or stamp."""
    return "destination_rev" in migration_context.opts


def _has_nothing_to_do(connection: Connection, migration_context: MigrationContext) -> bool:
    """Tell whether the command is an upgrade to where the database is, by one query."""
    options, script = migration_context.opts, migration_context.script
    is_upgrade = getattr(options["fn"], "__name__", "") == "upgrade"
    if script is None or not is_upgrade or options["destination_rev"] not in ("head", "heads"):
        return False
    return is_at_head(connection, script, _version_table(connection, migration_context))


def is_at_head(connection: Connection, script: ScriptDirectory, table: str) -> bool:
    """Tell whether the version table, named as SQL has it, holds all heads of the files."""
    try:
        return _versions(connection, table) == set(script.get_heads())
    finally:
        connection.rollback()


def _version_table(connection: Connection, migration_context: MigrationContext) -> str:
    schema, table = migration_context.version_table_schema, migration_context.version_table
    return quoted_table(connection, schema, table)


def quoted_table(connection: Connection, schema: str | None, table: str) -> str:
    """Return a table's name as SQL has it, with its schema if it has one of its own."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    return f"{quote(schema)}.{quote(table)}" if schema else quote(table)


def make_version_schema(connection: Connection, name: str | None) -> None:
    """Make the schema of the version table, where it has one of its own and it is not there."""
    if name is not None and not inspect(connection).has_schema(name):
        connection.execute(CreateSchema(name, if_not_exists=True))
    connection.commit()


def _versions(connection: Connection, table: str) -> set[str]:
    """Read the version table; nothing where there is none."""
    try:
        return set(connection.exec_driver_sql(f"SELECT version_num FROM {table}").scalars())  # noqa: S608 - quoted
    except DBAPIError as error:
        if sqlstate(error) in ("42P01", "3F000"):  # no such table, no such schema
            return set()
        raise


@contextmanager
def _protected(
    connection: Connection, lock: MigrationLock, progress: Progress, tracer: Tracer | None
) -> Iterator[BlockerWatch]:
    """Keep limits, concurrent indexes and blockers in view while the block runs revisions."""
    watch = BlockerWatch(connection, lock.driver, progress)
    timeouts, indexes = Timeouts(connection), ConcurrentIndexes(connection)
    tracing = nullcontext() if tracer is None else tracer.tracing(connection)
    # The indexes' own questions come before the limits of the statement that made them ask.
    with indexes.looked_after(), timeouts.kept(), watch.watching(), tracing:
        yield watch


def _tell_long_transactions(lock: MigrationLock, progress: Progress) -> None:
    for blocker in await_only(long_transactions(lock.driver)):
        progress.waits(f"an old transaction may stand in the way: {blocker}")


def _retrying(steps: "_Steps", watch: BlockerWatch, progress: Progress) -> Retrying:
    """Return attempts at what is left, which begins with all of the revision that gave up."""

    def before_sleep(state: RetryCallState) -> None:
        seconds = state.next_action.sleep if state.next_action else 0.0
        progress.waits(
            f"{steps.current} gave up waiting for a lock and was rolled back; attempt "
            f"{state.attempt_number + 1} of {ATTEMPTS} in {seconds:.1f} s. In the way: "
            f"{_listed_blockers(watch)}"
        )

    return Retrying(
        retry=retry_if_exception(steps.may_run_again),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS)
        + wait_random(0, FIRST_PAUSE_SECONDS),
        sleep=pause,
        before_sleep=before_sleep,
        reraise=True,
    )


class _Steps:
    """Lists the steps of the run, once; in a later attempt, those that are left.

    Alembic asks for the next step after it has committed the one before.
    """

    def __init__(
        self,
        list_steps: StepFunction,
        connection: Connection,
        lock: MigrationLock,
        progress: Progress,
    ) -> None:
        self.current = ""
        self._list_steps = list_steps
        self._connection = connection
        self._lock = lock
        self._progress = progress
        self._left: list[RevisionStep] | None = None
        self._heads: set[str] = set()
        self._heads_inside: set[str] = set()
        self._has_committed_inside = False

    @contextmanager
    def following(self) -> Iterator[None]:
        """Notice, inside the block, which statements run outside a transaction."""
        event.listen(self._connection, "before_cursor_execute", self._before)
        try:
            yield
        finally:
            event.remove(self._connection, "before_cursor_execute", self._before)

    def __call__(self, heads: tuple[str, ...], ctx: MigrationContext) -> Iterator[RevisionStep]:
        if self._left is None:
            self._left = list(self._list_steps(heads, ctx))
            self._heads = self._heads_inside = set(heads)
            if len(self._left) > 1:
                self._connection.execute(_COMMIT_SQL, {"value": "off"})
        while self._left:
            step = self._left[0]
            yield from self._run(step)
            self._left.pop(0)

    def _run(self, step: RevisionStep) -> Iterator[RevisionStep]:
        self._lock.require()
        revision, message = _names(step)
        script = getattr(step, "revision", None)
        if isinstance(script, Script):
            check_single_autocommit_operation(script, is_upgrade=step.is_upgrade)
        if self._left is not None and len(self._left) == 1:
            self._connection.execute(_COMMIT_SQL, {"value": "on"})
        self.current = revision
        self._has_committed_inside = False
        self._progress.begins(revision, message, is_upgrade=step.is_upgrade)
        started = time.perf_counter()
        yield step
        duration_ms = round((time.perf_counter() - started) * 1000, 1)
        self._heads = self._heads_inside
        self._progress.ends(Step(revision, message, step.is_upgrade, duration_ms))

    def _before(self, connection: Connection, *_: Any) -> None:
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            self._has_committed_inside = True

    def note_heads(self, *, heads: set[str], **_: Any) -> None:
        """Keep what the version table will say once the step at hand is committed."""
        self._heads_inside = set(heads)

    def may_run_again(self, error: BaseException) -> bool:
        """Tell whether the step failed for want of a lock, and was rolled back whole."""
        return _is_for_want_of_a_lock(error) and not self._has_committed_inside

    def explained(self, error: DBAPIError, watch: BlockerWatch) -> Exception:
        """Return the error to raise for the one that ended the run."""
        if self._has_committed_inside:
            error.add_note(COMMITTED_INSIDE)
        elif _is_for_want_of_a_lock(error):
            return MigrationError(
                f"{self.current} waited for a lock {ATTEMPTS} times and was rolled back each time. "
                f"In the way: {_listed_blockers(watch)}.",
                "Those before it stay applied. End what is in the way, or try at a quieter time.",
            )
        elif (reason := _REFUSALS.get(sqlstate(error) or "")) is not None:
            return MigrationError(
                f"{self.current or 'Before the first revision'}: {reason} "
                f"({server_message(error)}).",
                "It was rolled back, and those before it stay applied. Mend that, and start again.",
            )
        return error

    def connection_lost_error(self, table: str) -> ConnectionFailedError:
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
        found = _versions(self._lock.connection, table)
        return ConnectionFailedError(f"{what}; the database is at {_listed(found)}.", again)

    def verify_version_table(self, table: str) -> None:
        """Compare what the steps say with what another session sees, which is what is committed.

        Raises:
            MigrationError: they differ.
        """
        if self._left is None:
            return
        if self._lock.is_lost:
            with self._connection.engine.connect() as other:
                found = _versions(other, table)
        else:
            found = _versions(self._lock.connection, table)
        if found != self._heads:
            raise MigrationError(
                f"The run ended at {_listed(self._heads)}, but the database is at "
                f"{_listed(found)}: what it did was rolled back.",
                "Run no SQL in env.py before run_migrations(), and no transaction around it.",
            )


def _names(step: RevisionStep) -> tuple[str, str]:
    """Return the revision's id and message; a stamp has several ids, and no message."""
    info = step.info
    script = info.up_revision
    return info.up_revision_id or ",".join(info.up_revision_ids), getattr(script, "doc", None) or ""


def _is_for_want_of_a_lock(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and sqlstate(error) in (
        LOCK_NOT_AVAILABLE,
        DEADLOCK_DETECTED,
    )


def _listed_blockers(watch: BlockerWatch) -> str:
    return "; ".join(str(blocker) for blocker in watch.last) or "somebody who is gone by now"


def _listed(revisions: Iterable[str]) -> str:
    return ", ".join(sorted(revisions)) or "no revision"
