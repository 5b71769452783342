"""Drops of columns and tables: a contracting revision of its own, which says what is lost."""

from copy import copy

from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    DropColumnOp,
    DropTableOp,
    MigrateOperation,
)
from alembic_postgresql_enum.operations.drop_enum import DropEnumOp

from ..autogenerate.missed_changes import execute
from ..autogenerate.together import TogetherOp
from .changes import Change
from .not_null import optional
from .step import Stage, Step
from .work import Work, label


def drop_column(change: Change, work: Work) -> list[Step] | None:
    """Let rows be without the column, and drop it when no running release asks for it."""
    op, down = change.up, change.down
    table = work.facts.table(op)
    if table is None or not isinstance(op, DropColumnOp) or not isinstance(down, AddColumnOp):
        return None
    column = down.column
    must_loosen = not (column.nullable or column.primary_key or _comes_with_values(op, work, down))
    back = down
    steps: list[Step] = []
    if must_loosen:
        # Its values went, so that it comes back without: see the step before.
        back = copy(down)
        back.column = column._copy()
        back.column.nullable = True
        alter = f"ALTER TABLE {work.facts.sql_name(table)} ALTER COLUMN"
        quoted = work.facts.quoted(op.column_name)
        steps.append(
            Step(
                Stage.QUICK,
                "optional",
                f"Lets rows of {table.name} be without {op.column_name}",
                optional(op.column_name, table, work),
                [execute(f"{alter} {quoted} SET NOT NULL")],
                label(table),
                locks=f"ACCESS EXCLUSIVE on {table.name} for a moment",
            )
        )
    steps.append(
        Step(
            Stage.CONTRACT,
            "drop",
            f"Drops {table.name}.{op.column_name} and its values",
            [op],
            [back],
            label(table),
            "contract",
            f"ACCESS EXCLUSIVE on {table.name} for a moment",
            f"Column {table.name}.{op.column_name} goes, and its values with it.",
        )
    )
    return steps


def _comes_with_values(op: DropColumnOp, work: Work, down: AddColumnOp) -> bool:
    """Tell whether each row has a value when the column is added again.

    A generated column has none where what it is generated from was dropped with it.
    """
    if down.column.computed is None:
        return down.column.server_default is not None or down.column.identity is not None
    table = work.facts.table(op)
    drops = [each.up for each in work.changes if isinstance(each.up, DropColumnOp)]
    return not any(each is not op and work.facts.table(each) == table for each in drops)


def drop_table(change: Change, work: Work) -> list[Step] | None:
    """Drop a table when no running release asks for it."""
    op, down = change.up, change.down
    table = work.facts.table(op)
    if table is None or not isinstance(op, DropTableOp) or down is None:
        return None
    return [
        Step(
            Stage.CONTRACT,
            "drop",
            f"Drops table {table.name} and its rows",
            [op],
            [down],
            label(table),
            "contract",
            f"ACCESS EXCLUSIVE on {table.name} for a moment",
            f"Table {table.name} goes, and its rows with it.",
        )
    ]


def drop_enum(change: Change, work: Work) -> list[Step] | None:
    """Drop an enum after the columns of its type."""
    op, down = change.up, change.down
    if not isinstance(op, DropEnumOp) or down is None:
        return None
    goes = any(isinstance(each.up, (DropColumnOp, DropTableOp)) for each in work.changes)
    changes = any(_has_type_change(each.up) for each in work.changes)
    if changes and not (goes or work.options.online):
        summary = f"Drops type {op.name}"
        return [Step(Stage.FINISH, "drop type", summary, [op], [down])]
    if not (goes or changes):
        return None
    return [Step(Stage.LAST, "drop type", f"Drops type {op.name}", [op], [down], "", "contract")]


def _has_type_change(op: MigrateOperation) -> bool:
    ops = op.ops if isinstance(op, TogetherOp) else [op]
    return any(isinstance(each, AlterColumnOp) and each.modify_type is not None for each in ops)
