"""Units of work that are begun anew when the connection, or a race, was lost."""

import logging
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar, cast

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from .attempts import persist
from .errors import CommitOutcomeUnknownError
from .failures import is_connection_loss, is_transient, was_never_sent
from .session import get_engine

Result = TypeVar("Result")
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
    what `work` does outside of the database it may do more than once. What is transient is said by
    `failures.is_transient`. The waits grow from 0.1 to 2 s, with jitter; no attempt begins later
    than `deadline_seconds` after the first one did. Each failed attempt is a warning in the log.

    Where the connection is lost while COMMIT runs, the work is stored or it is not. It is repeated
    only if it is `idempotent`: if doing it twice is doing it once, as for everything that only
    reads. `engine` is by default the one that `init_db` opened.

    Raises:
        CommitOutcomeUnknownError: the connection was lost while COMMIT ran.
        Exception: whatever `work` raised last, rolled back. Cancellation is never held up.
    """
    target = engine or get_engine()

    def may_pass(error: BaseException) -> bool:
        is_unknown = isinstance(error, CommitOutcomeUnknownError)
        return is_transient(error) or (idempotent and is_unknown)

    return await persist(
        lambda: _attempt(target, work, isolation_level),
        "of a transaction",
        _log,
        may_pass=may_pass,
        deadline_seconds=deadline_seconds,
        longest_wait_seconds=2,
    )


class _WatchedSession(Session):
    """Knows whether a COMMIT was begun: by `work` itself too, after which nothing is repeated."""

    commit_has_begun = False


@event.listens_for(_WatchedSession, "before_commit")  # on each session it would cost more
def _mark(session: _WatchedSession) -> None:
    if not session.in_nested_transaction():
        session.flush()  # what fails before COMMIT may be repeated
        session.commit_has_begun = True


async def _attempt(
    engine: AsyncEngine,
    work: Callable[[AsyncSession], Awaitable[Result]],
    isolation_level: IsolationLevel | None,
) -> Result:
    async with AsyncSession(
        engine, expire_on_commit=False, sync_session_class=_WatchedSession
    ) as session:
        if isolation_level is not None:
            await session.connection(execution_options={"isolation_level": isolation_level})
        try:
            result = await work(session)
            await session.commit()
        except Exception as error:
            # A TimeoutError in COMMIT is as unknown: the client stopped waiting for the answer.
            is_lost = is_connection_loss(error) or isinstance(error, TimeoutError)
            has_begun = cast(_WatchedSession, session.sync_session).commit_has_begun
            if has_begun and is_lost and not was_never_sent(error):
                raise CommitOutcomeUnknownError(
                    "The connection was lost while the transaction was committed.",
                    "Look whether it is stored before it is done again.",
                ) from error
            raise
    return result
