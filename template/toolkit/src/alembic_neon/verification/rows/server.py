"""Work that the server does in one go, each piece in a savepoint of its own."""

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

# A piece of work is read from a setting, as a DO block takes no parameters, and its result is left
# in another. Kinds of work: `ask` returns the single value of a query; `fit` the positions of the
# rows that a condition lets pass; `insert` tries rows until as many as wanted are in.
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
            FOR attempt IN SELECT value FROM jsonb_array_elements(job->'rows') LOOP
                EXIT WHEN made >= (job->>'wanted')::int;
                BEGIN
                    EXECUTE job->>'sql' USING ARRAY(SELECT jsonb_array_elements_text(attempt));
                    GET DIAGNOSTICS affected = ROW_COUNT;
                    made := made + sign(affected);
                    IF affected = 0 THEN
                        failure := coalesce(failure, 'a trigger or rule discards the rows');
                    END IF;
                EXCEPTION WHEN OTHERS THEN
                    failure := coalesce(failure, SQLERRM);
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

_PREPARER: Final = asyncpg.PGDialect_asyncpg().identifier_preparer  # type: ignore[no-untyped-call]

Job = dict[str, Any]


async def run(connection: AsyncConnection, jobs: Sequence[Job]) -> list[tuple[Any, str | None]]:
    """Do the jobs and return for each its answer, and the message of what failed first in it."""
    if not jobs:
        return []
    work = json.dumps(jobs)
    await connection.exec_driver_sql("SELECT set_config('rows.work', $1, true)", (work,))
    await connection.exec_driver_sql(RUN_SQL)
    results = await connection.exec_driver_sql("SELECT current_setting('rows.results')")
    return [(each["answer"], each["failure"]) for each in json.loads(results.scalar_one())]


def quoted(name: str) -> str:
    """Quote a name for SQL."""
    return _PREPARER.quote_identifier(name)
