"""What each kind of change needs to know to be written in steps."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from alembic.operations.ops import (
    AlterColumnOp,
    CreateCheckConstraintOp,
    CreateForeignKeyOp,
    CreateIndexOp,
    CreatePrimaryKeyOp,
    CreateUniqueConstraintOp,
    DropColumnOp,
    DropConstraintOp,
    DropIndexOp,
    DropTableOp,
)

from ..lint.type_changes import keeps_rows
from .changes import Change, target
from .facts import ExistingTable, Facts
from .options import StepOptions
from .step import Stage, Step


@dataclass(frozen=True)
class Work:
    """All changes of a revision, the facts about their tables, and what a person asked for."""

    facts: Facts
    options: StepOptions
    changes: Sequence[Change]

    def on(self, table: ExistingTable, *types: type[Any]) -> Iterator[Any]:
        """Yield the operations of these types on a table."""
        for change in self.changes:
            if isinstance(change.up, types) and self.facts.table(change.up) == table:
                yield change.up

    def is_replaced(self, op: Any) -> bool:
        """Tell whether the same change drops and makes an object of this name."""
        kinds: tuple[type[Any], ...] = (CreateIndexOp, DropIndexOp)
        if not isinstance(op, kinds):
            kinds = (
                DropConstraintOp,
                CreateCheckConstraintOp,
                CreateForeignKeyOp,
                CreateUniqueConstraintOp,
                CreatePrimaryKeyOp,
            )
        same = [c for c in self.changes if isinstance(c.up, kinds) and target(c.up) == target(op)]
        return len(same) > 1

    def is_rewritten(self, table: ExistingTable) -> bool:
        """Tell whether a type changes in a way that writes the table anew, in one ALTER."""
        return any(self.rewrites(op) for op in self.on(table, AlterColumnOp))

    def rewrites(self, op: AlterColumnOp) -> bool:
        """Tell whether an operation changes a type and writes every row anew."""
        if op.modify_type is None or self.options.online:
            return False
        return not keeps_rows(op.existing_type, op.modify_type, self.facts.dialect)

    def is_dropped(self, table: ExistingTable) -> bool:
        """Tell whether a table goes."""
        return any(True for _ in self.on(table, DropTableOp))

    def goes_with_columns(self, table: ExistingTable, text: str) -> bool:
        """Tell whether a text of SQL names a column of the table that goes."""
        dropped = [op.column_name for op in self.on(table, DropColumnOp)]
        return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in dropped)


def label(table: ExistingTable) -> str:
    """Return the name by which steps know a table."""
    return f"{table.schema}.{table.name}"


def quick(
    change: Change, table: ExistingTable, slug: str, summary: str, stage: Stage = Stage.QUICK
) -> list[Step]:
    """Return the one step of a change that writes the catalog alone, under a lock for a moment."""
    down = [change.down] if change.down is not None else []
    locks = f"ACCESS EXCLUSIVE on {table.name} for a moment"
    return [Step(stage, slug, summary, [change.up], down, label(table), locks=locks)]
