"""A load beside a rehearsal reaches Neon: pgbench knows no TLS, and has a password to give."""

import asyncio
from pathlib import Path

from alembic_neon.engine.url import DatabaseURL
from alembic_neon.rehearsal.pgbench import PgbenchLoad
from neon.stand_in import StandIn
from queries import first_column


async def test_a_script_of_pgbench_logs_in_with_the_password_over_tls(
    neon: StandIn, database: DatabaseURL, tmp_path: Path
) -> None:
    await first_column(database, "CREATE TABLE t AS SELECT generate_series(1, 10) AS v")
    script = tmp_path / "load.sql"
    script.write_text("\\set id random(1, 10)\nSELECT v FROM t WHERE v = :id;\n")
    load = PgbenchLoad(script, is_read=True)
    async with load.running(DatabaseURL.parse(neon.url())) as counters:
        await asyncio.sleep(0.5)
    assert (counters.reads > 0, counters.writes, counters.failures) == (True, 0, 0)
