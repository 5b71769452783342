"""One form of an expression, however often PostgreSQL has read its own text of it."""

import pytest
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.verification.catalog import take_snapshot
from alembic_neon.verification.catalog.canonical import canonical_expression
from queries import first_column

TABLE = """CREATE TABLE {} (
    id int PRIMARY KEY, s varchar(20), c char(3), n numeric, i smallint, f float, d date, a text[],
    "odd, name" varchar
)"""
EXPRESSIONS = [
    "s IN ('a', 'b')",
    "s NOT IN ('it''s', 'a, b', '])::text[]', 'd')",
    "s IN ('(ARRAY[', 'x') AND s <> 'y'",
    "(s IN ('a', 'b')) = (s IN ('c', 'd'))",
    "\"odd, name\" IN ('a', lower('B'), s)",
    "c IN ('a', 'b')",
    "n IN (1, 2.5)",
    "i IN (1, 2)",
    "f IN (1, 2)",
    "d IN ('2020-01-01', '2021-01-01')",
    "a @> ARRAY['x', s]::text[]",
    "s::varchar(5) IN ('a', 'b')",
    "s BETWEEN 'a' AND 'c' OR s IS NULL",
    "s LIKE ANY (ARRAY['a%', 'b%'])",
    "i = ANY ('{1,2}'::int[])",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
async def test_a_text_that_is_read_again_is_no_difference(
    database: DatabaseURL, expression: str
) -> None:
    """A CHECK, a partial index and a view: made once from the text, and once from their own."""
    filtered = f"SELECT id FROM t WHERE {expression}"  # noqa: S608 - the test's own
    await first_column(
        database,
        TABLE.format("t"),
        f"ALTER TABLE t ADD CONSTRAINT c CHECK ({expression})",
        f"CREATE INDEX i ON t (id) WHERE {expression}",
        f"CREATE VIEW v AS {filtered}",
    )
    before = await take_snapshot(database)
    (check,) = await first_column(
        database, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'c'"
    )
    (index,) = await first_column(database, "SELECT pg_get_indexdef('i'::regclass)")
    (view,) = await first_column(database, "SELECT pg_get_viewdef('v'::regclass)")
    await first_column(
        database,
        "DROP VIEW v",
        "DROP INDEX i",
        "ALTER TABLE t DROP CONSTRAINT c",
        f"ALTER TABLE t ADD CONSTRAINT c {check}",
        index,
        f"CREATE VIEW v AS {view}",
    )
    after = await take_snapshot(database)
    assert before.difference(after) == []
    assert before.fingerprint == after.fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s IN ('a', 'b')", "s IN ('a', 'c')"),
        ("s IN ('a', 'b')", "s NOT IN ('a', 'b')"),
        ("n * (i + 1) > 2", "n * i + 1 > 2"),
        ("i::int > 2", "i::bigint > 2"),
    ],
)
async def test_expressions_of_another_meaning_stay_different(
    database: DatabaseURL, one: str, other: str
) -> None:
    await first_column(database, TABLE.format("t"), f"ALTER TABLE t ADD CONSTRAINT c CHECK ({one})")
    before = await take_snapshot(database)
    await first_column(
        database,
        "ALTER TABLE t DROP CONSTRAINT c",
        f"ALTER TABLE t ADD CONSTRAINT c CHECK ({other})",
    )
    found = before.difference(await take_snapshot(database))
    assert [each.object.label for each in found] == ["constraint public.t.c"]


def test_what_holds_no_cast_of_an_array_is_left_as_it_is() -> None:
    for text in ("(ARRAY[1, 2])", "x = '(ARRAY[1])::text[", "(ARRAY[", "(ARRAY[']"):
        assert canonical_expression(text) == text
