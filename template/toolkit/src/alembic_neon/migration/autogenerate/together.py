"""Operations that have to stay in one revision, in their order: a change, and what is around it.

What stands on a column goes before the column changes, and comes back after. Taken apart, into
steps or by an order of kinds, it would fail.
"""

from collections.abc import Iterable
from typing import Any, Final

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op
from alembic.operations.ops import (
    AlterColumnOp,
    CreateCheckConstraintOp,
    CreateForeignKeyOp,
    CreateIndexOp,
    DropConstraintOp,
    DropIndexOp,
    MigrateOperation,
)

from .catalog_operations import CatalogSQLOp

_WHY: Final = "the table is locked for the change that this goes with"


class TogetherOp(MigrateOperation):
    """Operations in their order, which nothing takes apart."""

    def __init__(self, ops: Iterable[MigrateOperation]) -> None:
        self.ops = list(ops)

    @property
    def sqltext(self) -> str:
        """The words of what changes in it, in which names can be found; not of what is around."""
        changes = (AlterColumnOp, CatalogSQLOp)
        return " ".join(
            " ".join(map(str, vars(op).values())) for op in self.ops if isinstance(op, changes)
        )

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` shows."""
        return ("together", [op.to_diff_tuple() for op in self.ops])


@renderers.dispatch_for(TogetherOp)
def _render(context: AutogenContext, op: TogetherOp) -> list[str]:
    lines: list[str] = []
    for each in op.ops:
        if rules := _accepted_rules(each):
            lines.append(f"# squawk-ignore {', '.join(rules)}: {_WHY}")
        lines += render_op(context, each)
    return lines


def _accepted_rules(op: MigrateOperation) -> list[str]:
    """Return the rules that an operation breaks, which in one transaction cannot be helped."""
    match op:
        case AlterColumnOp() if op.modify_type is not None:
            return ["changing-column-type"]
        case CreateCheckConstraintOp():
            return ["constraint-missing-not-valid"]
        case CreateForeignKeyOp():
            return ["adding-foreign-key-constraint", "constraint-missing-not-valid"]
        case CreateIndexOp():
            return ["require-concurrent-index-creation"]
        case DropIndexOp():
            return ["require-concurrent-index-deletion"]
        case DropConstraintOp():
            return ["ban-drop-constraint"]
        case CatalogSQLOp(kind="column", action="drop"):
            return ["ban-drop-column"]
        case CatalogSQLOp(kind="column", action="create"):
            return ["adding-field-with-default"]
        case CatalogSQLOp(kind="constraint", action="create"):
            return ["constraint-missing-not-valid"]
        case _:
            return []
