"""Coroutines that fill tables beside each other ask the server together."""

import asyncio

import pytest
from alembic_neon.verification.rows.server import JobQueue, run_batched
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine


def ask(sql: str) -> dict[str, object]:
    """Return a job that asks for one value."""
    return {"kind": "ask", "sql": sql, "rows": []}


async def count_up(times: int, queue: JobQueue) -> list[int]:
    """Ask as many times, one question after the other."""
    found = []
    for number in range(times):
        [(answer, _)] = await queue.run([ask(f"SELECT to_jsonb({number})")])
        found.append(answer)
    return found


async def test_as_many_batches_are_sent_as_the_longest_of_them_needs(engine: AsyncEngine) -> None:
    sent: list[str] = []
    async with engine.connect() as connection:
        event.listen(
            connection.sync_connection, "before_cursor_execute", lambda *of: sent.append(of[2])
        )
        works = [lambda queue, times=times: count_up(times, queue) for times in (3, 0, 1, 5)]
        found = await run_batched(connection, works)
    assert found == [list(range(times)) for times in (3, 0, 1, 5)]
    assert sum("jsonb_array_elements" in sql for sql in sent) == 5


async def test_an_error_in_one_of_them_ends_all_and_is_raised(engine: AsyncEngine) -> None:
    ended = []

    async def fail(queue: JobQueue) -> None:
        await queue.run([ask("SELECT to_jsonb(1)")])
        raise LookupError("it is not there")

    async def wait(queue: JobQueue) -> None:
        try:
            await count_up(9, queue)
        except asyncio.CancelledError:
            ended.append(True)
            raise

    async with engine.connect() as connection:
        with pytest.raises(LookupError, match="it is not there"):
            await run_batched(connection, [wait, fail])
        with pytest.raises(DBAPIError, match="terminating connection"):
            await run_batched(
                connection,
                [lambda queue: queue.run([ask("SELECT pg_terminate_backend(pg_backend_pid())")])],
            )
        await connection.invalidate()
    assert ended == [True]
