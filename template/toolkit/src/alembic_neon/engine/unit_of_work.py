"""Units of work that are begun anew when the connection, or a race, was lost."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal, TypeVar, cast
from weakref import WeakSet, ref

from sqlalchemy import Connection, Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from ..errors import CommitOutcomeUnknownError
from .default_engine import open_engine
from .driver_errors import is_connection_loss, is_transient, was_never_sent
from .retry import RetryPolicy, retry_async
from .session import session_context

Result = TypeVar("Result")
_UNIT: Final = "unit_of_work"
_watched: Final[WeakSet[Engine]] = WeakSet()
IsolationLevel = Literal["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]

_log = logging.getLogger(__name__)


async def run_transaction(
    work: Callable[[AsyncSession], Awaitable[Result]],
    *,
    idempotent: bool = False,
    deadline_seconds: float = 30.0,
    isolation_level: IsolationLevel | None = None,
    engine: AsyncEngine | None = None,
) -> Result:
    """Run `work(session)` and commit; begin anew, on a new session, after a transient failure.

    Each attempt calls `work` with a session of its own, so nothing of a failed one is seen again;
    what `work` does outside of the database it may do more than once. Transient are a lost or
    refused connection, a compute that wakes, a serialization failure, a deadlock, and a statement
    prepared before a column was added; a timeout is not. The waits grow from 0.1 to 2 s, with
    jitter; no attempt begins later than `deadline_seconds` after the first one did. Each failed
    attempt is a warning in the log.

    Where the connection is lost while COMMIT runs, the work is stored or it is not. It is repeated
    only if it is `idempotent`: if doing it twice is doing it once, as for everything that only
    reads. `engine` is by default the process's own, opened where it is not yet: see `get_engine`.

    Raises:
        CommitOutcomeUnknownError: the connection was lost while COMMIT ran, or `work` committed by
            itself and failed after that in a way that would be repeated otherwise.
        Exception: whatever `work` raised last, rolled back. Cancellation waits for nothing but the
            ROLLBACK, and for that 5 s at most.
    """
    target = engine or await open_engine()
    _watch(target.sync_engine)

    def is_retryable(error: BaseException) -> bool:
        is_unknown = isinstance(error, CommitOutcomeUnknownError)
        return is_transient(error) or (idempotent and is_unknown)

    return await retry_async(
        lambda: _attempt(target, work, isolation_level),
        "run a transaction",
        _log,
        RetryPolicy(is_retryable, deadline_seconds, longest_wait_seconds=2),
    )


class _WatchedSession(Session):
    """Knows whether a COMMIT was begun, and ended: by `work` itself too, in whatever way.

    A COMMIT that `work` writes as SQL is the one that nobody sees.
    """

    commit_has_begun = False
    has_committed = False


@event.listens_for(_WatchedSession, "before_commit")  # on each session it would cost more
def _flush(session: _WatchedSession) -> None:
    session.flush()  # what fails before COMMIT may be repeated


@event.listens_for(_WatchedSession, "after_begin")
def _take(session: _WatchedSession, _: Any, connection: Connection) -> None:
    connection.info[_UNIT] = ref(session)
    session.has_committed = session.commit_has_begun  # this line is reached after a success


def _commits(connection: Connection) -> None:
    if (session := _unit_of(connection)) is not None:
        session.commit_has_begun = True


def _begins(connection: Connection) -> None:
    """Notice what begins after a COMMIT of the connection's own, of which the session knows not."""
    if (session := _unit_of(connection)) is not None and session.commit_has_begun:
        session.has_committed = True


def _rolls_back(connection: Connection) -> None:
    if not connection.invalidated:
        connection.info.pop(_UNIT, None)  # it may go to another one now


def _unit_of(connection: Connection) -> _WatchedSession | None:
    found = None if connection.invalidated else connection.info.get(_UNIT)
    return None if found is None else cast(_WatchedSession | None, found())


def _watch(engine: Engine) -> None:
    """Follow the engine's own COMMITs: a session's events do not tell them from savepoints."""
    if engine not in _watched:
        event.listen(engine, "commit", _commits)
        event.listen(engine, "begin", _begins)
        event.listen(engine, "rollback", _rolls_back)
        _watched.add(engine)


async def _attempt(
    engine: AsyncEngine,
    work: Callable[[AsyncSession], Awaitable[Result]],
    isolation_level: IsolationLevel | None,
) -> Result:
    async with session_context(engine, sync_session_class=_WatchedSession) as session:
        if isolation_level is not None:
            await session.connection(execution_options={"isolation_level": isolation_level})
        try:
            result = await work(session)
            await session.commit()
        except Exception as error:
            # A TimeoutError in COMMIT is as unknown: the client stopped waiting for the answer.
            is_lost = is_connection_loss(error) or isinstance(error, TimeoutError)
            watched = cast(_WatchedSession, session.sync_session)
            if watched.has_committed and is_transient(error):
                raise CommitOutcomeUnknownError(
                    "The work committed by itself, and was lost after that.",
                    "Look what is stored before it is done again, and leave COMMIT to the end.",
                ) from error
            if watched.commit_has_begun and is_lost and not was_never_sent(error):
                raise CommitOutcomeUnknownError(
                    "The connection was lost while the transaction was committed.",
                    "Look whether it is stored before it is done again.",
                ) from error
            raise
    return result
