"""The catalog snapshot: what a schema is made of, comparable between two moments or databases."""

from .reader import CatalogReader, take_snapshot
from .snapshot import Catalog, Difference, Part

__all__ = ["Catalog", "CatalogReader", "Difference", "Part", "take_snapshot"]
