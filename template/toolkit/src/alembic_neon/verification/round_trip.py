"""The round trip: a revision's downgrade restores the schema and the rows from before it."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Self

from alembic.config import Config

from ..engine.url import DatabaseURL
from ..errors import MigrationError
from .databases import TestDatabases
from .history import History
from .result import RoundTrip
from .round_trip_runner import RoundTripRunner
from .rows import Hook

__all__ = ["HistoryChecker", "RoundTrip", "check_history", "check_round_trip", "walk_history"]


async def check_round_trip(
    url: DatabaseURL, revision: str, *, config: Config | None = None, hook: Hook | None = None
) -> RoundTrip:
    """Upgrade to just before `revision`, then go up, down and up again, and compare.

    It happens in the database at `url` itself, which may be empty, or anywhere in the history
    before the revision; tables without rows are filled (`hook`: see `Rows`). Where nothing is wrong
    it is left upgraded to the revision. A file that says `irreversible = "why"` is only upgraded.

    Raises:
        MigrationError: a revision before it fails.
        UsageError: there is no such revision, or it is applied already.
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    async with RoundTripRunner.on(url, History.load(config), hook) as walker:
        return await walker.check(revision)


async def check_history(
    server: DatabaseURL,
    revisions: Iterable[str] | None = None,
    *,
    config: Config | None = None,
    hook: Hook | None = None,
) -> list[RoundTrip]:
    """Return the round trips of `revisions`, by default of all: see `walk_history`."""
    walk = walk_history(server, revisions, config=config, hook=hook)
    async with aclosing(walk):
        return [found async for found in walk]


async def walk_history(
    server: DatabaseURL,
    revisions: Iterable[str] | None = None,
    *,
    config: Config | None = None,
    hook: Hook | None = None,
) -> AsyncGenerator[RoundTrip, None]:
    """Yield the round trip of each of `revisions`, by default of all, in the order of the history.

    It happens in databases that are made for it beside the one at `server`, and dropped; that one
    is not touched. Where a revision's upgrade fails even without rows, nothing after it can be
    checked, and its round trip is the last one.

    Raises:
        MigrationError: a revision that was not to be checked, and lies before one that was, fails.
        ConfigurationError, ConnectionFailedError: the server cannot be reached.
    """
    history = History.load(config)
    wanted = None if revisions is None else {history.script(each).revision for each in revisions}
    has_failed = False
    async with HistoryChecker(TestDatabases(server), history, hook) as checker:
        for script in history.revisions:
            if wanted is not None and script.revision not in wanted:
                continue
            try:
                found = await checker.check(script.revision)
            except MigrationError:
                if has_failed:
                    return
                raise
            has_failed |= found.failure is not None
            yield found


class HistoryChecker:
    """Checks revisions in any order, fastest in the order of the history.

    The database is kept from one revision to the next. It is made anew after a trip that left it
    changed, and where the next revision is applied in it already.
    """

    def __init__(
        self, databases: TestDatabases, history: History, hook: Hook | None = None
    ) -> None:
        self._databases = databases
        self._history = history
        self._hook = hook
        self._resources = AsyncExitStack()
        self._walker: RoundTripRunner | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop the database."""
        self._walker = None
        await self._resources.aclose()

    async def check(self, revision: str) -> RoundTrip:
        """Return the round trip of one revision.

        Raises:
            MigrationError: a revision before it fails.
            UsageError: there is no such revision.
        """
        if self._walker is not None and self._walker.can_check(revision):
            try:
                return await self._walker.check(revision)
            except MigrationError:
                # A revision in between fails on tables with rows, and is reported where it is
                # checked itself. A new database gets its rows only after it.
                pass
        return await (await self._new_walker()).check(revision)

    async def _new_walker(self) -> RoundTripRunner:
        await self.close()
        database = await self._databases.make()
        self._resources.push_async_callback(self._databases.remove, database)
        walker = RoundTripRunner.on(database, self._history, self._hook)
        self._walker = await self._resources.enter_async_context(walker)
        return self._walker
