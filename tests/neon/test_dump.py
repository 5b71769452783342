"""The schema is read over TLS by a pg_dump that knows none."""

import pytest
from alembic_neon.baseline.dump import dump_schema
from alembic_neon.baseline.dump_text import parse_dump
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import MigrationError
from neon.certificates import WRONG_HOST
from neon.stand_in import StandIn
from queries import first_column


async def test_a_schema_behind_tls_is_read_whole(neon: StandIn, database: DatabaseURL) -> None:
    await first_column(database, *(f"CREATE TABLE t{n} (id int, note text)" for n in range(300)))
    dumped = list(parse_dump(await dump_schema(DatabaseURL.parse(neon.url()), 18)))
    assert len(dumped) == 300
    assert dumped[0].name == "table public.t0"


async def test_a_host_that_the_certificate_does_not_cover_is_not_asked(neon: StandIn) -> None:
    with pytest.raises(MigrationError, match="schema could not be read"):
        await dump_schema(DatabaseURL.parse(neon.url(host=WRONG_HOST)), 18)
    assert neon.edge.figures.requests == 0
