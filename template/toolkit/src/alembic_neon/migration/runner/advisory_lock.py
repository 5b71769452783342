"""The migration lock: one migrator at a time, whoever it is and wherever it was started.

It is an advisory lock that is asked for again and again and never waited for: a session that waits
for one holds a snapshot, which CREATE INDEX CONCURRENTLY waits for in turn
(flyway #1654, golang-migrate #960). It lies on a connection of its own, outside all transactions,
and is gone as soon as that connection is.

A second one lies on the connection that the revisions run on. So nobody starts while the server
still works for a migrator that was killed, and a run that lost that connection knows when the
server has come to an end with it.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, text

from ...errors import MigrationError, ToolkitError
from .greenlet import pause
from .progress import Progress

WAIT_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.25
_REPORT_SECONDS: Final = 10.0
_END_SECONDS: Final = 10.0

_TRY_SQL: Final = text("SELECT pg_try_advisory_lock(:key)")
_UNLOCK_SQL: Final = text("SELECT pg_advisory_unlock(:key)")
_HOLDER_SQL: Final = text("""
SELECT a.pid, coalesce(nullif(a.application_name, ''), 'no name') AS application,
    coalesce(host(a.client_addr), 'this machine') AS address, a.backend_start AS since
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND ((l.classid::bigint << 32) | l.objid::bigint) = :key
""")


class MigrationLock:
    """The lock, held. It is asked before each revision whether it still is."""

    def __init__(self, connection: Connection, key: int) -> None:
        self.connection = connection
        # asyncpg's connection, for what is asked beside the run. SQLAlchemy forgets it when lost.
        self.driver: Any = connection.connection.driver_connection
        self._key = key

    def require(self) -> None:
        """Refuse to go on where the lock's connection was lost: somebody else may have it by now.

        It costs no round trip, as the driver notices the end of its socket.

        Raises:
            MigrationError: the connection is closed.
        """
        if self.is_lost:
            raise MigrationError(
                "The connection that holds the migration lock was lost.",
                "Nothing more was run; start again.",
            )

    @property
    def is_lost(self) -> bool:
        """Whether the connection has been closed by the other side."""
        return bool(self.driver.is_closed())

    def wait_for_the_servers_end(self) -> bool:
        """Wait until the server has ended the session of the run, whose connection was lost.

        Returns whether it has; False too where this connection is lost as well.
        """
        until = time.monotonic() + _END_SECONDS
        while not self.is_lost and time.monotonic() < until:
            if self.connection.scalar(_TRY_SQL, {"key": _session_key(self._key)}):
                return True
            pause(_POLL_SECONDS)
        return False


@contextmanager
def migration_lock(
    connection: Connection,
    version_table: str,
    progress: Progress,
    wait_seconds: float = WAIT_SECONDS,
) -> Iterator[MigrationLock]:
    """Hold the lock of `version_table` on a second connection to the same database.

    Raises:
        ToolkitError: somebody else had it for `wait_seconds`; the message says who, and since when.
    """
    with connection.engine.connect() as plain:
        holder = plain.execution_options(isolation_level="AUTOCOMMIT")
        key = _key(version_table)
        _acquire(holder, key, progress, wait_seconds)
        lock, session_key = MigrationLock(holder, key), _session_key(key)
        try:
            _acquire(connection, session_key, progress, wait_seconds)
            connection.commit()
            yield lock
        finally:
            # The end of a session unlocks too, but a pool may keep it open.
            if not lock.is_lost:
                holder.execute(_UNLOCK_SQL, {"key": key})
            _unlock_session(connection, session_key)


def _unlock_session(connection: Connection, key: int) -> None:
    if connection.invalidated or connection.closed:
        return
    driver: Any = connection.connection.driver_connection
    if driver.is_closed():
        return
    if connection.in_transaction():
        connection.rollback()
    connection.execute(_UNLOCK_SQL, {"key": key})
    connection.commit()


def _acquire(holder: Connection, key: int, progress: Progress, wait_seconds: float) -> None:
    started = time.monotonic()
    reported_at: float | None = None
    while not holder.scalar(_TRY_SQL, {"key": key}):
        if holder.in_transaction():
            holder.commit()  # one that stays open would stand in the way of others
        waited = time.monotonic() - started
        if waited >= wait_seconds:
            raise ToolkitError(
                f"Another migration has been running for {waited:.0f} s: {_holder(holder, key)}.",
                "Wait for it to end, or end that session; then start again.",
            )
        if reported_at is None or waited - reported_at >= _REPORT_SECONDS:
            reported_at = waited
            progress.on_wait(f"waiting for another migration: {_holder(holder, key)}")
        pause(_POLL_SECONDS)


def _holder(holder: Connection, key: int) -> str:
    row = holder.execute(_HOLDER_SQL, {"key": key}).first()
    if row is None:
        return "one that ended just now"
    since = f"{row.since:%Y-%m-%d %H:%M:%S %Z}"
    return f"pid {row.pid}, {row.application}, from {row.address}, since {since}"


def _session_key(key: int) -> int:
    return key ^ 1


def _key(version_table: str) -> int:
    """Return a number that everybody who migrates by this version table computes alike."""
    digest = hashlib.sha256(f"migration lock of {version_table}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1  # a positive bigint
