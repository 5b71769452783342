"""Constraints of tables that exist: added for new rows alone, and validated in a later step."""

from typing import Any, Final

from alembic.operations.ops import (
    AlterColumnOp,
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
from .changes import Change, target
from .facts import ExistingTable
from .indexes import concurrently
from .step import Stage, Step
from .work import Work, label, quick

_MAX_NAME: Final = 63
_INDEX_OPTIONS: Final = ("postgresql_include", "postgresql_nulls_not_distinct")
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
    """Build the index of a key concurrently, then make it the constraint's."""
    op, down = change.up, change.down
    table = work.facts.table(op)
    if table is None or table.is_partitioned or not isinstance(down, DropConstraintOp):
        return None
    if not isinstance(op, (CreateUniqueConstraintOp, CreatePrimaryKeyOp)):
        return None
    if _is_required_later(op, table, work):
        return None
    replaced = _replaced_key(op, work)
    if work.is_replaced(op) and (replaced is None or work.is_rewritten(table)):
        return None
    name = str(op.constraint_name)
    built = name if replaced is None else f"{name[: _MAX_NAME - 4]}_new"
    index = CreateIndexOp(
        built,
        op.table_name,
        list(op.columns),
        schema=op.schema,
        unique=True,
        **{key: value for key, value in op.kw.items() if key in _INDEX_OPTIONS},
    )
    drop = DropIndexOp(built, op.table_name, schema=op.schema)
    kind = "PRIMARY KEY" if isinstance(op, CreatePrimaryKeyOp) else "UNIQUE"
    using = _using_index(built, kind, op, table, work)
    why = "the constraint that takes its place has its index already"
    before = [] if replaced is None else [ignored("ban-drop-constraint", why), replaced.up]
    after = [replaced.down] if replaced is not None and replaced.down is not None else []
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
            [*before, execute(using)],
            # The index goes with the constraint, and was there before.
            [down, *after, index],
            label(table),
            locks=f"ACCESS EXCLUSIVE on {table.name} for a moment",
        ),
    ]


def _replaced_key(op: Any, work: Work) -> Change | None:
    """Return the drop of the key whose name another one takes; None: there is none, or no way."""
    same = [c for c in work.changes if target(c.up) == target(op) and c.up is not op]
    if len(same) != 1 or not isinstance(same[0].up, DropConstraintOp):
        return None
    is_key = isinstance(same[0].down, (CreateUniqueConstraintOp, CreatePrimaryKeyOp))
    return same[0] if is_key else None


def _is_replaced_by_key(op: DropConstraintOp, table: ExistingTable, work: Work) -> bool:
    """Tell whether create_unique() writes the drop of a key, with what takes its place."""
    if table.is_partitioned or work.is_rewritten(table):
        return False
    new = [c.up for c in work.changes if target(c.up) == target(op) and c.up is not op]
    return len(new) == 1 and (
        isinstance(new[0], (CreateUniqueConstraintOp, CreatePrimaryKeyOp))
        and not _is_required_later(new[0], table, work)
    )


def _is_required_later(op: Any, table: ExistingTable, work: Work) -> bool:
    """Tell whether a primary key is on a column that another step of the change makes NOT NULL."""
    if not isinstance(op, CreatePrimaryKeyOp):
        return False
    altered = work.on(table, AlterColumnOp)
    required = {each.column_name for each in altered if each.modify_nullable is False}
    return bool(required & set(map(str, op.columns)))


def _using_index(built: str, kind: str, op: Any, table: ExistingTable, work: Work) -> str:
    quoted, name = work.facts.quoted(built), work.facts.quoted(str(op.constraint_name))
    sql = f"ALTER TABLE {work.facts.sql_name(table)} ADD CONSTRAINT {name}"
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
        return [] if _is_replaced_by_key(op, table, work) else None  # create_unique() writes both
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
