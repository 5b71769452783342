"""Walks a database through the history, a round trip a revision, on connections that stay open."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Self

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.database_state import current_revisions
from ..engine.driver_errors import translate_driver_errors
from ..engine.factory import create_migration_engine
from ..engine.sqlalchemy_internals import wait_for
from ..engine.url import DatabaseURL
from ..engine.version_table import version_table
from ..errors import MigrationError, ToolkitError, UsageError
from ..migration import alembic_internals as internals
from ..migration.history.markers import revision_marker
from ..migration.project_errors import project_errors_explained
from ..migration.runner.session_state import SessionState
from ..migration.runner.timeouts import Timeouts
from ..migration.runner.version_table import make_version_schema, quoted_version_table
from .catalog import Catalog, Difference, significant
from .history import History, line_of
from .observer import Observer
from .result import RoundTrip
from .rows import Hook
from .step_failures import explain_failure


class RoundTripRunner:
    """Runs round trips on one database. What a trip found wrong ends its use: see `is_usable`.

    A trip is one run of `env.py`, which is handed its steps one by one. So the project's own
    settings, transactions and `autocommit_block` are what they are in production, and the state is
    read between two steps, when everything is committed. It is read on a connection of its own.

    Alembic's own loop runs the steps, as the state is read between them. Of the safe runner, it has
    the end of each revision (`SessionState`), without which a plain `SET search_path` would hide
    the version table. It has neither the lock nor the timeouts, as nobody else works on a scratch
    database, nor the retries; what the runner refuses, a rehearsal shows.
    """

    def __init__(
        self, history: History, migrating: AsyncConnection, observer: Observer, applied: set[str]
    ) -> None:
        self._history = history
        self._migrating = migrating
        self._observer = observer
        self._applied = applied
        self.is_usable = True

    @classmethod
    @asynccontextmanager
    async def on(
        cls, url: DatabaseURL, history: History, hook: Hook | None = None
    ) -> AsyncIterator[Self]:
        """Connect to a database, which may be empty or anywhere in the history.

        Raises:
            MigrationError: the database is at a revision that no file has.
            ConfigurationError, ConnectionFailedError: the database cannot be reached.
        """
        engine = create_migration_engine(url)
        event.listen(engine.sync_engine, "do_connect", _without_caches)
        watching = create_migration_engine(url)
        try:
            with translate_driver_errors(engine.url):
                async with engine.connect() as migrating, watching.connect() as observing:
                    applied = set(history.applied(await current_revisions(observing)))
                    await migrating.run_sync(make_version_schema, version_table().schema)
                    yield cls(history, migrating, Observer(observing, hook), applied)
        finally:
            await engine.dispose()
            await watching.dispose()

    def can_check(self, revision: str) -> bool:
        """Whether the database is one on which a revision can still be checked."""
        return self.is_usable and revision not in self._applied

    async def check(self, revision: str) -> RoundTrip:
        """Upgrade to just before `revision`, then go up, down and up again, and compare.

        Raises:
            UsageError: there is no such revision, or it is applied already.
            MigrationError: a revision before it fails.
        """
        script = self._history.script(revision)
        if not self.can_check(revision):
            raise UsageError(
                f"Revision {revision} is applied already.", "Check it on another database."
            )
        started = time.perf_counter()
        connection = self._migrating.sync_connection
        if connection is None:
            raise UsageError("The connection of this walk is closed.", "Open another one.")
        trip = _RoundTripSteps(self._history, connection, self._observer, self._applied, script)
        self.is_usable = False
        await self._run(trip)
        self.is_usable = trip.found.schema_is_kept
        trip.found.duration_ms = round((time.perf_counter() - started) * 1000, 1)
        return trip.found

    async def _run(self, trip: "_RoundTripSteps") -> None:
        try:
            await self._migrating.run_sync(self._run_environment, trip.steps)
        except ToolkitError:
            raise
        except Exception as error:  # noqa: BLE001 - a revision is anybody's code
            trip.fail(error)

    def _run_environment(self, connection: Connection, steps: Callable[..., Any]) -> None:
        config, scripts = self._history.config, self._history.scripts
        config.attributes["connection"] = connection
        try:
            revisions = {script.path for script in self._history.revisions}
            with (
                project_errors_explained(skip=revisions),
                EnvironmentContext(config, scripts, fn=steps),
            ):
                scripts.run_env()
        finally:
            config.attributes.pop("connection", None)


class _RoundTripSteps:
    """The steps of one round trip, and what is found between them."""

    def __init__(
        self,
        history: History,
        migrating: Connection,
        observer: Observer,
        applied: set[str],
        script: Script,
    ) -> None:
        self._history = history
        self._migrating = migrating
        self._observer = observer
        self._applied = applied
        self._script = script
        self._running: tuple[Script, str] = (script, "upgrade")
        self._commits = 0
        self._session = SessionState(migrating, Timeouts())
        self.found = RoundTrip(
            script.revision,
            script.doc,
            line_of(script, "downgrade"),
            revision_marker(script, "irreversible"),
            revision_marker(script, "data_loss"),
        )

    def steps(self, _: object, context: MigrationContext) -> Iterator[RevisionStep]:
        """Yield each step when the one before it is committed. Alembic calls this."""
        versions = quoted_version_table(self._migrating, context)
        self._session.capture(versions, version_table().revisions_quoted)
        internals.on_version_apply(context, self._before_commit)
        event.listen(self._migrating, "commit", self._after_commit)
        try:
            for step in self._steps():
                # Alembic remembers the types that it created, and would not create them again, as
                # each of these commands does in a run of its own.
                internals.forget_created_types(context)
                self._commits = 0
                yield step
        finally:
            event.remove(self._migrating, "commit", self._after_commit)

    def _steps(self) -> Iterator[RevisionStep]:
        observer, found = self._observer, self.found
        start = self._history.start_of_change(self._script)
        for below in self._history.before(self._script.revision):
            if below.revision not in self._applied:
                if below is start:
                    found.unfilled = wait_for(observer.fill())
                yield self._step(below, "upgrade")
                self._applied.add(below.revision)
        # Who writes between the steps of one change is the release before it, which knows nothing
        # of a new column: a value of ours there may be what a later step takes for impossible.
        more = start is self._script
        found.unfilled = [*found.unfilled, *wait_for(observer.fill(more=more))]
        before = wait_for(observer.snapshot())
        observer.reset()
        yield self._step(self._script, "upgrade")
        if found.irreversible:
            self._applied.add(self._script.revision)
            return
        upgraded = wait_for(observer.catalog())
        yield self._step(self._script, "downgrade")
        after = wait_for(observer.snapshot())
        found.lost = before.contents.lost(after.contents)
        found.after_downgrade = self._difference(before.catalog, after.catalog)
        if found.after_downgrade:
            # What was left behind would make the second upgrade fail, and hide the reason.
            return
        yield self._step(self._script, "second upgrade")
        again = wait_for(observer.catalog())
        found.after_second_upgrade = self._difference(upgraded, again)
        self._applied.add(self._script.revision)

    def _difference(self, was: Catalog, now: Catalog) -> list[Difference]:
        found = significant(was.difference(now))
        # PostgreSQL appends a column that is added again, so whoever declares that its values are
        # lost cannot keep its position either.
        return [each for each in found if not (self.found.data_loss and each.is_of_order)]

    def _before_commit(self, **_: object) -> None:
        self._observer.record_touched_tables(self._migrating, is_whole=self._commits == 0)

    def _after_commit(self, _: Connection) -> None:
        self._commits += 1  # more than one in a step: an autocommit_block

    def _step(self, script: Script, stage: str) -> RevisionStep:
        self._running = (script, stage)
        step = self._history.step(script, is_upgrade=stage != "downgrade")
        run = step.migration_fn

        def run_and_restore(**options: Any) -> None:
            run(**options)
            for statement in self._session.end_revision():
                self._migrating.exec_driver_sql(statement)

        step.migration_fn = run_and_restore
        return step

    def fail(self, error: Exception) -> None:
        """Record that the running step failed.

        Raises:
            MigrationError: it is a revision before the one to be checked.
        """
        script, stage = self._running
        failure = explain_failure(error, script, stage)
        if script is not self._script:
            raise MigrationError(
                f"{failure.location}: revision {script.revision}, before {self._script.revision}, "
                f"fails: {failure.reason}",
                failure.advice or "Fix that one first.",
            ) from None
        self.found.failure = failure


def _without_caches(_: Any, __: Any, ___: Any, parameters: dict[str, Any]) -> None:
    """Keep no prepared statement: what one refers to is dropped and made anew between two steps."""
    parameters |= {"prepared_statement_cache_size": 0, "statement_cache_size": 0}
