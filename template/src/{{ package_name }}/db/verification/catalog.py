"""The catalog snapshot: what a schema is made of, comparable between two moments or databases."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy.ext.asyncio import AsyncConnection

from ..connection.engine import create_migration_engine
from ..connection.failures import explained
from ..connection.url import DatabaseURL
from .catalog_queries import CATALOG_SQL, SEARCH_PATH_SQL


@dataclass(frozen=True)
class Difference:
    """One object that differs. `was` is None for one that is new, `now` for one that is gone."""

    object: str
    was: str | None
    now: str | None

    def __str__(self) -> str:
        if self.was is None:
            return f"+ {self.object}: {self.now}"
        if self.now is None:
            return f"- {self.object}: {self.was}"
        return f"~ {self.object}\n    was: {self.was}\n    now: {self.now}"


@dataclass(frozen=True)
class Catalog:
    """The objects of a database, by kind and name, each with its definition in SQL."""

    objects: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """A SHA-256 that two databases share exactly if their schemas are the same."""
        canonical = json.dumps(sorted(self.objects.items()), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def difference(self, later: "Catalog") -> list[Difference]:
        """Return what changed between this snapshot and a later one, by kind and name."""
        names = sorted(self.objects.keys() | later.objects.keys())
        pairs = ((name, self.objects.get(name), later.objects.get(name)) for name in names)
        return [Difference(name, was, now) for name, was, now in pairs if was != now]


async def take_snapshot(url: DatabaseURL) -> Catalog:
    """Take a snapshot of the database at `url`, in two round trips.

    Raises:
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    engine = create_migration_engine(url)
    try:
        with explained(engine.url):
            async with engine.connect() as connection:
                return await _read(connection)
    finally:
        await engine.dispose()


async def _read(connection: AsyncConnection) -> Catalog:
    await connection.exec_driver_sql(SEARCH_PATH_SQL)
    rows = (await connection.exec_driver_sql(CATALOG_SQL)).all()
    objects: dict[str, str] = {}
    for row in rows:
        key = f"{row.kind} {row.name}"
        # Comments on objects of several kinds may share a name.
        objects[key] = f"{objects[key]}\n{row.definition}" if key in objects else row.definition
    return Catalog(MappingProxyType(objects))
