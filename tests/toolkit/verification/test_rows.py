"""Rows for every table: whatever its constraints, it gets some, and they show the edges."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic_neon.embedded.server import LocalServer
from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.verification.databases import TestDatabases
from alembic_neon.verification.rows import TOUCHED_SQL, Rows, hook_from
from queries import first_column
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

SCHEMA = Path(__file__).with_name("rows.sql").read_text()
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


async def fill_nasty(url: DatabaseURL) -> None:
    """Make tables of all sorts and fill them; each must get rows."""
    await with_vector(url)
    engine = create_migration_engine(url)
    async with engine.connect() as connection:
        await execute(connection, SCHEMA)
        assert await Rows(connection).fill() == []
        await connection.commit()
    await engine.dispose()


@pytest.fixture(scope="module")
def nasty(databases: TestDatabases) -> DatabaseURL:
    """A database with tables of all sorts that were filled, to be looked at and not changed."""
    url = databases.create()
    asyncio.run(fill_nasty(url))
    return url


def test_they_are_made_on_another_version_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = LocalServer(tmp_path_factory.mktemp("server16") / ".neon-local", "test", 16)
    with server.in_use():
        url = TestDatabases(server).create()
        asyncio.run(fill_nasty(url))


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
        assert await first_column(nasty, f"SELECT 1 FROM {table} LIMIT 1") == [1], table  # noqa: S608


async def test_only_what_is_to_be_unique_keeps_a_table_small(nasty: DatabaseURL) -> None:
    small = {"public.bool_key": 2, "public.enum_key": 3, "public.single": 1, "public.profiles": 6}
    engine = create_migration_engine(nasty)
    async with engine.connect() as connection:
        contents = await Rows(connection).read()
    await engine.dispose()
    for table in contents.tables.values():
        assert table.count >= small.get(table.name, 8), table.name


@pytest.mark.parametrize(
    ("query", "edges"),
    [
        ("SELECT c FROM all_types", {2**53 + 1, -(2**53) - 1, None}),
        ("SELECT a FROM not_null", {300, -300, 0, -1}),
        ("SELECT e::text FROM not_null", {"100.01", "-100.01", "NaN"}),
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
        found = await values(nasty, f'SELECT "{name}"::text IS NULL FROM all_types')  # noqa: S608
        assert found == ({True} if name in never else {True, False}), name


async def test_what_need_not_be_unique_has_duplicates(nasty: DatabaseURL) -> None:
    for table, columns in {
        "not_null": "a, e, k, au",
        "ranges": "n, d",
        "texts": "status, code",
    }.items():
        for each in columns.split(", "):
            some = f"SELECT {each} FROM {table} WHERE {each} IS NOT NULL"  # noqa: S608
            query = f"{some} GROUP BY 1 HAVING count(*) > 1"
            assert await first_column(nasty, query), (table, each)
    whole = "SELECT 1 FROM texts t WHERE t IS NOT NULL GROUP BY t HAVING count(*) > 1"
    assert await first_column(nasty, whole)


async def test_rows_refer_to_themselves_and_to_tables_filled_later(nasty: DatabaseURL) -> None:
    for table, key in {"tree": "parent", "soft_a": "b", "users": "boss"}.items():
        assert await values(nasty, f"SELECT {key} IS NULL FROM {table}") == {True, False}, table  # noqa: S608


async def test_a_ring_of_tables_whose_keys_are_of_different_types_gets_rows(
    connection: AsyncConnection,
) -> None:
    await execute(
        connection,
        "CREATE TABLE a (id uuid PRIMARY KEY, c int NOT NULL);"
        "CREATE TABLE b (id varchar(20) PRIMARY KEY, a uuid NOT NULL REFERENCES a);"
        "CREATE TABLE c (id int PRIMARY KEY, day date NOT NULL, b text NOT NULL REFERENCES b);"
        "ALTER TABLE a ADD FOREIGN KEY (c) REFERENCES c",
    )
    assert await Rows(connection).fill() == []
    for table in "abc":
        assert len(await column(connection, f"SELECT 1 FROM {table}")) >= 8  # noqa: S608
    whole = "SELECT 1 FROM a JOIN b ON b.a = a.id JOIN c ON c.b = b.id AND c.id = a.c"
    assert len(await column(connection, whole)) >= 8


HONEST = """
CREATE TABLE t (a smallint, b int, c bigint, d numeric(5, 2), e real, f float8, g money, h numeric,
    i date, j timestamptz, k text, l numeric(2, 2), m numeric(3, 5), n numeric(3, -2))
"""


async def test_usual_updates_pass_on_the_edges(connection: AsyncConnection) -> None:
    """A column seldom stands at the end of its type, so no row of a test does."""
    await execute(connection, HONEST)
    await Rows(connection).fill()
    await connection.commit()
    await execute(
        connection,
        "UPDATE t SET a = a * 100, b = b * 100, c = c * 100, d = d + 1, e = e * 100, f = f * 100,"
        " g = g * 100, h = h * 100, i = i + 1, j = j + interval '1 year', k = k || ' (old)'",
    )


@pytest.mark.parametrize(
    "narrower",
    [
        "t.b::smallint",
        "t.c::int",
        "t.d::numeric(4, 2)",
        "nullif(nullif(abs(t.f), 'Infinity'), 'NaN')::real",
        "t.g::numeric::int",
        "nullif(t.h, 'NaN')::bigint",
    ],
)
async def test_a_narrower_type_fails_on_the_edges(
    connection: AsyncConnection, narrower: str
) -> None:
    await execute(connection, HONEST)
    await Rows(connection).fill()
    with pytest.raises(DBAPIError, match=r"out of range|overflow"):
        await connection.exec_driver_sql(f"SELECT {narrower} FROM t")  # noqa: S608


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
        (TRIGGER.format("RAISE ''by no means''"), "trigger r refuses the rows: by no means"),
        (TRIGGER.format("RETURN NULL"), "trigger r discards the rows"),
        (
            'CREATE TABLE t (n int); CREATE RULE "No more" AS ON INSERT TO t DO INSTEAD NOTHING',
            'rule "No more" discards the rows',
        ),
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


async def test_what_has_one_row_for_each_row_of_its_parent_gets_more_of_them(
    connection: AsyncConnection,
) -> None:
    await execute(
        connection,
        "CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE profiles (id int PRIMARY KEY"
        " REFERENCES users); CREATE TABLE settings (id int PRIMARY KEY REFERENCES profiles)",
    )
    rows = Rows(connection)
    await rows.fill()
    await connection.commit()
    for table in ("profiles", "settings"):
        await execute(connection, f"ALTER TABLE {table} ADD n int")
        await rows.fill()
        assert await column(connection, f"SELECT 1 FROM {table} WHERE n IS NOT NULL")  # noqa: S608
        await connection.commit()


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
        connection,
        f"SELECT relname FROM pg_class WHERE oid IN ({','.join(map(str, touched))})",  # noqa: S608
    )
    assert sorted(names) == ["t", "v"]
    await rows.fill(touched)
    assert await column(connection, "SELECT 1 FROM v")
    after = await rows.read(touched)
    assert [str(each) for each in before.lost(after)] != []
    assert {table.name for table in after.tables.values()} == {"public.t", "public.u", "public.v"}
    assert after.tables.keys() >= before.tables.keys()
