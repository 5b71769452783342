"""The advice on what a downgrade leaves: it is valid Python, and PostgreSQL runs it; or none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.verification.catalog import Difference, take_snapshot
from alembic_neon.verification.suggested_fixes import (
    _DROPPED_AS,
    _DROPPED_FROM_TABLE,
    suggest_fixes,
)
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

ODD = '''"Odd ""na:me' %s"'''
SETUP = """
CREATE SCHEMA "o:ther"
CREATE TABLE {n} (a int, b int, "c:d" text DEFAULT 'x:y')
CREATE TABLE parted (a int, b int) PARTITION BY RANGE (a)
CREATE TABLE part PARTITION OF parted FOR VALUES FROM (1) TO (9)
CREATE TYPE pair AS (a int)
CREATE TYPE mood AS ENUM ('a')
CREATE DOMAIN "my:domain" AS int
CREATE VIEW seen AS SELECT 1 AS a
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'
CREATE FUNCTION ef() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'
CREATE FOREIGN DATA WRAPPER w
CREATE SERVER "s:v" FOREIGN DATA WRAPPER w
CREATE FOREIGN TABLE far (a int) SERVER "s:v"
"""
# By kind, what makes one, with an awkward name where it has a name.
MADE = {
    "access method": "CREATE ACCESS METHOD {n} TYPE TABLE HANDLER heap_tableam_handler",
    "aggregate": "CREATE AGGREGATE {n} (int) (SFUNC = int4pl, STYPE = int)",
    "cast": "CREATE CAST (mood AS int) WITH INOUT",
    "collation": 'CREATE COLLATION {n} FROM "C"',
    "column": "ALTER TABLE {n} ADD {n} int",
    "comment": "COMMENT ON SCHEMA \"o:ther\" IS 'it''s a:b'",
    "composite type": "CREATE TYPE {m} AS (a int)",
    "constraint": "ALTER TABLE {n} ADD CONSTRAINT {n} CHECK (\"c:d\" <> 'x:y ''%s')",
    "conversion": "CREATE CONVERSION {n} FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
    "default privileges": "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    "domain": "CREATE DOMAIN {m} AS int",
    "domain constraint": 'ALTER DOMAIN "my:domain" ADD CONSTRAINT {n} CHECK (VALUE > 0)',
    "enum": "CREATE TYPE {m} AS ENUM ('a')",
    "event trigger": "CREATE EVENT TRIGGER {n} ON ddl_command_end EXECUTE FUNCTION ef()",
    "extension": "CREATE EXTENSION vector",
    "foreign data wrapper": "CREATE FOREIGN DATA WRAPPER {n}",
    "foreign table": 'CREATE FOREIGN TABLE {m} (a int) SERVER "s:v"',
    "function": "CREATE FUNCTION {n}(\"a:b\" int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "index": "CREATE INDEX {m} ON {n} (a)",
    "language": "CREATE LANGUAGE {n} HANDLER plpgsql_call_handler",
    "materialized view": "CREATE MATERIALIZED VIEW {m} AS SELECT 1 AS a",
    "operator": "CREATE OPERATOR ==== (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int)",
    "operator class": (
        "CREATE OPERATOR CLASS {n} FOR TYPE int USING hash AS FUNCTION 1 hashint4(int)"
    ),
    "operator family": "CREATE OPERATOR FAMILY {n} USING btree",
    "partitioned table": "CREATE TABLE {m} (a int) PARTITION BY RANGE (a)",
    "policy": "CREATE POLICY {n} ON {n} USING (\"c:d\" = 'x:y')",
    "privileges": "GRANT SELECT ON {n} TO PUBLIC",
    "procedure": "CREATE PROCEDURE {n}(\"a:b\" int) LANGUAGE sql AS 'SELECT 1'",
    "publication": "CREATE PUBLICATION {n}",
    "range": "CREATE TYPE {m} AS RANGE (SUBTYPE = int)",
    "rule": "CREATE RULE {n} AS ON UPDATE TO {n} DO INSTEAD NOTHING",
    "schema": "CREATE SCHEMA {n}",
    "sequence": "CREATE SEQUENCE {m}",
    "server": "CREATE SERVER {n} FOREIGN DATA WRAPPER w",
    "statistics": "CREATE STATISTICS {n} ON a, b FROM {n}",
    "table": "CREATE TABLE {m} (a int)",
    "text search configuration": 'CREATE TEXT SEARCH CONFIGURATION {n} (PARSER = "default")',
    "text search dictionary": "CREATE TEXT SEARCH DICTIONARY {n} (TEMPLATE = simple)",
    "text search parser": "CREATE TEXT SEARCH PARSER {n} (START = prsd_start, "
    "GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)",
    "text search template": "CREATE TEXT SEARCH TEMPLATE {n} (LEXIZE = dsimple_lexize)",
    "transform": "CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION "
    "prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal))",
    "trigger": "CREATE TRIGGER {n} BEFORE UPDATE ON {n} FOR EACH ROW EXECUTE FUNCTION tf()",
    "type": "CREATE TYPE {m}",
    "user mapping": 'CREATE USER MAPPING FOR CURRENT_USER SERVER "s:v"',
    "view": "CREATE VIEW {m} AS SELECT 'a:b' AS a",
}
# Others of these kinds, which are on something that they cannot be dropped from alone.
MORE = [
    'CREATE TABLE "o:ther".{n} (a int PRIMARY KEY, b int UNIQUE)',
    "ALTER TABLE {n} ADD CONSTRAINT {m} UNIQUE (a)",
    "ALTER TABLE {n} ADD PRIMARY KEY (a)",
    "ALTER TABLE {n} ADD {n} serial",
    "ALTER TABLE {n} ADD {n} int GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE parted ADD {n} int",
    "ALTER TABLE parted ADD CONSTRAINT {n} CHECK (b > 0)",
    "ALTER TABLE parted ADD PRIMARY KEY (a)",
    "CREATE INDEX {m} ON parted (a)",
    "CREATE TRIGGER {n} BEFORE UPDATE ON parted FOR EACH ROW EXECUTE FUNCTION tf()",
    "CREATE TABLE more PARTITION OF parted FOR VALUES FROM (10) TO (19)",
    "ALTER TYPE pair ADD ATTRIBUTE {n} int",
    "ALTER FOREIGN TABLE far ADD {n} int",
    "CREATE OR REPLACE VIEW seen AS SELECT 1 AS a, 2 AS {n}",
    'CREATE OPERATOR "o:ther".!!! (FUNCTION = int4um, RIGHTARG = int)',
    "CREATE TYPE \"o:ther\".{n} AS ENUM ('it''s', 'a:b')",
    "CREATE FUNCTION \"o:ther\".{n}(VARIADIC a int[], OUT b int) LANGUAGE sql AS 'SELECT 1'",
]
# What is changed; the advice brings the column back.
CHANGED = [
    "ALTER TABLE {n} ALTER a SET NOT NULL",
    'ALTER TABLE {n} ALTER "c:d" DROP DEFAULT',
    "ALTER TABLE {n} ALTER \"c:d\" SET DEFAULT 'z:%s'",
    "ALTER TABLE {n} ALTER a SET DEFAULT 3",
    "ALTER TABLE parted ALTER b SET NOT NULL",
]


@asynccontextmanager
async def superuser(url: DatabaseURL) -> AsyncIterator[AsyncConnection]:
    """Connect as the superuser, who may make everything."""
    engine = create_async_engine(url.sqlalchemy.set(username="postgres"))
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


def statement(text: str) -> str:
    """Return a statement of the tables above with its awkward names."""
    return text.replace("{n}", ODD).replace("{m}", ODD.replace("Odd", "New"))


def follow(connection: Connection, advice: str) -> None:
    """Run advice as the line of a revision that it is."""
    import sqlalchemy as sa

    op = Operations(MigrationContext.configure(connection))
    exec(advice, {"op": op, "sa": sa})  # noqa: S102 - that is what is tested


def code(advice: str) -> str | None:
    """Return the line of Python in a piece of advice; None where it is a sentence."""
    found = advice.partition(": ")[2] if ": op." in advice or ": sa." in advice else advice
    return found if found.startswith(("op.", "sa.")) else None


@pytest.fixture
async def filled(database: DatabaseURL) -> DatabaseURL:
    """A database with what the statements need."""
    async with superuser(database) as connection:
        for text in SETUP.strip().splitlines():
            await connection.exec_driver_sql(statement(text))
        await connection.commit()
    return database


def shown(left: list[Difference]) -> list[Difference]:
    """Return the differences that a report shows, as a new table says its columns."""
    objects = [each.object for each in left]
    tables = {(each.schema, each.name) for each in objects if each.kind.endswith("table")}
    tables |= {(each.schema, each.name) for each in objects if each.kind == "composite type"}
    return [each for each in left if (each.object.schema, each.object.table) not in tables]


async def run_advice(filled: DatabaseURL, made: str) -> list[tuple[Difference, list[str]]]:
    """Run a statement; follow each piece of advice on what it leaves, alone, and return them."""
    before = await take_snapshot(filled)
    async with superuser(filled) as connection:
        await connection.exec_driver_sql(statement(made))
        await connection.commit()
        left = before.difference(await take_snapshot(filled))
        assert left, "it is in the catalog"
        found = []
        for difference in shown(left):
            lines = [line for each in suggest_fixes(difference, left) if (line := code(each))]
            found.append((difference, lines))
            for line in lines:
                await connection.run_sync(follow, line)
                await connection.rollback()
        return found


def test_every_kind_with_advice_is_tried() -> None:
    assert MADE.keys() >= _DROPPED_AS.keys() | _DROPPED_FROM_TABLE.keys()


@pytest.mark.parametrize("kind", MADE)
async def test_what_drops_an_object_runs(filled: DatabaseURL, kind: str) -> None:
    found = await run_advice(filled, MADE[kind])
    of_kind = [lines for difference, lines in found if difference.object.kind == kind]
    assert of_kind
    has_advice = kind in _DROPPED_AS or kind in _DROPPED_FROM_TABLE
    assert any(of_kind) == (has_advice or kind in ("column", "constraint"))


@pytest.mark.parametrize("made", MORE + CHANGED)
async def test_what_cannot_be_dropped_alone_gets_no_advice_that_fails(
    filled: DatabaseURL, made: str
) -> None:
    await run_advice(filled, made)
