"""Work that the server does in one go, each piece in a savepoint of its own."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from ...engine.sqlalchemy_internals import dialect

# A piece of work is read from a setting, as a DO block takes no parameters, and its result is left
# in another. Kinds of work: `ask` returns the single value of a query; `fit` the positions of the
# rows that a condition lets pass; `insert` tries rows until as many as asked for are in.
#
# What is deferrable is checked at once, so that a row that does not fit fails here and not at the
# commit. A condition may also fail on a row, as a cast to a domain does: then each row is asked
# alone.
RUN_SQL: Final = r"""
DO $run$
DECLARE
    job jsonb;
    attempt jsonb;
    answer jsonb;
    alone jsonb;
    failure text;
    tables oid[];
    raised_in text;
    refusing text;
    made int;
    affected int;
    spot int;
    results jsonb := '[]';
BEGIN
    SET CONSTRAINTS ALL IMMEDIATE;
    FOR job IN SELECT value FROM jsonb_array_elements(current_setting('rows.work')::jsonb) LOOP
        answer := NULL;
        failure := NULL;
        IF job->>'kind' = 'insert' THEN
            made := 0;
            tables := ARRAY(SELECT jsonb_array_elements_text(job->'tables')::oid);
            FOR attempt IN SELECT value FROM jsonb_array_elements(job->'rows') LOOP
                EXIT WHEN made >= (job->>'row_count')::int;
                BEGIN
                    EXECUTE job->>'sql' USING ARRAY(SELECT jsonb_array_elements_text(attempt));
                    GET DIAGNOSTICS affected = ROW_COUNT;
                    made := made + sign(affected);
                    IF affected = 0 AND failure IS NULL THEN
                        SELECT coalesce(string_agg(name, ' or ' ORDER BY name), 'a trigger or rule')
                            || ' discards the rows' INTO failure
                        FROM (
                            SELECT format('trigger %I', tgname) FROM pg_trigger
                            WHERE tgrelid = ANY (tables) AND NOT tgisinternal
                              AND tgenabled IN ('O', 'A') AND tgtype & 7 = 7  -- before each insert
                            UNION ALL SELECT format('rule %I', rulename) FROM pg_rewrite
                            WHERE ev_class = ANY (tables) AND ev_type = '3' AND is_instead
                        ) AS found (name);
                    END IF;
                EXCEPTION WHEN OTHERS THEN
                    IF failure IS NULL THEN
                        GET STACKED DIAGNOSTICS raised_in = PG_EXCEPTION_CONTEXT;
                        SELECT format('trigger %I refuses the rows: ', min(tgname)) INTO refusing
                        FROM pg_trigger
                        WHERE tgrelid = ANY (tables) AND NOT tgisinternal
                          AND position(format(' function %s line ', tgfoid::regprocedure)
                              IN raised_in) > 0
                        HAVING count(*) > 0;
                        failure := concat(refusing, SQLERRM);
                    END IF;
                END;
            END LOOP;
            answer := to_jsonb(made);
        ELSE
            BEGIN
                EXECUTE job->>'sql' INTO answer USING job->'rows';
            EXCEPTION WHEN OTHERS THEN
                failure := SQLERRM;
                IF job->>'kind' = 'fit' THEN
                    answer := '[]';
                    spot := 0;
                    FOR attempt IN SELECT value FROM jsonb_array_elements(job->'rows') LOOP
                        spot := spot + 1;
                        BEGIN
                            EXECUTE job->>'sql' INTO alone USING jsonb_build_array(attempt);
                            IF alone <> '[]' THEN
                                answer := answer || to_jsonb(spot);
                            END IF;
                        EXCEPTION WHEN OTHERS THEN
                            NULL;
                        END;
                    END LOOP;
                END IF;
            END;
        END IF;
        results := results || jsonb_build_object('answer', answer, 'failure', failure);
    END LOOP;
    PERFORM set_config('rows.results', results::text, true);
END
$run$
"""

_PREPARER: Final = dialect().identifier_preparer

Job = dict[str, Any]
Result = TypeVar("Result")
Answer = tuple[Any, str | None]  # what it returned, and the message of what failed first in it


async def run(connection: AsyncConnection, jobs: Sequence[Job]) -> list[Answer]:
    """Do the jobs and return the answer of each."""
    if not jobs:
        return []
    work = json.dumps(jobs)
    await connection.exec_driver_sql("SELECT set_config('rows.work', $1, true)", (work,))
    await connection.exec_driver_sql(RUN_SQL)
    results = await connection.exec_driver_sql("SELECT current_setting('rows.results')")
    return [(each["answer"], each["failure"]) for each in json.loads(results.scalar_one())]


class JobQueue:
    """Collects the jobs of coroutines that run beside each other, for `run_batched` to send."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Sequence[Job], asyncio.Future[list[Answer]]]] = []

    def __len__(self) -> int:
        """How many coroutines wait for answers."""
        return len(self._waiting)

    async def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Return the answers of jobs, which are sent once all other coroutines wait as well."""
        if not jobs:
            return []
        answers: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        self._waiting.append((jobs, answers))
        return await answers

    async def send(self, connection: AsyncConnection) -> None:
        """Do what waits, in one go."""
        waiting, self._waiting = self._waiting, []
        found = iter(await run(connection, [job for jobs, _ in waiting for job in jobs]))
        for jobs, answers in waiting:
            answers.set_result([next(found) for _ in jobs])


async def run_batched(
    connection: AsyncConnection, works: Sequence[Callable[[JobQueue], Coroutine[Any, Any, Result]]]
) -> list[Result]:
    """Run coroutines beside each other, so that the server is asked for all of them at once.

    They await nothing but the queue that they are given.
    """
    queue = JobQueue()
    tasks = [asyncio.create_task(work(queue)) for work in works]
    try:
        while running := [task for task in tasks if not task.done()]:
            for task in tasks:
                if task.done():
                    task.result()  # raises what it failed with
            if len(queue) < len(running):
                await asyncio.sleep(0)  # some have not come to their next question yet
            else:
                await queue.send(connection)
        return [task.result() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def quoted(name: str) -> str:
    """Quote a name for SQL."""
    return _PREPARER.quote_identifier(name)
