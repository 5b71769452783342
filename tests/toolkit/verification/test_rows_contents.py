"""What becomes of rows: losses are told by table and column, and what is no loss is not."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.verification.databases import TestDatabases
from alembic_neon.verification.rows import Rows
from queries import first_column
from sqlalchemy.ext.asyncio import AsyncConnection

SCHEMA = """
CREATE TABLE keyed (id int PRIMARY KEY, t text, n int, d numeric(6,2));
INSERT INTO keyed VALUES (1, 'one', 1, 1.5), (2, 'two', 2, NULL), (3, NULL, 2, 3);
CREATE TABLE loose (a int, b text);
INSERT INTO loose VALUES (1, 'x'), (1, 'x'), (2, 'y'), (NULL, 'z');
CREATE TABLE parts (id int, t text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
INSERT INTO parts VALUES (5, 'five'), (15, 'fifteen');
CREATE TABLE base (n int);
CREATE TABLE derived (m int) INHERITS (base);
INSERT INTO base VALUES (1);
INSERT INTO derived VALUES (2, 3);
CREATE TABLE "Odd "" name" ("a b%s" text);
INSERT INTO "Odd "" name" VALUES ('x');
CREATE TABLE wide (id int PRIMARY KEY, t text);
INSERT INTO wide SELECT i, 't' || i FROM generate_series(1, 3000) i;
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
"""


@pytest.fixture(scope="module")
def filled(databases: TestDatabases) -> DatabaseURL:
    """A database with rows. What a test does to it is rolled back."""
    url = databases.create()
    asyncio.run(first_column(url, *SCHEMA.strip().removesuffix(";").split(";\n")))
    return url


@pytest.fixture
async def connection(filled: DatabaseURL) -> AsyncIterator[AsyncConnection]:
    """A connection to that database."""
    engine = create_migration_engine(filled)
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


async def losses(connection: AsyncConnection, script: str) -> list[str]:
    """Return what a script loses."""
    rows = Rows(connection)
    before = await rows.read()
    for statement in script.split("; "):
        await connection.exec_driver_sql(statement)
    return [str(each) for each in before.lost(await rows.read())]


@pytest.mark.parametrize(
    ("script", "lost"),
    [
        ("DELETE FROM keyed WHERE id = 2", "public.keyed: 1 row lost, the one with key 2"),
        ("TRUNCATE keyed", "public.keyed: 3 rows lost, one with key 1"),
        (
            "UPDATE keyed SET t = 'uno' WHERE id = 1",
            "public.keyed.t: 1 value changed: 'one' is 'uno' now",
        ),
        ("UPDATE keyed SET t = NULL", "public.keyed.t: 2 values changed: 'one' is NULL now"),
        ("UPDATE keyed SET id = 9 WHERE id = 3", "public.keyed: 1 row lost, the one with key 3"),
        (
            "UPDATE keyed SET t = CASE t WHEN 'one' THEN 'two' WHEN 'two' THEN 'one' END",
            "public.keyed.t: 2 values changed: 'one' is 'two' now",
        ),
        (
            "ALTER TABLE keyed DROP n; ALTER TABLE keyed ADD n int",
            "public.keyed.n: 3 values changed: '1' is NULL now",
        ),
        (
            "DROP TABLE keyed; CREATE TABLE keyed (id int PRIMARY KEY, t text)",
            "public.keyed: 3 rows lost, one with key 1",
        ),
        (
            "ALTER TABLE keyed ALTER d TYPE numeric(6,0); "
            "ALTER TABLE keyed ALTER d TYPE numeric(6,2)",
            "public.keyed.d: 1 value changed: '1.50' is '2.00' now",
        ),
        (
            "ALTER TABLE keyed ALTER t TYPE int USING NULL",
            "public.keyed.t: 2 values changed: 'one' is NULL now",
        ),
        (
            "ALTER TABLE keyed RENAME t TO u; UPDATE keyed SET u = 'x' WHERE id = 1",
            "public.keyed.t: 1 value changed: 'one' is 'x' now",
        ),
        (
            "ALTER TABLE keyed RENAME TO other; UPDATE other SET n = 5 WHERE id = 1",
            "public.keyed.n: 1 value changed: '1' is '5' now",
        ),
        ("DELETE FROM loose WHERE a = 2", "public.loose: 1 row lost"),
        ("UPDATE loose SET b = 'q' WHERE a = 2", "public.loose.b: 1 value lost: 'y'"),
        (
            "UPDATE loose SET b = CASE b WHEN 'y' THEN 'z' WHEN 'z' THEN 'y' ELSE b END",
            "public.loose: values of 2 rows are in other rows now",
        ),
        ("ALTER TABLE loose ALTER b TYPE int USING NULL", "public.loose.b: 4 values lost"),
        ("DELETE FROM parts WHERE id = 5", "public.parts: 1 row lost"),
        ("DELETE FROM ONLY base", "public.base: 1 row lost"),
        ("DELETE FROM derived", "public.derived: 1 row lost"),
        (
            """UPDATE "Odd "" name" SET "a b%s" = 'y'""",
            """public."Odd "" name".a b%s: 1 value lost: 'x'""",
        ),
        ("DELETE FROM wide WHERE id = 7", "public.wide: 1 row lost"),
        ("UPDATE wide SET t = 'q' WHERE id = 2900", "public.wide.t: some of its values changed"),
        ("DELETE FROM no_columns", "public.no_columns: 1 row lost"),
    ],
)
async def test_a_loss_is_told(connection: AsyncConnection, script: str, lost: str) -> None:
    assert await losses(connection, script) == [lost]


@pytest.mark.parametrize(
    "script",
    [
        "INSERT INTO keyed VALUES (4, 'four', 4, 4); INSERT INTO loose VALUES (1, 'x')",
        "UPDATE keyed SET t = t",
        "UPDATE keyed SET t = '' WHERE id = 3; UPDATE loose SET b = 'new' WHERE b IS NULL",
        "ALTER TABLE keyed ADD more int DEFAULT 5; ALTER TABLE keyed DROP n",
        "ALTER TABLE keyed RENAME t TO u; ALTER TABLE keyed RENAME id TO nr",
        "ALTER TABLE keyed RENAME TO other",
        "ALTER TABLE keyed ALTER n TYPE bigint; ALTER TABLE loose ALTER a TYPE text",
        "ALTER TABLE keyed ALTER d TYPE numeric(8,4)",
        "DROP TABLE keyed",
        "ALTER TABLE keyed DROP CONSTRAINT keyed_pkey; ALTER TABLE keyed ADD PRIMARY KEY (id)",
        "CREATE TABLE copy AS SELECT * FROM keyed ORDER BY id DESC; DROP TABLE keyed; "
        "ALTER TABLE copy RENAME TO keyed",
        "UPDATE parts SET id = id",
        "ALTER TABLE parts DETACH PARTITION parts_2; "
        "CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (10) TO (30); "
        "INSERT INTO parts SELECT * FROM parts_2; DROP TABLE parts_2",
        "CREATE SCHEMA other; ALTER TABLE keyed SET SCHEMA other",
        "UPDATE wide SET t = t; INSERT INTO wide VALUES (0, 'more')",
    ],
)
async def test_what_is_no_loss_is_not_told(connection: AsyncConnection, script: str) -> None:
    assert await losses(connection, script) == []
