"""Rows for every table: whatever its constraints, it gets some, and they show the edges."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from db.connection.engine import create_migration_engine
from db.connection.url import DatabaseURL
from db.verification.databases import TestDatabases
from db.verification.rows import TOUCHED_SQL, Rows, hook_from
from queries import first_column
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

SCHEMA = r"""
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "fine"');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN email AS text NOT NULL CHECK (VALUE ~ '^[a-z0-9._]+@[a-z]+\.(com|org)$');
CREATE TYPE pair AS (a int, b text, m mood);
CREATE TYPE span AS RANGE (subtype = float8);
CREATE SCHEMA "Other one";

CREATE TABLE all_types (id bigserial PRIMARY KEY, a smallint, b int, c bigint, d numeric, e numeric(5,2),
    f numeric(3,-2), g numeric(2,4), h real, i float8, j money, k text, l varchar(5), m char(3), n "char",
    o name, p bytea, q bool, r date, s time, t timetz, u timestamp, v timestamptz(0), w interval, x uuid,
    y json, z jsonb, aa inet, ab cidr, ac macaddr, ad macaddr8, ae bit(3), af varbit(7), ag point, ah line,
    ai lseg, aj box, ak path, al polygon, am circle, an tsvector, ao tsquery, ap oid, aq regclass, ar xml,
    at pg_lsn, au mood, av positive, aw email, ax pair, ay int4range, az datemultirange, ba span,
    bb vector(3), bc int[], bd text[][], be mood[], bf pair[], bg positive[], bh interval day to second,
    bi jsonpath, bj regtype, bk tstzrange, bl halfvec(2), bm xid8, bn sparsevec(4), bo varchar,
    bp nummultirange[], bq bit varying, br character, bs regrole, bt int2vector);
CREATE TABLE not_null (id int PRIMARY KEY, a smallint NOT NULL, e numeric(5,2) NOT NULL, k text NOT NULL,
    l varchar(5) NOT NULL, m char(3) NOT NULL, p bytea NOT NULL, u timestamp NOT NULL, y jsonb NOT NULL,
    au mood NOT NULL, aw email, ax pair NOT NULL, bb vector(3) NOT NULL, bc int[] NOT NULL);
CREATE TABLE nothing ();
CREATE TABLE only_serial (id serial);
CREATE TABLE always (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int,
    twice int GENERATED ALWAYS AS (n / 2) STORED);
CREATE TABLE "Strange "" name" ("select" int PRIMARY KEY, "A:b%s" text CHECK ("A:b%s" <> ''), "#" int,
    "with space" text NOT NULL);
CREATE TABLE "Other one".plain (id int PRIMARY KEY, t text);
CREATE UNLOGGED TABLE unlogged (id int);

CREATE TABLE ranges (n int CHECK (n BETWEEN 1000 AND 1010), p numeric(5,4) CHECK (p > 0.5 AND p < 0.6),
    neg int NOT NULL CHECK (neg < -70000), year smallint NOT NULL CHECK (year >= 1901 AND year <= 2155),
    d date NOT NULL CHECK (d > '2031-05-01' AND d < '2031-05-03'));
CREATE TABLE texts (status varchar(20) NOT NULL CHECK (status IN ('open', 'done', 'it''s')),
    code text NOT NULL CHECK (code ~ '^[A-Z]{3}-\d{4}(-x)?$'), pre text NOT NULL CHECK (pre LIKE 'ab_c%'),
    len text NOT NULL CHECK (length(len) = 37), iso char(2) NOT NULL CHECK (iso = upper(iso) AND iso ~ '^[A-Z]+$'),
    mail text NOT NULL CHECK (position('@' IN mail) > 1), trimmed text NOT NULL CHECK (btrim(trimmed) <> ''),
    slug text NOT NULL CHECK (slug ~* '^[a-z][[:alnum:]_-]*[^-]$' AND char_length(slug) BETWEEN 2 AND 30),
    CONSTRAINT low CHECK (mail = lower(mail)));
CREATE TABLE together (lo int NOT NULL, hi int NOT NULL CHECK (hi > lo + 500), status text NOT NULL,
    done_at timestamptz, CHECK (status IN ('new', 'done')), CHECK ((status = 'done') = (done_at IS NOT NULL)),
    started timestamptz NOT NULL, ended timestamptz, CHECK (ended IS NULL OR ended >= started),
    a int NOT NULL, b int NOT NULL, c int NOT NULL, CHECK (a >= 0 AND b >= 0 AND c >= 0 AND a + b + c = 100));
CREATE TABLE documents (j jsonb NOT NULL CHECK (jsonb_typeof(j) = 'object' AND j ? 'kind'),
    k jsonb NOT NULL CHECK (j ->> 'kind' IS NOT NULL AND jsonb_typeof(k) = 'array'),
    tags text[] NOT NULL CHECK (cardinality(tags) BETWEEN 2 AND 3),
    roles text[] NOT NULL CHECK (roles <@ ARRAY['admin', 'user'] AND roles <> '{}'));
CREATE FUNCTION even(i int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT i % 2 = 0';
CREATE TABLE by_function (i int NOT NULL CHECK (even(i)));
CREATE TABLE positives (p positive NOT NULL, e email UNIQUE, ps positive[] NOT NULL);
CREATE TABLE serial_checked (id serial PRIMARY KEY CHECK (id > 0), CHECK (id < 1000000));

CREATE TABLE uniques (a bool, b mood, c text UNIQUE, d int, UNIQUE NULLS NOT DISTINCT (a, b), UNIQUE (d));
CREATE UNIQUE INDEX ON uniques (lower(c)) WHERE d > 0;
CREATE TABLE bool_key (b bool PRIMARY KEY);
CREATE TABLE enum_key (m mood PRIMARY KEY);
CREATE TABLE single (only_one bool PRIMARY KEY DEFAULT true CHECK (only_one));
CREATE TABLE excluded (during tstzrange NOT NULL, EXCLUDE USING gist (during WITH &&));

CREATE TABLE tenants (id uuid PRIMARY KEY);
CREATE TABLE users (tenant uuid NOT NULL REFERENCES tenants, id bigint GENERATED ALWAYS AS IDENTITY,
    boss bigint, PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, boss) REFERENCES users);
CREATE TABLE tasks (id serial PRIMARY KEY, tenant uuid NOT NULL, owner bigint, reviewer bigint NOT NULL,
    FOREIGN KEY (tenant, owner) REFERENCES users, FOREIGN KEY (tenant, reviewer) REFERENCES users,
    CHECK (owner IS DISTINCT FROM reviewer));
CREATE TABLE profiles (tenant uuid, id bigint, bio text, PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, id) REFERENCES users);
CREATE TABLE friends (a int NOT NULL REFERENCES tasks, b int NOT NULL REFERENCES tasks, PRIMARY KEY (a, b),
    CHECK (a <> b));
CREATE TABLE arc (id serial, task int REFERENCES tasks, tenant uuid REFERENCES tenants, mood mood REFERENCES
    enum_key, CHECK (num_nonnulls(task, tenant, mood) = 1));
CREATE TABLE matched (a uuid, b bigint, FOREIGN KEY (a, b) REFERENCES users MATCH FULL);
CREATE TABLE self_needed (id serial PRIMARY KEY, parent int NOT NULL REFERENCES self_needed);
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree, CHECK (parent <> id));
CREATE TABLE egg (id int PRIMARY KEY, hen int NOT NULL);
CREATE TABLE hen (id int PRIMARY KEY, egg int NOT NULL REFERENCES egg);
ALTER TABLE egg ADD FOREIGN KEY (hen) REFERENCES hen;
CREATE TABLE chick (id bigserial PRIMARY KEY, nest bigint NOT NULL);
CREATE TABLE nest (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chick bigint NOT NULL UNIQUE REFERENCES chick DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE chick ADD FOREIGN KEY (nest) REFERENCES nest DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE soft_a (id int PRIMARY KEY, b int);
CREATE TABLE soft_b (id int PRIMARY KEY, a int NOT NULL REFERENCES soft_a);
ALTER TABLE soft_a ADD FOREIGN KEY (b) REFERENCES soft_b;

CREATE TABLE events (id int NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_may PARTITION OF events FOR VALUES FROM ('2030-05-01') TO ('2030-05-03');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE TABLE hashed (id int PRIMARY KEY) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 5, REMAINDER 0);
CREATE TABLE hashed_3 PARTITION OF hashed FOR VALUES WITH (MODULUS 5, REMAINDER 3);
CREATE TABLE listed (kind text, n int) PARTITION BY LIST (kind);
CREATE TABLE listed_a PARTITION OF listed FOR VALUES IN ('one', NULL) PARTITION BY RANGE (n);
CREATE TABLE listed_a_1 PARTITION OF listed_a FOR VALUES FROM (500000) TO (500010);
CREATE TABLE of_hashed (id int NOT NULL REFERENCES hashed);
CREATE TABLE base (id int, t text CHECK (t <> ''));
CREATE TABLE derived (more text NOT NULL) INHERITS (base);

CREATE FUNCTION choosy() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF NEW.n < 100 THEN RAISE ''too small''; END IF; RETURN NEW; END';
CREATE TABLE choosy_table (n int NOT NULL);
CREATE TRIGGER t BEFORE INSERT ON choosy_table FOR EACH ROW EXECUTE FUNCTION choosy();
"""
VALUES_UNICODE = "e\u0301 \U0001f469\u200d\U0001f52c \u05e9\u05dc\u05d5\u05dd '\"\\"
TENANTS = "CREATE TABLE tenants (id uuid PRIMARY KEY);"
TRIGGER = """
CREATE TABLE t (n int);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {}; END';
CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
"""


async def execute(connection: AsyncConnection, script: str) -> None:
    """Run statements and commit them."""
    raw = await connection.get_raw_connection()
    assert raw.driver_connection is not None
    await connection.rollback()
    await raw.driver_connection.execute(script)


async def column(connection: AsyncConnection, query: str) -> list[Any]:
    """Return the first column of what a query gives."""
    return list((await connection.exec_driver_sql(query)).scalars())


async def with_vector(url: DatabaseURL) -> None:
    """Create the extension, which the role that tests have may not do."""
    superuser = await asyncpg.connect(host=url.host, user="postgres", database=url.database)
    await superuser.execute("CREATE EXTENSION vector")
    await superuser.close()


@pytest.fixture(scope="module")
def nasty(databases: TestDatabases) -> DatabaseURL:
    """A database with tables of all sorts that were filled, to be looked at and not changed."""
    url = databases.create()

    async def fill() -> None:
        await with_vector(url)
        engine = create_migration_engine(url)
        async with engine.connect() as connection:
            await execute(connection, SCHEMA)
            assert await Rows(connection).fill() == []
            await connection.commit()
        await engine.dispose()

    asyncio.run(fill())
    return url


async def values(url: DatabaseURL, query: str) -> set[Any]:
    """Return what a query gives, without order."""
    return set(await first_column(url, query))


async def test_every_table_has_rows(nasty: DatabaseURL) -> None:
    tables = await first_column(
        nasty,
        "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p')"
        " AND relnamespace IN ('public'::regnamespace, '\"Other one\"'::regnamespace)",
    )
    assert len(tables) > 45
    for table in tables:
        assert await first_column(nasty, f"SELECT 1 FROM {table} LIMIT 1") == [1], table


async def test_only_what_is_to_be_unique_keeps_a_table_small(nasty: DatabaseURL) -> None:
    small = {"public.bool_key": 2, "public.enum_key": 3, "public.single": 1}
    engine = create_migration_engine(nasty)
    async with engine.connect() as connection:
        contents = await Rows(connection).read()
    await engine.dispose()
    for table in contents.tables.values():
        assert table.count >= small.get(table.name, 8), table.name


@pytest.mark.parametrize(
    ("query", "edges"),
    [
        ("SELECT c FROM all_types", {2**63 - 1, -(2**63), None}),
        ("SELECT a FROM not_null", {32767, -32768, 0, -1}),
        ("SELECT e::text FROM not_null", {"999.99", "-999.99", "NaN"}),
        ("SELECT k FROM not_null", {"", " \t ", "long " * 50}),
        ("SELECT k FROM not_null WHERE k LIKE '%\u05e9\u05dc\u05d5\u05dd%'", {VALUES_UNICODE}),
        ("SELECT l FROM not_null", {"", "xxxxx"}),
        ("SELECT u::date::text FROM not_null", {"0001-01-02", "9999-12-30", "1969-12-31"}),
        ("SELECT encode(p, 'hex') FROM not_null", {"", "00ff"}),
        ("SELECT bc::text FROM not_null", {"{}", "{NULL,1}"}),
        ("SELECT array_ndims(bc) FROM not_null", {None, 1, 2}),
        ("SELECT y::text FROM not_null", {"{}", "[]", "null"}),
        ("SELECT au::text FROM not_null", {"sad", "ok", 'it\'s "fine"'}),
        ("SELECT bb::text FROM not_null", {"[0,0,0]", "[1,1,1]"}),
        ("SELECT sign(twice) FROM always WHERE n IS NOT NULL", {1.0, 0.0, -1.0}),
    ],
)
async def test_the_edges_of_types_are_there(
    nasty: DatabaseURL, query: str, edges: set[Any]
) -> None:
    assert await values(nasty, query) >= edges


async def test_each_column_that_may_be_null_is_so_somewhere_and_has_a_value_elsewhere(
    nasty: DatabaseURL,
) -> None:
    never = {"ar"}  # xml: the embedded server is built without it
    names = await first_column(
        nasty,
        "SELECT attname::text FROM pg_attribute WHERE attrelid = 'all_types'::regclass"
        " AND attnum > 1 AND attname <> 'aw' AND NOT attisdropped",
    )
    for name in names:
        found = await values(nasty, f'SELECT "{name}"::text IS NULL FROM all_types')
        assert found == ({True} if name in never else {True, False}), name


async def test_what_need_not_be_unique_has_duplicates(nasty: DatabaseURL) -> None:
    for table, columns in {
        "not_null": "a, e, k, au",
        "ranges": "n, d",
        "texts": "status, code",
    }.items():
        for each in columns.split(", "):
            query = f"SELECT 1 FROM {table} WHERE {each} IS NOT NULL GROUP BY {each} HAVING count(*) > 1"
            assert await first_column(nasty, query), (table, each)
    whole = "SELECT 1 FROM texts t WHERE t IS NOT NULL GROUP BY t HAVING count(*) > 1"
    assert await first_column(nasty, whole)


async def test_rows_refer_to_themselves_and_to_tables_filled_later(nasty: DatabaseURL) -> None:
    for table, key in {"tree": "parent", "soft_a": "b", "users": "boss"}.items():
        assert await values(nasty, f"SELECT {key} IS NULL FROM {table}") == {True, False}, table


async def test_either_branch_of_a_condition_is_shown(nasty: DatabaseURL) -> None:
    assert await values(nasty, "SELECT status FROM together") == {"new", "done"}
    assert await values(nasty, "SELECT num_nonnulls(task) FROM arc") == {0, 1}
    assert await values(nasty, "SELECT status FROM texts") == {"open", "done", "it's"}


async def filled(url: DatabaseURL, script: str, seed: int) -> dict[str, list[str]]:
    """Return the rows that tables get, by the tables' names."""
    engine = create_migration_engine(url)
    async with engine.connect() as connection:
        await execute(connection, script)
        rows = Rows(connection, seed=seed)
        assert await rows.fill() == []
        contents = await rows.read()
    await engine.dispose()
    return {t.name: sorted(map(str, t.rows)) for t in contents.tables.values()}


def test_the_same_seed_gives_the_same_rows(databases: TestDatabases) -> None:
    """Also where the tables were made in another order."""
    types, rest = SCHEMA.split("CREATE TABLE all_types")
    schema = types + rest[rest.index("CREATE TABLE ranges") :]
    without = schema.replace(TENANTS, "")
    found = [
        asyncio.run(filled(databases.create(), text, seed))
        for seed, text in ((1, schema), (1, TENANTS + without), (2, schema))
    ]
    assert found[0] == found[1]
    assert found[0] != found[2]


@pytest.fixture
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection to the test's database."""
    async with engine.connect() as connection:
        yield connection


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            "CREATE TABLE t (n int NOT NULL CHECK (n > 5 AND n < 3))",
            "no value tried satisfies CHECK",
        ),
        (
            "CREATE TABLE p (n int PRIMARY KEY CHECK (n IS NULL));"
            "CREATE TABLE t (p int NOT NULL REFERENCES p)",
            "public.p, which it refers to, has no rows",
        ),
        (TRIGGER.format("RAISE ''by no means''"), "by no means"),
        (TRIGGER.format("RETURN NULL"), "a trigger or rule discards the rows"),
        ("CREATE TABLE t (n int) PARTITION BY LIST (n)", "it has no partition that takes rows"),
        ("CREATE TABLE t (x xml NOT NULL)", "no value tried is accepted by x: unsupported XML"),
    ],
)
async def test_a_table_that_cannot_be_filled_is_told_with_the_reason(
    connection: AsyncConnection, script: str, reason: str
) -> None:
    await execute(connection, script + "; CREATE TABLE other (n int)")
    rows = Rows(connection)
    found = {each.table: each.reason for each in await rows.fill()}
    assert reason in found["public.t"]
    assert "public.other" not in found
    again = {each.table: each.reason for each in await rows.fill([])}
    assert again == found, "it is told until it has rows"
    await execute(connection, "DROP TABLE t")
    assert "public.t" not in {each.table for each in await rows.fill()}


async def test_row_security_that_lets_nothing_pass_is_told(connection: AsyncConnection) -> None:
    """The owner passes by BYPASSRLS here, as on Neon; so the policy is for a role without it."""
    await execute(
        connection,
        "CREATE ROLE no_bypass; GRANT no_bypass TO CURRENT_USER; CREATE TABLE t (n int);"
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY; GRANT ALL ON t TO no_bypass; SET ROLE no_bypass",
    )
    [found] = await Rows(connection).fill()
    assert "row-level security policy" in found.reason
    await execute(connection, "RESET ROLE; DROP OWNED BY no_bypass; DROP ROLE no_bypass")


async def test_a_hook_fills_what_is_its_own(connection: AsyncConnection) -> None:
    await execute(connection, "CREATE TABLE t (n int CHECK (n > 5 AND n < 3 OR n = 20 * 20 + 31))")
    await execute(connection, "CREATE TABLE u (n int); CREATE TABLE v (n int)")

    async def t(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("INSERT INTO t VALUES (431)")

    def u(connection: AsyncConnection) -> None:
        raise ValueError("not today")

    found = await Rows(connection, hook=hook_from({"t": t, "u": u})).fill()
    assert [str(each) for each in found] == ["public.u has no rows: the hook failed: not today"]
    assert await column(connection, "SELECT n FROM t") == [431]
    assert len(await column(connection, "SELECT n FROM v")) >= 8


async def test_tables_of_others_are_left_alone(connection: AsyncConnection) -> None:
    await execute(
        connection,
        "CREATE TABLE alembic_version (version_num text); CREATE TEMP TABLE mine (n int);"
        "CREATE VIEW v AS SELECT 1 AS n",
    )
    assert await Rows(connection).fill() == []
    assert (
        await column(connection, "SELECT 1 FROM alembic_version UNION ALL SELECT 1 FROM mine") == []
    )


async def test_new_columns_get_values_and_rows_that_were_there_stay(
    connection: AsyncConnection,
) -> None:
    await execute(connection, "CREATE TABLE t (id serial PRIMARY KEY, s text UNIQUE)")
    rows = Rows(connection)
    await rows.fill()
    before = await rows.read()
    await connection.commit()
    await execute(connection, "ALTER TABLE t ADD n int; CREATE TABLE u (id int REFERENCES t)")
    assert await rows.fill() == []
    assert len(await column(connection, "SELECT 1 FROM t WHERE n IS NOT NULL")) > 0
    assert len(await column(connection, "SELECT 1 FROM u WHERE id IS NOT NULL")) > 0
    assert before.lost(await rows.read()) == []
    count = await column(connection, "SELECT count(*) FROM t")
    assert await rows.fill() == []
    assert await column(connection, "SELECT count(*) FROM t") == count, "nothing changed since"


async def test_a_table_that_was_emptied_is_filled_again(connection: AsyncConnection) -> None:
    await execute(connection, "CREATE TABLE t (id serial PRIMARY KEY)")
    rows = Rows(connection)
    await rows.fill()
    await connection.commit()
    await execute(connection, "DELETE FROM t")
    await rows.fill()
    assert await column(connection, "SELECT 1 FROM t")


async def test_a_sequence_that_lags_behind_keeps_nobody_out(connection: AsyncConnection) -> None:
    await execute(
        connection,
        "CREATE TABLE t (id serial PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 500)",
    )
    assert await Rows(connection).fill() == []
    assert await column(connection, "SELECT count(*) FROM t") > [500]


async def test_deferrable_constraints_hold_at_the_commit(connection: AsyncConnection) -> None:
    await execute(
        connection,
        "CREATE TABLE p (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, n int UNIQUE DEFERRABLE"
        " INITIALLY DEFERRED); CREATE TABLE c (p int NOT NULL)",
    )
    assert await Rows(connection).fill() == []
    await connection.commit()
    assert len(await column(connection, "SELECT 1 FROM p")) >= 8


async def test_only_tables_that_were_touched_are_looked_at(connection: AsyncConnection) -> None:
    await execute(connection, "CREATE TABLE t (n int); CREATE TABLE u (n int)")
    rows = Rows(connection)
    await rows.fill()
    before = await rows.read()
    await connection.commit()
    await connection.exec_driver_sql("UPDATE t SET n = 7; ".strip("; "))
    await connection.exec_driver_sql("CREATE TABLE v (n int)")
    await connection.exec_driver_sql("SELECT * FROM u")
    touched = set(await column(connection, TOUCHED_SQL))
    names = await column(
        connection, f"SELECT relname FROM pg_class WHERE oid IN ({','.join(map(str, touched))})"
    )
    assert sorted(names) == ["t", "v"]
    await rows.fill(touched)
    assert await column(connection, "SELECT 1 FROM v")
    after = await rows.read(touched)
    assert [str(each) for each in before.lost(after)] != []
    assert {table.name for table in after.tables.values()} == {"public.t", "public.u", "public.v"}
    assert after.tables.keys() >= before.tables.keys()
