"""Migrators that race to head under faults, and what has to be true of them afterwards."""

import asyncio
import re
import time
from typing import Final

from alembic_neon.migration.runner.run import upgrade
from alembic_neon.verification.catalog import Catalog, take_snapshot
from scratch_project import ScratchProject

from . import faults
from .commands import NAME, Command
from .faults import disturbed
from .world import World

REVISIONS: Final = [f"r{number:02}" for number in range(10)]
RACERS: Final = 3
# A crash excuses much, so that half of the rounds have none.
_WITHOUT_CRASHES: Final = (
    *(*faults.OF_COMMANDS * 2, *faults.OF_SESSIONS, *faults.OF_THE_NETWORK) * 2,
    faults.restart,
    faults.use_up_connections,
)
_WITH_CRASHES: Final = (
    *_WITHOUT_CRASHES,
    *(faults.crash, faults.crash_session, faults.fill_disk),
)
_DISK_SECONDS: Final = 1.0  # after them all commits are on the disk: 3 * wal_writer_delay
_MOST_SECONDS: Final = 40.0  # of a round with faults
# What an index computes, so that building it takes long enough to be interrupted.
_SLOW_SQL: Final = (
    "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE sql"
    " AS 'SELECT $1 FROM pg_sleep(0.001)'"
)
_MIXED: Final = 'mixed = "an index that is there is not built again"'
_APPLIED: Final = re.compile(r"↑ (r\d\d)")
_ROLLED_BACK: Final = re.compile(r"(r\d\d) was rolled back")
_AT: Final = re.compile(r"database is at (r\d\d)")


def write_history(project: ScratchProject) -> None:
    """Write revisions that each note who has applied them: tables, rows and concurrent indexes."""
    tables = ("CREATE TABLE log (revision text, command text)", _SLOW_SQL)
    first = "".join(f'op.execute("{sql}")\n' for sql in tables)
    project.revision(REVISIONS[0], up=first + _noted(REVISIONS[0]))
    for number, name in enumerate(REVISIONS[1:], 1):
        rows = f"CREATE TABLE t{number} AS SELECT generate_series(1, 300) AS v"
        up = f'op.execute("{rows}")\nop.execute("SELECT pg_sleep(0.1)")\n'
        if number % 3 == 0:
            index = f"CREATE INDEX CONCURRENTLY i{number} ON t{number - 1} (slow(v))"
            up = f'with op.get_context().autocommit_block():\n    op.execute("{index}")\n'
        project.revision(name, REVISIONS[number - 1], up=up + _noted(name), extra=_MIXED)


def _noted(revision: str) -> str:
    insert = f"INSERT INTO log VALUES ('{revision}', '{{}}')"  # noqa: S608
    return f"import os\nop.execute({insert!r}.format(os.environ.get({NAME!r}, '')))"


async def undisturbed(world: World) -> Catalog:
    """Return the catalog of a run that nothing disturbed."""
    await _create(world, "undisturbed")
    url = world.server.url("undisturbed")
    await upgrade(url)
    return await take_snapshot(url)


async def race(world: World, number: int, expected: Catalog) -> None:
    """Let migrators race on a database of its own, and judge the end."""
    database = f"race{number}"
    await _create(world, database)
    environment = {"DATABASE_URL": world.url(database).render()}
    ended: list[Command] = []
    kinds = _WITH_CRASHES if number % 2 else _WITHOUT_CRASHES
    async with disturbed(world, kinds, pause_seconds=0.25):
        racing = asyncio.create_task(_keep_racing(world, environment, ended))
        deadline = time.monotonic() + _MOST_SECONDS
        while time.monotonic() < deadline and not await _is_at_head(world, database):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        racing.cancel()
        await asyncio.gather(racing, return_exceptions=True)
    left = list(world.commands)
    await world.ended(*left)
    last = await world.run("upgrade", **environment)
    if last.code != 0:
        world.figures.fail("stuck", f"{last.name} after {database}: {last.text}")
    await _judge(world, database, [*ended, *left, last])
    await _judge_schema(world, database, expected)
    await world.without_sessions(database)
    await world.fetch(f"DROP DATABASE {database}")
    world.figures.done["migrations"] += len(REVISIONS)


async def _create(world: World, database: str) -> None:
    await world.fetch(f"CREATE DATABASE {database} OWNER neondb_owner")


async def _is_at_head(world: World, database: str) -> bool:
    applied = await world.fetch("SELECT to_regclass('alembic_version')::text", database)
    if applied == [None]:
        return False
    return await world.fetch("SELECT version_num FROM alembic_version", database) == REVISIONS[-1:]


async def _keep_racing(world: World, environment: dict[str, str], ended: list[Command]) -> None:
    """Start a migrator for each that has ended."""

    async def racer() -> None:
        while True:
            command = world.start("upgrade", **environment)
            await world.ended(command)
            ended.append(command)

    await asyncio.gather(*(racer() for _ in range(RACERS)))


async def _judge(world: World, database: str, commands: list[Command]) -> None:
    """Hold the tables against each other, and what each command said against them."""
    fail = world.figures.fail
    logged = await world.fetch("SELECT revision FROM log ORDER BY 1", database)
    table = await world.fetch("SELECT revision FROM alembic_neon_revisions ORDER BY 1", database)
    versions = await world.fetch("SELECT version_num FROM alembic_version", database)
    if (logged, table, versions) != (REVISIONS, REVISIONS, REVISIONS[-1:]):
        fail("twice", f"{database}: {logged}, {table}, {versions}")
    pairs = await world.fetch("SELECT ARRAY[revision, command] FROM log", database)
    who = {revision: command for revision, command in pairs}
    for command in commands:
        for revision in _APPLIED.findall(command.text):
            if who.get(revision) != command.name and not _may_be_taken_back(world, command):
                fail("wrong-word", f"{command.name} did not apply {revision}: {command.text}")
        for revision in _ROLLED_BACK.findall(command.text):
            if who.get(revision) == command.name:
                fail("wrong-word", f"{command.name} applied {revision}: {command.text}")
        _judge_place(world, command, who)


def _may_be_taken_back(world: World, command: Command) -> bool:
    """Tell whether a crash may have undone what a run that did not end well had applied.

    Its commits but the last do not wait for the disk: docs/migrations.md.
    """
    until = command.ended_at + _DISK_SECONDS
    crashed = any(command.started_at < each < until for each in world.crashed_at)
    return crashed and command.code != 0


def _judge_place(world: World, command: Command, who: dict[str, str]) -> None:
    """Of a run that says where it leaves the database: nothing of it may be applied beyond that."""
    for place in _AT.findall(command.text)[-1:]:
        beyond = [each for each, by in who.items() if by == command.name and each > place]
        if beyond:
            world.figures.fail("wrong-word", f"{command.name} applied {beyond}: {command.text}")


async def _judge_schema(world: World, database: str, expected: Catalog) -> None:
    """Compare the catalog with that of a run that nothing disturbed."""
    url = world.server.url(database)
    if difference := expected.difference(await take_snapshot(url)):
        world.figures.fail("schema", f"{database}: {difference}")
