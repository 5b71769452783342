"""The catalog snapshot: every kind of object is in it, and it is the same wherever it is taken."""

import pytest
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.verification.catalog import take_snapshot
from alembic_neon.verification.databases import TestDatabases
from queries import Query

BEFORE = """
CREATE SCHEMA other
CREATE TYPE mood AS ENUM ('ok', 'good')
CREATE TABLE parent (id int PRIMARY KEY, n int, t text, m mood) PARTITION BY RANGE (id)
CREATE TABLE plain (id int PRIMARY KEY, n int NOT NULL DEFAULT 1, t varchar(10), CHECK (n > 0))
CREATE INDEX ix ON plain (n)
CREATE SEQUENCE seq
CREATE VIEW seen AS SELECT id FROM plain
CREATE FUNCTION f(i int) RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'
CREATE TRIGGER tr BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION t()
CREATE DOMAIN positive AS int CHECK (VALUE > 0)
"""


@pytest.fixture
async def filled(database: DatabaseURL, query: Query) -> DatabaseURL:
    """A database with some of everything."""
    for statement in BEFORE.strip().splitlines():
        await query(statement)
    return database


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        ("CREATE TABLE more ()", "+ table public.more"),
        ("CREATE TABLE part PARTITION OF parent FOR VALUES FROM (1) TO (9)", "+ table public.part"),
        ("DROP VIEW seen", "- view public.seen"),
        ("CREATE OR REPLACE VIEW seen AS SELECT id, n FROM plain", "~ view public.seen"),
        ("CREATE MATERIALIZED VIEW kept AS SELECT 1 AS a", "+ materialized view public.kept"),
        ("ALTER TABLE plain ADD COLUMN more int", "+ column public.plain.more"),
        ("ALTER TABLE plain DROP COLUMN t", "- column public.plain.t"),
        ("ALTER TABLE plain ALTER n TYPE bigint", "~ column public.plain.n"),
        ("ALTER TABLE plain ALTER t TYPE varchar(11)", "~ column public.plain.t"),
        ("ALTER TABLE plain ALTER n DROP NOT NULL", "~ column public.plain.n"),
        ("ALTER TABLE plain ALTER n SET DEFAULT 2", "~ column public.plain.n"),
        ('ALTER TABLE plain ALTER t TYPE varchar(10) COLLATE "C"', "~ column public.plain.t"),
        ("ALTER TABLE plain ALTER id ADD GENERATED ALWAYS AS IDENTITY", "~ column public.plain.id"),
        ("ALTER TABLE plain RENAME t TO u", "+ column public.plain.u"),
        ("ALTER TABLE plain DROP CONSTRAINT plain_n_check", "- constraint public.plain.plain_n_ch"),
        ("ALTER TABLE plain ADD CHECK (n > 1) NOT VALID", "+ constraint public.plain.plain_n_che"),
        (
            "ALTER TABLE plain ADD FOREIGN KEY (n) REFERENCES plain",
            "+ constraint public.plain.plai",
        ),
        ("DROP INDEX ix", "- index public.ix"),
        ("CREATE INDEX iy ON plain (n) INCLUDE (t) WHERE n > 2", "+ index public.iy"),
        ("ALTER INDEX ix RENAME TO iz", "+ index public.iz"),
        ("ALTER SEQUENCE seq INCREMENT 2", "~ sequence public.seq"),
        ("ALTER TYPE mood ADD VALUE 'bad'", "~ enum public.mood"),
        ("ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'", "~ enum public.mood"),
        ("ALTER DOMAIN positive SET DEFAULT 3", "~ domain public.positive"),
        ("CREATE TYPE pair AS (a int, b int)", "+ composite type public.pair"),
        (
            "CREATE OR REPLACE FUNCTION f(i int) RETURNS int LANGUAGE sql AS 'SELECT 2'",
            "~ function",
        ),
        ("ALTER TABLE plain DISABLE TRIGGER tr", "~ trigger public.plain.tr"),
        ("DROP TRIGGER tr ON plain", "- trigger public.plain.tr"),
        ("CREATE RULE r AS ON DELETE TO plain DO INSTEAD NOTHING", "+ rule public.plain.r"),
        ("CREATE POLICY p ON plain USING (n > 1)", "+ policy public.plain.p"),
        ("ALTER TABLE plain ENABLE ROW LEVEL SECURITY", "~ table public.plain"),
        ("ALTER TABLE plain SET (fillfactor = 70)", "~ table public.plain"),
        ("ALTER TABLE plain SET UNLOGGED", "~ table public.plain"),
        ("CREATE STATISTICS s ON n, t FROM plain", "+ statistics public.s"),
        ("COMMENT ON COLUMN plain.n IS 'a number'", "+ comment public.plain.n"),
        ("GRANT SELECT ON plain TO PUBLIC", "+ privileges public.plain"),
        ("DROP SCHEMA other", "- schema other"),
    ],
)
async def test_every_change_of_a_schema_is_seen(
    filled: DatabaseURL, query: Query, statement: str, changed: str
) -> None:
    before = await take_snapshot(filled)
    await query(statement)
    after = await take_snapshot(filled)
    seen = [str(difference) for difference in before.difference(after)]
    assert any(found.startswith(changed) for found in seen), seen
    assert before.fingerprint != after.fingerprint


async def test_a_difference_shows_both_definitions_side_by_side(
    filled: DatabaseURL, query: Query
) -> None:
    body = "CREATE OR REPLACE FUNCTION f(i int) RETURNS int LANGUAGE sql AS 'SELECT i\n  + {}\n'"
    await query(body.format(1))
    before = await take_snapshot(filled)
    await query(body.format("2000000000 / 1000000000 -- as it was agreed upon, " + "long " * 9))
    [difference] = before.difference(await take_snapshot(filled))
    title, head, *lines = str(difference).splitlines()
    assert title == "~ function public.f(i integer)"
    assert head.split() == ["was", "now"]
    assert {line.index(sign) for line in lines for sign in "│≠" if sign in line} == {
        head.index("now") - 2
    }, "one line between the columns"
    assert {len(line) > 100 for line in lines} == {False}
    same, changed = ([line for line in lines if sign in line] for sign in "│≠")
    assert all(was == now for was, now in (map(str.strip, line.split("│")) for line in same))
    assert changed[0].split("≠")[0].strip() == "+ 1"
    assert "".join(line.split("≠")[1] for line in changed).count("long") == 9


async def test_rows_are_no_part_of_it(filled: DatabaseURL, query: Query) -> None:
    before = await take_snapshot(filled)
    await query("INSERT INTO plain SELECT i FROM generate_series(1, 100) i")
    await query("SELECT nextval('seq')")
    assert before.difference(await take_snapshot(filled)) == []


async def test_equal_schemas_of_other_databases_have_one_fingerprint(
    filled: DatabaseURL, databases: TestDatabases, query: Query
) -> None:
    """Also where a column came and went: what is left behind inside is no part of the schema."""
    first = await take_snapshot(filled)
    await query("ALTER TABLE plain ADD COLUMN gone int")
    await query("ALTER TABLE plain DROP COLUMN gone")
    assert (await take_snapshot(filled)).fingerprint == first.fingerprint


async def test_the_order_of_columns_is_part_of_it(filled: DatabaseURL, query: Query) -> None:
    before = await take_snapshot(filled)
    await query("ALTER TABLE plain DROP COLUMN n CASCADE")
    await query("ALTER TABLE plain ADD COLUMN n int NOT NULL DEFAULT 1 CHECK (n > 0)")
    assert "column public.plain.n" in [
        found.object.label for found in before.difference(await take_snapshot(filled))
    ]


async def test_alembics_own_table_is_no_part_of_it(filled: DatabaseURL, query: Query) -> None:
    before = await take_snapshot(filled)
    await query("CREATE TABLE alembic_version (version_num text PRIMARY KEY)")
    assert before.difference(await take_snapshot(filled)) == []


async def test_names_are_quoted_so_that_two_never_look_alike(
    database: DatabaseURL, query: Query
) -> None:
    await query('CREATE TABLE "a.b" ()')
    await query('CREATE SCHEMA "public.a" CREATE TABLE b ()')
    objects = (await take_snapshot(database)).objects
    assert {'table public."a.b"', 'table "public.a".b'} <= objects.keys()
