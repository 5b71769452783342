"""Units of work: what is begun anew, what is not, and that a commit is never done twice."""

import asyncio
import inspect
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from alembic_neon import (
    CommitOutcomeUnknownError,
    create_engine,
    get_session,
    run_transaction,
    session_scope,
)
from alembic_neon.engine import default_engine
from alembic_neon.engine import session as sessions
from alembic_neon.engine.default_engine import DefaultEngine
from alembic_neon.engine.url import DatabaseURL
from queries import Query
from scratch_project import ScratchProject
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

COUNT = "SELECT count(*) FROM notes"
INSERT = text("INSERT INTO notes VALUES ('a')")
KILL = "SELECT pg_terminate_backend({})"


@pytest.fixture
async def opened(
    project: ScratchProject,
    database: DatabaseURL,
    query: Query,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[AsyncEngine]:
    """The application's engine, on a database with a table of notes."""
    monkeypatch.setenv("DATABASE_URL", database.render())
    await query("CREATE TABLE notes (t text UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    engine = create_engine()
    monkeypatch.setattr(default_engine, "_default", DefaultEngine(engine))
    yield engine
    await engine.dispose()


class Base(DeclarativeBase):
    """What rows are declared on."""


class Note(Base):
    """A row, as the ORM has it."""

    __tablename__ = "notes"
    t: Mapped[str] = mapped_column(primary_key=True)


class Work:
    """A unit of work that inserts, after something was done to its connection; it counts."""

    def __init__(self, before: Callable[[AsyncSession, int], Any]) -> None:
        self.before = before
        self.attempts = 0
        self.sessions: list[AsyncSession] = []

    async def __call__(self, session: AsyncSession) -> int:
        self.attempts += 1
        self.sessions.append(session)
        await self.before(session, self.attempts)
        await session.execute(INSERT)
        return self.attempts


async def process_id(session: AsyncSession) -> int:
    return int(await session.scalar(text("SELECT pg_backend_pid()")) or 0)


async def test_a_lost_connection_is_met_with_another_attempt(
    opened: AsyncEngine, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    async def kill_twice(session: AsyncSession, attempt: int) -> None:
        if attempt <= 2:
            await session.execute(INSERT)
            await query(KILL.format(await process_id(session)))

    work = Work(kill_twice)
    with caplog.at_level(logging.WARNING, "alembic_neon.engine.unit_of_work"):
        assert await run_transaction(work) == 3
    assert await query(COUNT) == 1, "what the lost attempts did is gone"
    assert len({id(session) for session in work.sessions}) == 3, "each attempt has a session"
    attempts = [r for r in caplog.records if r.name == "alembic_neon.engine.unit_of_work"]
    assert [r.message[:12] for r in attempts] == ["Attempt 1 to", "Attempt 2 to"]


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
async def test_a_lost_race_is_met_with_another_attempt(
    opened: AsyncEngine, query: Query, sqlstate: str
) -> None:
    async def lose(session: AsyncSession, attempt: int) -> None:
        if attempt == 1:
            raised = f"DO $$ BEGIN RAISE 'lost' USING ERRCODE = '{sqlstate}'; END $$"
            await session.execute(text(raised))

    assert await run_transaction(Work(lose)) == 2
    assert await query(COUNT) == 1


async def test_two_that_count_at_once_end_up_serialized(opened: AsyncEngine, query: Query) -> None:
    both = asyncio.Barrier(2)
    attempts = 0

    async def count_and_insert(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        count = await session.scalar(text(COUNT))
        if attempts <= 2:
            await both.wait()
        await session.execute(text("INSERT INTO notes VALUES (:t)"), {"t": str(count)})

    await asyncio.gather(
        *(run_transaction(count_and_insert, isolation_level="SERIALIZABLE") for _ in range(2))
    )
    assert (attempts, await query(COUNT)) == (3, 2)


async def test_a_column_that_a_migration_adds_fails_no_unit_of_work(
    opened: AsyncEngine, query: Query
) -> None:
    async def read(session: AsyncSession) -> int:
        return len((await session.execute(text("SELECT * FROM notes"))).keys())

    assert await run_transaction(read) == 1
    await query("ALTER TABLE notes ADD COLUMN more int")
    async with opened.connect() as connection:
        with pytest.raises(Exception, match="cached statement plan is invalid"):
            await connection.execute(text("SELECT * FROM notes"))
    await query("ALTER TABLE notes ADD COLUMN most int")
    assert await run_transaction(read) == 3


@pytest.mark.parametrize(
    "error", [ValueError("of the work"), FileNotFoundError(2, "no file"), asyncio.CancelledError()]
)
async def test_an_error_of_the_work_is_raised_at_once_and_rolled_back(
    opened: AsyncEngine, query: Query, error: BaseException
) -> None:
    async def fail(session: AsyncSession, _: int) -> None:
        await session.execute(INSERT)
        raise error

    work = Work(fail)
    with pytest.raises(type(error)):
        await run_transaction(work)
    assert (work.attempts, await query(COUNT)) == (1, 0)


async def test_a_statement_that_is_wrong_is_raised_at_once(opened: AsyncEngine) -> None:
    async def wrong(session: AsyncSession, _: int) -> None:
        await session.execute(text("SELECT nonsense"))

    work = Work(wrong)
    with pytest.raises(ProgrammingError):
        await run_transaction(work)
    assert work.attempts == 1


async def test_a_cancellation_between_two_attempts_ends_them(opened: AsyncEngine) -> None:
    begun = asyncio.Event()

    async def lose(session: AsyncSession, _: int) -> None:
        begun.set()
        raise ConnectionResetError

    work = Work(lose)
    task = asyncio.create_task(run_transaction(work))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("unit", ["run_transaction", "session_scope", "get_session"])
async def test_a_server_that_does_not_answer_holds_no_cancellation_up(
    opened: AsyncEngine, monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    monkeypatch.setattr(sessions, "_ROLLBACK_SECONDS", 0.3)
    frozen: list[int] = []

    async def freeze(session: AsyncSession) -> None:
        frozen.append(await process_id(session))
        os.kill(frozen[0], signal.SIGSTOP)
        await asyncio.sleep(60)

    async def in_scope() -> None:
        scope = session_scope() if unit == "session_scope" else asynccontextmanager(get_session)()
        async with scope as session:
            await freeze(session)

    task = asyncio.create_task(run_transaction(freeze) if unit == "run_transaction" else in_scope())
    try:
        async with asyncio.timeout(10):
            while not frozen:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait({task}, timeout=10)
        assert task.done()
        assert task.cancelled()
    finally:
        os.kill(frozen[0], signal.SIGCONT)


async def test_no_attempt_begins_after_the_deadline(opened: AsyncEngine) -> None:
    async def lose(session: AsyncSession, _: int) -> None:
        raise ConnectionResetError

    work = Work(lose)
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionResetError):
            await run_transaction(work, deadline_seconds=0.3)
    assert work.attempts >= 2


@pytest.fixture
def killed_in_commit(opened: AsyncEngine, query: Query) -> Callable[[AsyncSession, int], Any]:
    """What lets the first attempt's connection be lost while COMMIT runs.

    A deferred trigger is the last thing that COMMIT does before it stores; it ends its own session.
    """

    async def prepare(session: AsyncSession, attempt: int) -> None:
        if attempt == 1:
            await query(
                "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(9); "
                "RETURN NULL; END $$"
            )
            await query(
                "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED "
                "FOR EACH ROW EXECUTE FUNCTION die()"
            )
        else:
            await query("ALTER TABLE notes DISABLE TRIGGER die")

    return prepare


async def test_a_commit_whose_outcome_is_unknown_is_not_repeated(
    killed_in_commit: Callable[[AsyncSession, int], Any],
) -> None:
    work = Work(killed_in_commit)
    with pytest.raises(CommitOutcomeUnknownError, match="while the transaction was committed"):
        await run_transaction(work)
    assert work.attempts == 1


async def test_a_commit_whose_outcome_is_unknown_is_repeated_where_that_does_no_harm(
    killed_in_commit: Callable[[AsyncSession, int], Any], query: Query
) -> None:
    assert await run_transaction(Work(killed_in_commit), idempotent=True) == 2
    assert await query(COUNT) == 1


async def test_what_the_work_committed_by_itself_is_not_repeated(
    opened: AsyncEngine, query: Query
) -> None:
    async def commit_and_lose(session: AsyncSession, _: int) -> None:
        await session.execute(INSERT)
        await session.commit()
        raise ConnectionResetError

    work = Work(commit_and_lose)
    with pytest.raises(CommitOutcomeUnknownError):
        await run_transaction(work)
    assert (work.attempts, await query(COUNT)) == (1, 1)


async def own_commit(session: AsyncSession) -> None:
    await session.execute(INSERT)
    await session.commit()


async def own_commit_of_the_connection(session: AsyncSession) -> None:
    await session.execute(INSERT)
    await (await session.connection()).commit()


async def own_commit_and_another_connection(session: AsyncSession) -> None:
    await own_commit(session)
    assert isinstance(session.bind, AsyncEngine)
    async with session.bind.connect():  # this one has the connection now
        await session.connection()


@pytest.mark.parametrize(
    "commit", [own_commit, own_commit_of_the_connection, own_commit_and_another_connection]
)
@pytest.mark.parametrize("sqlstate", ["40001", "57P01"])
async def test_a_race_that_is_lost_after_an_own_commit_is_not_repeated(
    opened: AsyncEngine,
    query: Query,
    commit: Callable[[AsyncSession], Any],
    sqlstate: str,
) -> None:
    async def commit_and_lose(session: AsyncSession, _: int) -> None:
        await commit(session)
        connection = await session.connection()
        await connection.execute(
            text(f"DO $$ BEGIN RAISE 'lost' USING ERRCODE = '{sqlstate}'; END $$")
        )

    work = Work(commit_and_lose)
    with pytest.raises(CommitOutcomeUnknownError):
        await run_transaction(work)
    assert (work.attempts, await query(COUNT)) == (1, 1)


async def test_a_commit_over_an_open_savepoint_is_a_commit(
    killed_in_commit: Callable[[AsyncSession, int], Any],
) -> None:
    async def leave_a_savepoint(session: AsyncSession, attempt: int) -> None:
        await killed_in_commit(session, attempt)
        root = await session.begin()
        await session.begin_nested()
        await session.execute(INSERT)
        await root.commit()

    work = Work(leave_a_savepoint)
    with pytest.raises(CommitOutcomeUnknownError):
        await run_transaction(work)
    assert work.attempts == 1


async def test_a_savepoint_is_no_commit(opened: AsyncEngine, query: Query) -> None:
    async def lose_after_savepoint(session: AsyncSession, attempt: int) -> None:
        async with session.begin_nested():
            await session.execute(text("INSERT INTO notes VALUES ('b')"))
        if attempt == 1:
            raise ConnectionResetError

    assert await run_transaction(Work(lose_after_savepoint)) == 2
    assert await query(COUNT) == 2


async def test_what_is_lost_while_objects_are_flushed_was_not_committed(
    killed_in_commit: Callable[[AsyncSession, int], Any], query: Query
) -> None:
    attempts = 0

    async def leave_an_object(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        await killed_in_commit(session, attempts)
        await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))  # so that INSERT ends it
        session.add(Note(t="a"))

    await run_transaction(leave_an_object)
    assert (attempts, await query(COUNT)) == (2, 1)


async def test_a_connection_that_was_given_back_tells_nothing_of_a_commit(
    opened: AsyncEngine, query: Query
) -> None:
    async def roll_back_and_lose(session: AsyncSession, attempt: int) -> None:
        await session.execute(INSERT)
        await session.rollback()
        async with opened.begin() as other:  # on the same connection
            await other.execute(text("INSERT INTO notes VALUES ('b')"))
        if attempt == 1:
            await query("DELETE FROM notes")
            raise ConnectionResetError

    assert await run_transaction(Work(roll_back_and_lose)) == 2
    assert await query(COUNT) == 2


async def test_a_constraint_that_commit_refuses_is_raised_as_it_is(
    opened: AsyncEngine, query: Query
) -> None:
    await query("INSERT INTO notes VALUES ('a')")

    async def nothing(session: AsyncSession, _: int) -> None: ...

    work = Work(nothing)
    with pytest.raises(IntegrityError):
        await run_transaction(work)
    assert work.attempts == 1


async def test_a_dependency_yields_once_whatever_is_thrown_into_it(opened: AsyncEngine) -> None:
    """A dependency that catches, begins anew and yields again raises RuntimeError in frameworks."""
    for error in (ConnectionResetError(), ValueError(), asyncio.CancelledError()):
        dependency = get_session()
        assert inspect.isasyncgen(dependency)
        await anext(dependency)
        with pytest.raises(type(error)):
            await dependency.athrow(error)
    dependency = get_session()
    await anext(dependency)
    with pytest.raises(StopAsyncIteration):
        await anext(dependency)
