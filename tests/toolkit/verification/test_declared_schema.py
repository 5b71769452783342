"""Models are created on an empty database as far as that goes, and what was created is compared."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.verification.catalog import take_snapshot
from alembic_neon.verification.databases import TestDatabases
from alembic_neon.verification.declared_schema import create_models
from alembic_neon.verification.hidden_drift import find_hidden_drift
from queries import first_column
from sqlalchemy.types import UserDefinedType


class Named(UserDefinedType[object]):
    """A type that the database has by name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


@pytest.fixture
def empty(databases: TestDatabases) -> Iterator[DatabaseURL]:
    """The URL of a second empty database."""
    url = databases.create()
    yield url
    databases.drop(url)


def superuser(url: DatabaseURL) -> DatabaseURL:
    """Return the URL for the role that may create extensions."""
    return DatabaseURL(url.parts.set(username="postgres"))


async def test_one_table_that_cannot_be_created_hides_no_other(
    database: DatabaseURL, empty: DatabaseURL
) -> None:
    await first_column(
        database,
        "CREATE TYPE pair AS (a int, b int)",  # what models do not declare, nor prerequisites hold
        "CREATE TABLE b (id int PRIMARY KEY, p pair)",
        "CREATE TABLE c (id int PRIMARY KEY, b_id int CONSTRAINT fk REFERENCES b)",
        "CREATE TABLE a (id int PRIMARY KEY, n int)",
        "CREATE INDEX i ON a (n) WHERE n > 1",
    )
    metadata = sa.MetaData()
    table = sa.Table("b", metadata, sa.Column("id", sa.Integer, primary_key=True))
    table.append_column(sa.Column("p", Named("pair")))
    reference = sa.ForeignKey("b.id", name="fk")
    sa.Table(
        "c",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("b_id", sa.Integer, reference),
    )
    counted = sa.Table(
        "a",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("n", sa.Integer),
    )
    sa.Index("i", counted.c.n, postgresql_where=counted.c.n > 2)
    migrated = await take_snapshot(database)
    (omission,) = await create_models([metadata], empty, migrated)
    assert str(omission) == (
        "Table b (and so c) cannot be created on an empty scratch database: "
        'type "pair" does not exist.'
    )
    (finding,) = find_hidden_drift(migrated, await take_snapshot(empty))
    assert finding.message.startswith("index public.i: the models have CREATE INDEX i")


async def test_extensions_types_and_functions_come_before_the_tables_that_use_them(
    database: DatabaseURL, empty: DatabaseURL
) -> None:
    await first_column(
        superuser(database),
        "CREATE EXTENSION vector",
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
        "CREATE TABLE t (id int PRIMARY KEY, v vector(3), p positive)",
        "CREATE FUNCTION fresh() RETURNS int LANGUAGE sql AS 'SELECT count(*)::int FROM t'",
        "ALTER TABLE t ADD n int DEFAULT fresh()",
    )
    metadata = sa.MetaData()
    sa.Table(
        "t",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("v", Named("vector(3)")),
        sa.Column("p", Named("positive")),
        sa.Column("n", sa.Integer, server_default=sa.text("fresh()")),
    )
    migrated = await take_snapshot(database)
    assert await create_models([metadata], superuser(empty), migrated) == []
    assert find_hidden_drift(migrated, await take_snapshot(empty)) == []
