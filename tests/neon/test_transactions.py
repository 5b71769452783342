"""Units of work through every fault: done once, or said to be unknown, and never done twice."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from alembic_neon import (
    CommitOutcomeUnknownError,
    close_db,
    create_engine,
    init_db,
    run_transaction,
)
from alembic_neon.engine.url import DatabaseURL
from neon.certificates import DIRECT_HOST
from neon.plain import plain_engine
from neon.stand_in import StandIn
from queries import first_column
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

INSERT = text("INSERT INTO notes VALUES (1, 0)")
FAULTS = ["suspend", "restart", "kill_connections", "end_backends"]


@pytest.fixture(params=[False, True], ids=["direct", "pooled"])
async def opened(
    pooled_neon: StandIn, database: DatabaseURL, request: pytest.FixtureRequest
) -> AsyncIterator[StandIn]:
    """Neon with our engine open on one of its endpoints, and an empty table."""
    await first_column(database, "CREATE TABLE notes (id int, n int)")
    await init_db(pooled_neon.settings(pooled=request.param), require_head=False)
    yield pooled_neon
    await close_db()


@pytest.fixture
async def rows(database: DatabaseURL) -> Any:
    """A function that counts the rows that are stored."""

    async def count() -> int:
        return int((await first_column(database, "SELECT count(*) FROM notes"))[0])

    return count


class Work:
    """Inserts a row; on its first attempt a fault strikes before the work is done."""

    def __init__(self, strike: Any) -> None:
        self.attempts = 0
        self._strike = strike

    async def __call__(self, session: AsyncSession) -> None:
        self.attempts += 1
        await session.execute(INSERT)
        if self.attempts == 1:
            await asyncio.to_thread(self._strike)
        await session.execute(text("SELECT 1"))


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_within_the_work_costs_an_attempt_and_nothing_else(
    opened: StandIn, rows: Any, fault: str
) -> None:
    work = Work(getattr(opened.edge, fault))
    await run_transaction(work)
    assert (work.attempts, await rows()) == (2, 1)


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_same_fails_with_a_plain_engine(
    pooled_neon: StandIn, database: DatabaseURL, rows: Any, fault: str
) -> None:
    await first_column(database, "CREATE TABLE notes (id int, n int)")
    engine = plain_engine(pooled_neon.url())
    with pytest.raises((DBAPIError, OSError)):
        async with AsyncSession(engine) as session, session.begin():
            await Work(getattr(pooled_neon.edge, fault))(session)
    assert await rows() == 0
    await engine.dispose()


@pytest.mark.parametrize("how", ["compute", "control plane", "permit", "starting", "closed"])
async def test_a_cold_start_that_fails_at_first_is_tried_again(
    opened: StandIn, rows: Any, how: Any
) -> None:
    opened.edge.suspend()
    opened.edge.fail_while_waking(2, how)
    await run_transaction(Work(lambda: None))
    assert await rows() == 1
    assert opened.edge.compute.wakes == 1


async def test_a_refused_connection_is_tried_again(opened: StandIn, rows: Any) -> None:
    opened.edge.kill_connections()
    opened.edge.refuse()
    opening = asyncio.get_running_loop().call_later(0.4, opened.edge.accept)
    await run_transaction(Work(lambda: None))
    assert await rows() == 1
    opening.cancel()


@pytest.mark.parametrize(("when", "stored"), [("before", 0), ("after", 1)])
async def test_a_commit_that_is_cut_is_said_to_be_unknown_and_not_repeated(
    opened: StandIn, rows: Any, when: Any, stored: int
) -> None:
    opened.edge.cut_at(b"COMMIT", when)
    work = Work(lambda: None)
    with pytest.raises(CommitOutcomeUnknownError):
        await run_transaction(work)
    assert (work.attempts, await rows()) == (1, stored)


async def test_a_commit_that_could_not_be_sent_is_known_not_to_be_stored(
    opened: StandIn, rows: Any
) -> None:
    opened.edge.linger_seconds = 1.0  # the server's last words are read, its end is not yet
    attempts = 0

    async def work(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        await session.execute(INSERT)
        if attempts == 1:
            await asyncio.to_thread(opened.edge.end_backends)
            await asyncio.sleep(0.1)

    await run_transaction(work)
    assert (attempts, await rows()) == (2, 1)


@pytest.mark.parametrize(("when", "stored"), [("before", 1), ("after", 2)])
async def test_what_is_idempotent_is_repeated(
    opened: StandIn, rows: Any, when: Any, stored: int
) -> None:
    # An INSERT is not idempotent, which is how the rows can tell how often it was done.
    opened.edge.cut_at(b"COMMIT", when)
    work = Work(lambda: None)
    await run_transaction(work, idempotent=True)
    assert (work.attempts, await rows()) == (2, stored)


async def test_two_that_deadlock_are_both_done(opened: StandIn, database: DatabaseURL) -> None:
    await first_column(database, "INSERT INTO notes VALUES (1, 0), (2, 0)")
    together = asyncio.Barrier(2)
    attempts = []

    async def work(session: AsyncSession, order: tuple[int, int]) -> None:
        attempts.append(order)
        is_first = len(attempts) <= 2
        update = text("UPDATE notes SET n = n + 1 WHERE id = :id")
        await session.execute(update, {"id": order[0]})
        if is_first:
            await together.wait()
        await session.execute(update, {"id": order[1]})

    await asyncio.gather(
        run_transaction(lambda session: work(session, (1, 2))),
        run_transaction(lambda session: work(session, (2, 1))),
    )
    assert len(attempts) > 2
    assert await first_column(database, "SELECT n FROM notes ORDER BY id") == [2, 2]


async def test_a_read_of_everything_is_repeated_after_a_new_column(
    opened: StandIn, database: DatabaseURL
) -> None:
    async def columns(session: AsyncSession) -> list[str]:
        return list((await session.execute(text("SELECT * FROM notes"))).keys())

    assert await run_transaction(columns) == ["id", "n"]
    await first_column(database, "ALTER TABLE notes ADD COLUMN body text")
    assert await run_transaction(columns) == ["id", "n", "body"]


@pytest.mark.parametrize(
    "changed",
    [
        {"password": "wrong"},
        {"database": "nowhere"},
        {"host": f"ep-other-{DIRECT_HOST}"},  # "Control plane request failed: …", for good
    ],
    ids=["password", "database", "endpoint"],
)
async def test_what_is_wrong_for_good_is_tried_once(neon: StandIn, changed: dict[str, Any]) -> None:
    settings = neon.settings(url=neon.url(**changed), db_connect_timeout=2)
    engine = create_engine(settings)
    with pytest.raises(Exception, match=r"authentication|does not exist|cannot be found"):
        await run_transaction(Work(lambda: None), engine=engine, deadline_seconds=3)
    assert neon.edge.figures.requests == 1
    await engine.dispose()


async def test_a_pool_that_is_empty_for_too_long_is_an_error_in_time(neon: StandIn) -> None:
    tight: dict[str, Any] = {"db_pool_size": 1, "db_max_overflow": 0, "db_pool_timeout": 0.3}
    await init_db(neon.settings(**tight), require_head=False)

    async def slow(session: AsyncSession) -> None:
        await session.execute(text("SELECT pg_sleep(1.5)"))

    holding = asyncio.create_task(run_transaction(slow))
    await asyncio.sleep(0.1)
    started = time.monotonic()
    with pytest.raises(PoolTimeoutError):
        await run_transaction(slow)
    assert time.monotonic() - started < 1.4
    await holding
    await close_db()
