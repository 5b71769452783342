"""One form of an expression, however often PostgreSQL has read its own text of it."""

import re

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
    "\"odd, name\" IN ('a', lower(s), s)",
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
    "s = ANY ((ARRAY[ARRAY['a, ]', 'b'], ARRAY['c', 'd']]::varchar[])::text[])",
    "s IN (\"odd, name\", 'x', c)",
    "i BETWEEN 1 AND 5 AND n BETWEEN 0.5 AND 2 AND (f > 1 AND f < 2)",
    "(i = 1 OR n = 2) AND (s = ' AND (' OR f IN (1, 2)) OR d > '2020-01-01'",
    "CASE WHEN s IN ('a', 'b') THEN i BETWEEN 1 AND 2 AND i < 9 ELSE false END",
    "s || c || 'x' NOT IN ('a', 'b')",
    "d - 30 > date '2020-01-01' + interval '1 day' AND NOT (d < '2020-01-01')",
    "(s, i) IN (('a', 1), ('b', 2))",
    "s::varchar(2)::varchar(1) IN ('a', 'b')",
]


# How each kind is made of an expression; how PostgreSQL shows it, and how it is made of that.
KINDS = {
    "check": (
        "ALTER TABLE t ADD CONSTRAINT x CHECK ({})",
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'x'",
        "ALTER TABLE t ADD CONSTRAINT x {}",
        "ALTER TABLE t DROP CONSTRAINT x",
    ),
    "partial index": (
        "CREATE INDEX x ON t (id) WHERE {}",
        "SELECT pg_get_indexdef('x'::regclass)",
        "{}",
        "DROP INDEX x",
    ),
    "index": (
        "CREATE INDEX x ON t (({}))",
        "SELECT pg_get_indexdef('x'::regclass)",
        "{}",
        "DROP INDEX x",
    ),
    "view": (
        "CREATE VIEW x AS SELECT id, {0} AS y FROM t WHERE {0}",
        "SELECT pg_get_viewdef('x'::regclass)",
        "CREATE VIEW x AS {}",
        "DROP VIEW x",
    ),
    "generated column": (
        "ALTER TABLE t ADD x bool GENERATED ALWAYS AS ({}) STORED",
        "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef",
        "ALTER TABLE t ADD x bool GENERATED ALWAYS AS ({}) STORED",
        "ALTER TABLE t DROP x",
    ),
    "policy": (
        "CREATE POLICY x ON t USING ({})",
        "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy",
        "CREATE POLICY x ON t USING ({})",
        "DROP POLICY x ON t",
    ),
    "trigger": (
        "CREATE TRIGGER x BEFORE UPDATE ON t FOR EACH ROW WHEN ({new}) EXECUTE FUNCTION f()",
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'x'",
        "{}",
        "DROP TRIGGER x ON t",
    ),
    "rule": (
        "CREATE RULE x AS ON UPDATE TO t WHERE {new} DO INSTEAD NOTHING",
        "SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE rulename = 'x'",
        "{}",
        "DROP RULE x ON t",
    ),
    "domain": (
        "CREATE DOMAIN x AS varchar CONSTRAINT y CHECK ({value})",
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'y'",
        "CREATE DOMAIN x AS varchar CONSTRAINT y {}",
        "DROP DOMAIN x",
    ),
    "default": (
        "ALTER TABLE t ADD x bool DEFAULT ({value})",
        "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef",
        "ALTER TABLE t ADD x bool DEFAULT ({})",
        "ALTER TABLE t DROP x",
    ),
}
_COLUMN = re.compile(r"""('(?:[^']|'')*')|"odd, name"|\b[scnifda]\b(?!\()""")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_text_that_is_read_again_is_no_difference(database: DatabaseURL, kind: str) -> None:
    """Each kind with an expression: made once from the text, and once from what is shown of it."""
    make, show, make_again, drop = KINDS[kind]
    function = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
    await first_column(database, TABLE.format("t"), function)
    for expression in EXPRESSIONS:
        new = _COLUMN.sub(lambda found: found[1] or f"NEW.{found[0]}", expression)
        value = expression
        if kind in ("domain", "default"):
            if not re.fullmatch(r"s (NOT )?IN \('a'.*\)|s IN \('\(.*", expression):
                continue
            value = _COLUMN.sub(lambda found: found[1] or "VALUE", expression)
            if kind == "default":
                value = value.replace("VALUE", "'v'::varchar")
        await first_column(database, make.format(expression, new=new, value=value))
        (shown,) = await first_column(database, show)
        (again,) = await first_column(database, drop, make_again.format(shown), show)
        assert canonical_expression(shown) == canonical_expression(again), expression
        await first_column(database, drop)


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_is_compared_in_that_form(database: DatabaseURL, kind: str) -> None:
    make, show, make_again, drop = KINDS[kind]
    expression = {"trigger": "NEW.s", "rule": "NEW.s", "domain": "VALUE", "default": "'v'::varchar"}
    text = f"{expression.get(kind, 's')} IN ('a', 'b')"
    function = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
    await first_column(
        database, TABLE.format("t"), function, make.format(text, new=text, value=text)
    )
    before = await take_snapshot(database)
    (shown,) = await first_column(database, show)
    (again,) = await first_column(database, drop, make_again.format(shown), show)
    assert shown != again
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
        ("(i = 1 OR i = 2) AND n = 3", "i = 1 OR (i = 2 AND n = 3)"),
        ("s = 'x) AND (y'", "s = 'x AND y'"),
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
