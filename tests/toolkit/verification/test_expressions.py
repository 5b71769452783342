"""Conditions are taken apart as PostgreSQL writes them, never inside of what belongs together."""

import pytest
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.verification.rows.expressions import conjuncts, mentions
from queries import first_column

TABLE = """CREATE TABLE t (a int, b int, s text, "x AND y" int, "it's (" int, CHECK ({}))"""
WRITTEN = "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conrelid = 't'::regclass"


@pytest.mark.parametrize(
    ("check", "parts"),
    [
        ("a > 1", ["a > 1"]),
        ("a > 1 AND b < 2", ["a > 1", "b < 2"]),
        ("(a > 1 AND b < 2) AND (a < 3 AND b > 4)", ["a > 1", "b < 2", "a < 3", "b > 4"]),
        ("a BETWEEN 1 AND 2", ["a >= 1", "a <= 2"]),
        ("a > 1 OR b < 2 AND a < 3", ["(a > 1) OR ((b < 2) AND (a < 3))"]),
        ("(a > 1 OR b < 2) AND a < 3", ["(a > 1) OR (b < 2)", "a < 3"]),
        ("NOT (a > 1 AND b < 2)", ["NOT ((a > 1) AND (b < 2))"]),
        ("(a > 1 AND b < 2) IS TRUE", ["((a > 1) AND (b < 2)) IS TRUE"]),
        ("s <> 'x AND y' AND a > 1", ["s <> 'x AND y'::text", "a > 1"]),
        ("s <> 'it''s (' AND s <> ')'", ["s <> 'it''s ('::text", "s <> ')'::text"]),
        (
            "s IN ('a AND b', ')') AND a > 1",
            ["s = ANY (ARRAY['a AND b'::text, ')'::text])", "a > 1"],
        ),
        ('"x AND y" > 1 AND "it\'s (" > 2', ['"x AND y" > 1', '"it\'s (" > 2']),
        (
            "CASE WHEN a > 1 AND b > 1 THEN a > 2 ELSE b > 2 AND a > 0 END",
            ["CASE WHEN ((a > 1) AND (b > 1)) THEN (a > 2) ELSE ((b > 2) AND (a > 0)) END"],
        ),
        (
            "a > 0 AND CASE WHEN b > 1 THEN 1 / a > 0 ELSE s > '' END AND b < 9",
            [
                "(a > 0) AND CASE WHEN (b > 1) THEN ((1 / a) > 0) ELSE (s > ''::text) END",
                "b < 9",
            ],
        ),
    ],
)
async def test_conditions_are_parted_where_and_joins_the_whole(
    database: DatabaseURL, check: str, parts: list[str]
) -> None:
    [written] = await first_column(database, TABLE.format(check), WRITTEN)
    assert [" ".join(each.split()) for each in conjuncts(written)] == parts


def test_a_column_is_mentioned_by_its_whole_name() -> None:
    assert mentions("(a > 1)", "a")
    assert mentions('("it""s" > 1)', 'it"s')
    assert not mentions("(ab > 1)", "a")
    assert not mentions("(b_a > 1)", "a")
