"""Constraints of tables that exist: added for new rows alone, and validated in a later step."""

from typing import Any, Final

from alembic.operations.ops import (
    CreateCheckConstraintOp,
    CreateForeignKeyOp,
    CreateIndexOp,
    CreatePrimaryKeyOp,
    CreateUniqueConstraintOp,
    DropConstraintOp,
    DropIndexOp,
    MigrateOperation,
)

from ..autogenerate.missed_changes import execute
from .blocks import ignored
from .changes import Change
from .facts import ExistingTable
from .indexes import concurrently
from .step import Stage, Step
from .work import Work, label, quick

_VALIDATE_LOCKS: Final = "SHARE UPDATE EXCLUSIVE on {}: nobody waits"


def create_check_or_foreign_key(change: Change, work: Work) -> list[Step] | None:
    """Add a CHECK or a foreign key NOT VALID, and validate it in a step of its own."""
    op, down = change.up, change.down
    table = work.facts.table(op)
    if not isinstance(op, (CreateForeignKeyOp, CreateCheckConstraintOp)):
        return None
    if table is None or not isinstance(down, DropConstraintOp):
        return None
    if work.is_replaced(op) and work.is_rewritten(table):
        return None
    is_key = isinstance(op, CreateForeignKeyOp)
    if is_key and table.is_partitioned:  # it takes no NOT VALID there
        return quick(change, table, "foreign key", f"Adds {op.constraint_name}", Stage.CONSTRAINT)
    op.kw["postgresql_not_valid"] = True
    what = "foreign key" if is_key else "check"
    locks = f"ACCESS EXCLUSIVE on {table.name} for a moment"
    if isinstance(op, CreateForeignKeyOp):
        locks = f"SHARE ROW EXCLUSIVE on {table.name} and {op.referent_table} for a moment"
    add = Step(
        Stage.CONSTRAINT,
        what,
        f"Adds {what} {op.constraint_name} to {table.name} for new rows",
        [op],
        [down],
        label(table),
        locks=locks,
    )
    return [add, validated(str(op.constraint_name), [down, op], table, work)]


def validated(name: str, undo: list[MigrateOperation], table: ExistingTable, work: Work) -> Step:
    """Return the step that reads the rows that were there before a constraint.

    `undo` makes the constraint NOT VALID again.
    """
    facts = work.facts
    sql = f"ALTER TABLE {facts.sql_name(table)} VALIDATE CONSTRAINT {facts.quoted_constraint(name)}"
    return Step(
        Stage.VALIDATE,
        "validate",
        f"Validates {name}",
        [execute(sql)],
        undo,
        label(table),
        locks=_VALIDATE_LOCKS.format(table.name),
    )


def create_unique(change: Change, work: Work) -> list[Step] | None:
    """Build the index of a UNIQUE constraint concurrently, then make it the constraint's."""
    op, down = change.up, change.down
    table = work.facts.table(op)
    if table is None or table.is_partitioned or not isinstance(down, DropConstraintOp):
        return None
    if work.is_replaced(op) or not isinstance(op, CreateUniqueConstraintOp):
        return None
    name = str(op.constraint_name)
    distinct = {k: v for k, v in op.kw.items() if k == "postgresql_nulls_not_distinct"}
    index = CreateIndexOp(
        name, op.table_name, list(op.columns), schema=op.schema, unique=True, **distinct
    )
    drop = DropIndexOp(name, op.table_name, schema=op.schema)
    using = _using_index(name, "UNIQUE", op, table, work)
    return [
        Step(
            Stage.INDEX,
            "unique index",
            f"Builds the unique index of {name} concurrently",
            [concurrently(index)],
            [concurrently(drop)],
            label(table),
            locks="none that stops readers or writers",
            alone=True,
        ),
        Step(
            Stage.CONSTRAINT,
            "unique",
            f"Makes {name} a constraint of its index",
            [execute(using)],
            # The index goes with the constraint, and was there before.
            [down, index],
            label(table),
            locks=f"ACCESS EXCLUSIVE on {table.name} for a moment",
        ),
    ]


def _using_index(name: str, kind: str, op: Any, table: ExistingTable, work: Work) -> str:
    quoted = work.facts.quoted(name)
    sql = f"ALTER TABLE {work.facts.sql_name(table)} ADD CONSTRAINT {quoted}"
    deferrable = op.kw.get("deferrable")
    initially = op.kw.get("initially")
    return " ".join(
        [
            f"{sql} {kind} USING INDEX {quoted}",
            *(["DEFERRABLE" if deferrable else "NOT DEFERRABLE"] if deferrable is not None else []),
            *([f"INITIALLY {initially}"] if initially else []),
        ]
    )


def drop_constraint(change: Change, work: Work) -> list[Step] | None:
    """Drop a constraint, together with what takes its place."""
    op, down = change.up, change.down
    table = work.facts.table(op)
    if table is None or not isinstance(op, DropConstraintOp) or down is None:
        return None
    if isinstance(down, (CreateUniqueConstraintOp, CreatePrimaryKeyOp)) and work.is_replaced(op):
        return None
    if work.is_replaced(op):
        if work.is_rewritten(table):
            return None
        summary = f"Replaces {op.constraint_name} on {table.name}"
        return quick(change, table, "replace", summary, Stage.CONSTRAINT)
    if work.is_dropped(table) or work.goes_with_columns(table, _text(down)):
        return [Step(Stage.CONTRACT, "drop", "", [op], [down], label(table), "contract")]
    why = "the models have it no more"
    step = quick(change, table, "drop constraint", f"Drops {op.constraint_name}")[0]
    return [
        Step(
            step.stage,
            step.slug,
            step.summary,
            [ignored("ban-drop-constraint", why), op],
            step.downgrade,
            step.table,
            locks=step.locks,
        )
    ]


def _text(op: Any) -> str:
    match op:
        case CreateCheckConstraintOp():
            return str(op.condition)
        case CreateForeignKeyOp():
            return " ".join(op.local_cols)
        case _:
            return " ".join(map(str, getattr(op, "columns", ())))
