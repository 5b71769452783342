"""The catalog snapshot: what a schema is made of, comparable between two moments or databases."""

from .objects import CatalogObject
from .reader import CatalogReader, take_snapshot
from .snapshot import Catalog, Difference, RelationObjects, significant

__all__ = [
    "Catalog",
    "CatalogObject",
    "CatalogReader",
    "Difference",
    "RelationObjects",
    "significant",
    "take_snapshot",
]
