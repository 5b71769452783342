"""Promotions and restores of a database that is written to all the while: no write is lost."""

import asyncio
import time
from collections import Counter
from typing import Final
from uuid import UUID, uuid4

from alembic_neon import CommitOutcomeUnknownError, run_transaction
from alembic_neon.branches.local import LocalProvider
from alembic_neon.branches.provider import prune
from scratch_project import ScratchProject
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from . import faults
from .commands import Command
from .faults import disturbed
from .world import World

MAIN: Final = "main"
WRITERS: Final = 4
_MOST_POINTS: Final = 5
_FAULTS: Final = (*faults.OF_COMMANDS, *faults.OF_SESSIONS) * 2 + (
    faults.restart,
    faults.crash,
    faults.crash_session,
)
_PAUSE_SECONDS: Final = 0.03
_DEADLINE_SECONDS: Final = 15.0
_INSERT: Final = text("INSERT INTO notes VALUES (:op)")
_NOTES: Final = "SELECT op FROM notes"
_MODELS: Final = """
from sqlalchemy import UUID, Column, MetaData, Table
metadata = MetaData()
Table("notes", metadata, Column("op", UUID))
"""


class Writers:
    """An application that writes, and what it was answered; a write is done once or not at all."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.done: set[UUID] = set()
        self.failed: dict[UUID, str] = {}
        self.found: set[UUID] = set()  # in restore points that are gone by now
        self._engine = engine

    async def write(self, deadline: float) -> None:
        """Write until then."""
        await asyncio.gather(*(self._writer(deadline) for _ in range(WRITERS)))

    async def _writer(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            await self._write_one()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _write_one(self) -> None:
        values = {"op": uuid4()}

        async def work(session: AsyncSession) -> None:
            await session.execute(_INSERT, values)

        try:
            await run_transaction(work, deadline_seconds=_DEADLINE_SECONDS, engine=self._engine)
            self.done.add(values["op"])
        except CommitOutcomeUnknownError:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be stored
            self.failed[values["op"]] = repr(error)

    async def collect(self, world: World, database: str) -> None:
        """Remember what a database holds; nothing in it may be there twice, or have failed."""
        await world.without_sessions(database)
        stored = Counter(await world.fetch(_NOTES, database))
        for op, count in stored.items():
            if count > 1:
                world.figures.fail("data", f"{op} was written {count} times to {database}")
            if op in self.failed:
                world.figures.fail("data", f"{op} failed, but is stored: {self.failed[op]}")
        self.found |= stored.keys()

    async def judge(self, world: World) -> None:
        """Every write that was done is in the branch, or in one of its restore points."""
        points = await LocalProvider(world.server).list_restore_points(MAIN)
        for database in (MAIN, *(point.id for point in points)):
            await self.collect(world, database)
        if lost := self.done - self.found:
            world.figures.fail("data", f"{len(lost)} of {len(self.done)} writes are lost")
        world.figures.done += Counter(
            {"writes": len(self.done), "writes that failed": len(self.failed)}
        )


class Releases:
    """Revisions that are rehearsed, promoted and sometimes restored, one after the other."""

    def __init__(self, world: World, writers: Writers) -> None:
        self._world = world
        self._project: ScratchProject = world.project
        self._writers = writers
        self._provider = LocalProvider(world.server)
        self._count = 0

    def write_first(self) -> None:
        """Write the revision that makes the table to write to."""
        self._project.models(_MODELS)
        self._project.revision("p0000", up='op.execute("CREATE TABLE notes (op uuid)")')

    async def release(self, deadline: float) -> None:
        """Release until then."""
        while time.monotonic() < deadline:
            if not await self._pending():
                self._write_next()
            async with disturbed(self._world, _FAULTS, pause_seconds=2.0):
                await self._one()
            await self._tidy()

    def _write_next(self) -> None:
        self._count += 1
        name, down = f"p{self._count:04}", f"p{self._count - 1:04}"
        self._project.revision(
            name,
            down,
            up=f'op.execute("CREATE TABLE {name} ()")',
            undo=f'op.execute("DROP TABLE {name}")',
        )
        tables = "".join(f'Table("p{each:04}", metadata)\n' for each in range(1, self._count + 1))
        self._project.models(_MODELS + tables)

    async def _one(self) -> None:
        rehearsal = await self._world.run("rehearse", "--force")
        if rehearsal.code != 0:
            return
        before = await self._version()
        promotion = await self._world.run("promote", "--force")
        await self._judge_end(promotion, before, f"p{self._count:04}")
        if promotion.code == 0:
            self._world.figures.done["promotions"] += 1
        if self._world.random.random() < 0.5:
            await self._restore()

    async def _restore(self) -> None:
        points = await self._points()
        if not points:
            return
        before = await self._version()
        restore = await self._world.run("restore", points[0], "--yes", "--force")
        if restore.code == 0:
            self._world.figures.done["restores"] += 1
            return
        after = await self._version()
        if "Nothing was done" in restore.text and after != before:
            self._world.figures.fail("wrong-word", f"{restore.name}: {restore.text}")

    async def _judge_end(self, command: Command, before: str, target: str) -> None:
        after = await self._version()
        is_so = after == target if command.code == 0 else after in (before, target)
        if "Nothing was done" in command.text:
            is_so = after == before
        if not is_so:
            self._world.figures.fail(
                "wrong-word", f"{command.name}: at {after}, from {before}: {command.text}"
            )

    async def _tidy(self) -> None:
        """Drop the restore points that are too many, after a look at what they hold."""
        for name in (await self._points())[_MOST_POINTS:]:
            await self._writers.collect(self._world, name)
            await self._world.fetch(f'DROP DATABASE "{name}"')

    async def judge(self) -> None:
        """Nothing that a killed command left may stand in the way, or stay for good.

        A database made by a command that was killed before it could mark it is nobody's to delete:
        docs/reliability.md.
        """
        fail = self._world.figures.fail
        await self._world.without_sessions(MAIN)
        if await self._pending():
            for arguments in (("rehearse", "--force"), ("promote", "--force")):
                command = await self._world.run(*arguments)
                if command.code != 0:
                    fail("stuck", f"{command.name}: {command.text}")
        await prune(self._provider)
        branches = await self._provider.list()
        left = [each for each in branches if each.name != MAIN and not each.expires_at]
        scratch = [each.name for each in left if each.created_at]
        self._world.figures.done["databases left without a mark"] += len(left) - len(scratch)
        if scratch or branches[0].name != MAIN or branches[0].expires_at:
            fail("stuck", f"the branches are {branches}")

    async def _pending(self) -> bool:
        return await self._version() != f"p{self._count:04}"

    async def _version(self) -> str:
        (version,) = await self._world.fetch("SELECT version_num FROM alembic_version", MAIN)
        return str(version)

    async def _points(self) -> list[str]:
        await self._world.fetch("SELECT 1")
        return [point.id for point in await self._provider.list_restore_points(MAIN)]
