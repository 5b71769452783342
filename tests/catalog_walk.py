"""Walks a schema through random changes, and holds each snapshot against what `pg_dump` says."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from alembic_neon.embedded.binaries import EmbeddedBinaries
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.verification.catalog import Catalog, CatalogReader
from catalog_changes import BASE, ROLES, changes
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

# What a snapshot tells and a dump of the schema does not, by the kind of the object that differs.
BEYOND_A_DUMP: Final = {
    "materialized view": "whether it holds rows: a dump of the schema says WITH NO DATA always",
    "extension": "its version: a dump installs the newest",
}


@dataclass
class Walked:
    """What a walk saw."""

    done: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    dumps_that_changed: int = 0
    unseen: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    inexact: list[str] = field(default_factory=list)


@asynccontextmanager
async def superuser(url: DatabaseURL) -> AsyncIterator[AsyncConnection]:
    """Connect as `postgres`, in autocommit, to a database that has the base schema."""
    address = url.sqlalchemy.set(username="postgres")
    engine = create_async_engine(address, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            for role in ROLES:
                await attempt(connection, f"CREATE ROLE {role}")
            for statement in BASE:
                await connection.execute(text(statement.replace(":", "\\:")))
            yield connection
            await attempt(connection, "DROP SUBSCRIPTION sub")  # the database could not be dropped
    finally:
        await engine.dispose()


async def attempt(connection: AsyncConnection, statement: str) -> bool:
    """Run a statement; tell whether PostgreSQL took it."""
    try:
        await connection.execute(text(statement.replace(":", "\\:")))
    except DBAPIError:
        return False
    return True


async def walk(
    connection: AsyncConnection, seed: int, steps: int, *, binaries: EmbeddedBinaries | None = None
) -> Walked:
    """Make `steps` changes that PostgreSQL takes, and compare after each.

    The incremental reader's snapshot has to equal that of a new one. With `binaries`, a dump that
    changed needs a snapshot that changed, and the other way round.
    """
    walked, reader = Walked(), CatalogReader(connection)
    before = await reader.read()
    dumped = dump(connection, binaries) if binaries else ""
    for kind, statement in changes(seed):
        if not await attempt(connection, statement):
            continue
        walked.steps += 1
        walked.done[kind] += 1
        after = await reader.read()
        wrong = after.difference(await CatalogReader(connection).read())
        walked.inexact += [f"{statement}\n{each}" for each in wrong]
        if binaries:
            dumped_after = dump(connection, binaries)
            _judge(walked, statement, before, after, dumped, dumped_after)
            dumped = dumped_after
        before = after
        if walked.steps == steps:
            break
    return walked


def _judge(
    walked: Walked, statement: str, before: Catalog, after: Catalog, dumped: str, dumped_after: str
) -> None:
    differences = before.difference(after)
    walked.dumps_that_changed += dumped != dumped_after
    if dumped != dumped_after and not differences:
        lines = sorted(set(dumped.splitlines()) ^ set(dumped_after.splitlines()))
        walked.unseen.append("\n".join((statement, *lines)))
    if dumped == dumped_after:
        walked.false += [
            f"{statement}\n{each}"
            for each in differences
            if not each.object.label.startswith(tuple(BEYOND_A_DUMP))
        ]


def dump(connection: AsyncConnection, binaries: EmbeddedBinaries) -> str:
    """Return what `pg_dump` says of the schema, without what differs from one run to the next."""
    url = connection.engine.url
    host, database = str(url.query["host"]), str(url.database)
    ran = binaries.run("pg_dump", "-s", "-h", host, "-U", "postgres", "-d", database)
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    return _normalized(ran.stdout)


def _normalized(dumped: str) -> str:
    """Sort the entries, as pg_dump orders some by oid, and drop what only says how to restore."""
    lines = [
        line
        for line in dumped.splitlines()
        if not re.match(r"(--(?! Name)|\\(un)?restrict|SET |SELECT pg_catalog.set_config)", line)
    ]
    entries = re.split(r"^-- Name.*$", "\n".join(lines), flags=re.MULTILINE)
    return "\n".join(sorted(re.sub(r"\n+", "\n", entry).strip() for entry in entries))
