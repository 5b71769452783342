"""What the catalogs of the migrations and of the models differ in, as data to make operations of.

A command compares them on scratch databases, and leaves the comparison in `config.attributes`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# Where a command leaves the comparison in `config.attributes`.
COMPARISON: Final = "catalog_comparison"


@dataclass(frozen=True)
class CatalogDefinition:
    """An object as one catalog has it: its definition, and the statements that make and drop it."""

    kind: str
    schema: str
    table: str
    name: str
    text: str
    create: tuple[str, ...]
    drop: tuple[str, ...]


@dataclass(frozen=True)
class CatalogChange:
    """An object as the migrations have it and as the models do; None where one has it not.

    `alter` and `revert` change it in place; without them it is dropped and made again, as it is in
    the one direction that has none where `recreates` is set.
    """

    label: str
    was: CatalogDefinition | None
    now: CatalogDefinition | None
    alter: tuple[str, ...] = ()
    revert: tuple[str, ...] = ()
    recreates: bool = False

    @property
    def definition(self) -> CatalogDefinition:
        """What it is, on either side."""
        found = self.now or self.was
        if found is None:
            raise ValueError(self.label)
        return found


@dataclass(frozen=True)
class StoredColumn:
    """A column of a table that is no partition: its type and its default, as SQL."""

    schema: str
    table: str
    name: str
    type: str
    default: str | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others."""
        return self.schema, self.table, self.name


@dataclass(frozen=True)
class CatalogComparison:
    """Both catalogs, as far as operations are made of them. Names have no quotes.

    `changes` are in an order in which they can be made. `remaining` is what differs still after a
    revision with these changes was run. `dependents` are, by the label of a column, a type or a
    constraint in the migrations, the objects that stand on it. The columns are those of tables that
    are no partitions; the constraints are CHECKs and exclusions.
    """

    changes: tuple[CatalogChange, ...] = ()
    remaining: tuple[CatalogChange, ...] = ()
    dependents: Mapping[str, tuple[CatalogChange, ...]] = field(default_factory=dict)
    columns_before: tuple[StoredColumn, ...] = ()
    columns_after: tuple[StoredColumn, ...] = ()
    constraints_before: tuple[CatalogDefinition, ...] = ()
    constraints_after: tuple[CatalogDefinition, ...] = ()
