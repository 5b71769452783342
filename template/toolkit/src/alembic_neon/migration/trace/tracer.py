"""The trace: what each statement of a run locked, rewrote and scanned, and how long it took."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from ...engine.version_table import version_table
from ..sql_events import TOOLKIT_STATEMENT, Execution, Origin, SqlListener
from .lock_modes import strength
from .queries import HELD_SQL, RELATIONS_SQL, RUN_DEFERRED_SQL, SCANS_SQL, WATCH_SQL

_WATCH_SECONDS: Final = 0.01


@dataclass
class Lock:
    """A lock on a relation that was there before the run, from its statement to the end of it."""

    relation: str
    mode: str
    held_ms: float = 0.0


@dataclass
class Statement:
    """One statement. `started_ms` counts from the start of the run; `rows` is None for DDL."""

    sql: str
    started_ms: float
    duration_ms: float = 0.0
    rows: int | None = None
    locks: list[Lock] = field(default_factory=list)
    rewrites: list[str] = field(default_factory=list)
    scans: list[str] = field(default_factory=list)
    failed: bool = True  # until it has returned


@dataclass
class RevisionTrace:
    """The statements of one revision. It is transactional where none of them ended a transaction
    of its own.
    """

    revision: str
    message: str
    started_ms: float
    duration_ms: float
    transactional: bool
    statements: list[Statement]


@dataclass(frozen=True)
class Relation:
    """A table, partitioned table or materialized view.

    Its rows are as the planner estimates them, unless somebody has counted them.
    """

    name: str
    rows: int
    size_bytes: int
    is_counted: bool = False


class Tracer(SqlListener):
    """Follows one migration connection, as a listener of its `SqlEvents`.

    Around each statement it asks PostgreSQL one question, on the same connection and inside the
    same transaction, as only the session itself knows what it has scanned.
    """

    def __init__(self) -> None:
        self.revisions: list[RevisionTrace] = []
        self.relations: dict[int, Relation] = {}
        self._files: dict[int, int] = {}
        self._scans: dict[int, int] = {}
        self._held: dict[int, str] = {}  # the strongest lock on each relation, in this transaction
        self._pending: list[Statement] = []
        self._open_locks: list[tuple[Lock, float]] = []
        self._is_begun = False
        self._transactional = True
        self._watcher: Any = None  # asyncpg's connection
        self._watched: Statement | None = None
        self._watch: asyncio.Task[None] | None = None
        self._zero = time.perf_counter()

    @asynccontextmanager
    async def following(self, engine: AsyncEngine) -> AsyncIterator[None]:
        """Learn which relations are there, and stand by to watch from a connection of its own."""
        async with engine.connect() as watcher:
            await watcher.execution_options(isolation_level="AUTOCOMMIT")
            for row in await watcher.exec_driver_sql(RELATIONS_SQL, version_table().parameters):
                self.relations[row.oid] = Relation(row.name, row.rows, row.size_bytes)
                self._files[row.oid] = row.file
            self._watcher = (await watcher.get_raw_connection()).driver_connection
            self._zero = time.perf_counter()
            try:
                yield
            finally:
                self._watched = None
                if self._watch is not None:
                    await self._watch

    def count_rows(self, counts: Mapping[int, int]) -> None:
        """Replace the planner's estimates by what was counted, by the oid of the table."""
        for oid, rows in counts.items():
            if oid in self.relations:
                self.relations[oid] = replace(self.relations[oid], rows=rows, is_counted=True)

    def end_revision(self, revision: str, message: str) -> None:
        """Give the statements since the last call to a revision that was just applied."""
        statements, self._pending = self._pending, []
        started = statements[0].started_ms if statements else self._now_ms()
        ended = max((each.started_ms + each.duration_ms for each in statements), default=started)
        self.revisions.append(
            RevisionTrace(
                revision, message, started, ended - started, self._transactional, statements
            )
        )
        self._transactional = True

    def end_failed_revision(self, revision: str, message: str) -> None:
        """Keep the statements of a revision that failed, the last of them marked as failed."""
        if self._pending and self._pending[-1].failed:
            last = self._pending[-1]
            last.duration_ms = self._now_ms() - last.started_ms
        self._stop_watch()
        self._release_locks()
        self.end_revision(revision, message)

    def _now_ms(self) -> float:
        return (time.perf_counter() - self._zero) * 1000

    def before(self, execution: Execution) -> None:
        """Begin the statement, if it is a revision's."""
        if execution.origin is not Origin.REVISION:
            return
        connection = execution.connection
        if not self._is_begun:
            self._is_begun = True
            counts = _ask(connection, SCANS_SQL, (list(self.relations),))
            self._scans = {row.oid: row.scans for row in counts}
        self._pending.append(Statement(execution.sql, self._now_ms()))
        if execution.is_autocommit:
            self._transactional = False
            self._start_watch(connection, self._pending[-1])

    def after(self, execution: Execution) -> None:
        """Note what the statement took, if it is a revision's."""
        if execution.origin is not Origin.REVISION:
            return
        statement = self._pending[-1]
        statement.duration_ms = self._now_ms() - statement.started_ms
        statement.failed = False
        statement.rows = execution.rowcount if execution.rowcount >= 0 else None
        if self._watched is not None:
            self._stop_watch()
        else:
            self._note_held(statement, _ask(execution.connection, HELD_SQL, ()))

    def before_commit(self, connection: Connection) -> None:
        """Note what deferred constraint triggers do, and release the locks of the transaction.

        They would run at COMMIT, after which nobody can ask any more what they wrote to.
        """
        if self._is_begun and self._pending:
            connection.exec_driver_sql(RUN_DEFERRED_SQL, execution_options=TOOLKIT_STATEMENT)
            self._note_held(self._pending[-1], _ask(connection, HELD_SQL, ()))
        self._end_transaction()

    def before_rollback(self, connection: Connection) -> None:
        """Release the locks of the transaction."""
        self._end_transaction()

    def _note_held(self, statement: Statement, rows: Iterable[Any]) -> None:
        strongest: dict[int, str] = {}
        for row in rows:
            if row.oid not in self.relations:
                continue
            name = self.relations[row.oid].name
            if row.file != self._files[row.oid]:
                self._files[row.oid] = row.file
                statement.rewrites.append(name)
            if row.scans > self._scans.get(row.oid, 0):
                self._scans[row.oid] = row.scans
                statement.scans.append(name)
            if strength(row.mode) > strength(self._held.get(row.oid, "")):
                self._held[row.oid] = strongest[row.oid] = row.mode
        for oid, mode in strongest.items():
            lock = Lock(self.relations[oid].name, mode)
            statement.locks.append(lock)
            self._open_locks.append((lock, statement.started_ms))

    def _end_transaction(self) -> None:
        self._release_locks()
        self._is_begun = False

    def _release_locks(self) -> None:
        for lock, since_ms in self._open_locks:
            lock.held_ms = self._now_ms() - since_ms
        self._open_locks.clear()
        self._held.clear()

    def _start_watch(self, connection: Connection, statement: Statement) -> None:
        if self._watcher is None:
            return
        driver: Any = connection.connection.driver_connection
        self._watched = statement
        self._watch = asyncio.get_running_loop().create_task(
            self._watch_locks(self._watcher, self._watch, driver.get_server_pid(), statement)
        )

    def _stop_watch(self) -> None:
        if self._watched is not None:
            for lock in self._watched.locks:
                lock.held_ms = self._watched.duration_ms
        self._watched = None

    async def _watch_locks(
        self, watcher: Any, previous: asyncio.Task[None] | None, pid: int, statement: Statement
    ) -> None:
        if previous is not None:
            await previous  # the connection does one thing at a time
        found: dict[str, Lock] = {}
        while self._watched is statement:
            for row in await watcher.fetch(WATCH_SQL, pid):
                relation = self.relations.get(row["oid"])
                if relation is None:
                    continue
                if relation.name not in found:
                    found[relation.name] = Lock(relation.name, row["mode"])
                    statement.locks.append(found[relation.name])
                lock = found[relation.name]
                lock.mode = max(lock.mode, row["mode"], key=strength)
                if row["is_scanned"] and relation.name not in statement.scans:
                    statement.scans.append(relation.name)
            await asyncio.sleep(_WATCH_SECONDS)


def _ask(connection: Connection, sql: str, parameters: tuple[Any, ...]) -> Iterable[Any]:
    return connection.exec_driver_sql(sql, parameters, execution_options=TOOLKIT_STATEMENT).all()
