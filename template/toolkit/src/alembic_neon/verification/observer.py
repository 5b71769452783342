"""Looks at a database between two steps: its catalog, and the rows that were put there."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from .catalog import Catalog, CatalogReader
from .rows import TOUCHED_SQL, Contents, Hook, Rows, Unfilled


@dataclass(frozen=True)
class State:
    """A database at one moment."""

    catalog: Catalog
    contents: Contents


class Observer:
    """Fills tables and takes snapshots, on a connection that holds no transaction in between.

    Only what a step has changed is read again, of the catalog and of the rows, so that the time
    that it takes does not grow with the number of tables.
    """

    def __init__(self, connection: AsyncConnection, hook: Hook | None = None) -> None:
        self._connection = connection
        self._reader = CatalogReader(connection)
        self._rows = Rows(connection, hook=hook)
        self._touched: set[int] | None = None  # since rows were last filled; None: not known
        self._reported: set[str] = set()
        self._catalog: Catalog | None = None  # as it is since the last step

    def record_touched_tables(self, migrating: Connection, *, is_whole: bool) -> None:
        """Record which tables a step has touched, just before its transaction ends.

        `is_whole` is whether nothing of the step was committed before.
        """
        self._catalog = None
        if not is_whole:
            self._touched = None
        elif self._touched is not None:
            self._touched.update(migrating.exec_driver_sql(TOUCHED_SQL).scalars())

    async def fill(self, *, more: bool = True) -> Sequence[Unfilled]:
        """Put rows into the tables that need them; return those that newly cannot be filled.

        Without `more` these are only the tables that have none.
        """
        unfilled = await self._rows.fill(self._touched, more=more)
        if self._touched is not None:
            # Triggers and the hook may have changed other tables than those that were filled.
            changed = await self._connection.exec_driver_sql(TOUCHED_SQL)
            self._touched.update(changed.scalars())
        await self._connection.commit()
        new = [each for each in unfilled if each.table not in self._reported]
        self._reported = {each.table for each in unfilled}
        return new

    async def snapshot(self) -> State:
        """Return the state as it is now, to which the next one is compared."""
        catalog = await self.catalog()
        try:
            return State(catalog, await self._rows.read(self._touched))
        finally:
            await self._connection.rollback()

    async def catalog(self) -> Catalog:
        """Return the schema as it is now."""
        if self._catalog is None:
            self._catalog = await self._reader.read()
        return self._catalog

    def reset(self) -> None:
        """Begin to record anew: what was touched so far has been read."""
        self._touched = set()
