"""Columns added to tables that exist, and changes of what a column takes."""

import re
from copy import copy
from dataclasses import replace
from typing import Any, Final

from alembic.operations.ops import AddColumnOp, AlterColumnOp, MigrateOperation
from sqlalchemy import Column, Computed, Identity
from sqlalchemy.sql.schema import DefaultClause

from ...errors import UsageError
from ..autogenerate.missed_changes import execute
from .backfill import backfill
from .blocks import ignored
from .changes import Change
from .facts import ExistingTable
from .not_null import not_valid, required, validate
from .online import changed_beside, is_online
from .step import Stage, Step
from .triggers import create_fill_trigger, drop_fill_trigger
from .work import Work, label, quick

_QUICK: Final = "ACCESS EXCLUSIVE on {} for a moment"


def add_column(change: Change, work: Work) -> list[Step] | None:
    """Add a column: at once where nothing is written, else nullable, filled, and then required."""
    op, down = change.up, change.down
    table = work.facts.table(op)
    if table is None or not isinstance(op, AddColumnOp) or down is None:
        return None
    column = op.column
    name = str(column.name)
    if _is_rewriting(column):
        return [_rewriting(op, down, table)]
    if column.computed is not None:
        step = quick(change, table, "column", f"Adds {table.name}.{name}")[0]
        why = "no value of a virtual column is stored, so no row is written"
        return [replace(step, upgrade=[ignored("adding-field-with-default", why), op])]
    default = _default_sql(column, work)
    if default is not None and work.facts.is_volatile(default):
        return _with_volatile_default(op, down, default, table, work)
    if column.nullable or default is not None:
        return quick(change, table, "column", f"Adds {table.name}.{name}")
    value = fill_of(table, name, work)
    if value is None:
        raise MissingFillError(table, name)
    return _required_column(op, down, value, table, work)


def fill_of(table: ExistingTable, column: str, work: Work) -> str | None:
    """Return the expression that a person gave for a column."""
    for name in (f"{table.name}.{column}", f"{table.schema}.{table.name}.{column}"):
        if name in work.options.fills:
            return work.options.fills[name]
    return None


class MissingFillError(UsageError):
    """A column is required, and has no value in the rows that are there; `column` names it."""

    def __init__(self, table: ExistingTable, column: str) -> None:
        self.column = f"{table.name}.{column}"
        super().__init__(
            f"{self.column} is required, and the rows that are there have no value for it.",
            f'Give one as SQL: --fill {self.column}="EXPRESSION", or a constant server_default '
            "in the model.",
        )


def _required_column(
    op: AddColumnOp, down: MigrateOperation, value: str, table: ExistingTable, work: Work
) -> list[Step]:
    name = str(op.column.name)
    create, drop = create_fill_trigger(name, value, table, work)
    refuse = not_valid(name, table, work)[0]
    first = Step(
        Stage.QUICK,
        "nullable",
        f"Adds {table.name}.{name}; a trigger fills it in rows that are written without it",
        [_as_nullable(op), *(execute(sql) for sql in (*create, refuse))],
        [*(execute(sql) for sql in drop), down],
        label(table),
        locks=_QUICK.format(table.name),
        alone=True,
    )
    return [
        first,
        backfill(name, value, table, work),
        *validate(name, table, work, "expand"),
        drop_fill_trigger(name, value, table, work),
    ]


def _with_volatile_default(
    op: AddColumnOp, down: MigrateOperation, default: str, table: ExistingTable, work: Work
) -> list[Step]:
    """Add the column, set its default for new rows, and fill the others in batches."""
    name = str(op.column.name)
    bare = _as_nullable(op)
    bare.column.server_default = None
    alter = f"ALTER TABLE {work.facts.sql_name(table)} ALTER COLUMN {work.facts.quoted(name)}"
    first = Step(
        Stage.QUICK,
        "nullable",
        f"Adds {table.name}.{name} with a default for new rows",
        [bare, execute(f"{alter} SET DEFAULT {default}")],
        [down],
        label(table),
        locks=_QUICK.format(table.name),
        alone=True,
    )
    filled = [first, backfill(name, default, table, work)]
    return filled if op.column.nullable else [*filled, *required(name, table, work)]


def alter_column(change: Change, work: Work) -> list[Step] | None:
    """Change what a column takes: at once, or for new rows first where it becomes required."""
    op, down = change.up, change.down
    table = work.facts.table(op)
    if table is None or not isinstance(op, AlterColumnOp) or not isinstance(down, AlterColumnOp):
        return None
    if op.modify_name is not None or isinstance(op.modify_server_default, (Computed, Identity)):
        return None
    name = op.column_name
    if op.modify_nullable is False:
        return _made_required(name, table, work)
    if is_online(op, work):
        return changed_beside(change, table, work)
    if work.is_rewritten(table):
        return None
    return quick(change, table, "column", f"Changes {table.name}.{name}")


def _made_required(name: str, table: ExistingTable, work: Work) -> list[Step]:
    value = fill_of(table, name, work)
    if value is None:
        # Whoever writes no value must be gone.
        return required(name, table, work, phase="contract", stage=Stage.CONTRACT)
    create, drop = create_fill_trigger(name, value, table, work)
    refuse, allow = not_valid(name, table, work)
    first = Step(
        Stage.QUICK,
        "not null",
        f"Refuses new rows of {table.name} without {name}; a trigger fills it",
        [execute(sql) for sql in (*create, refuse)],
        [execute(sql) for sql in (allow, *drop)],
        label(table),
        locks=_QUICK.format(table.name),
        alone=True,
    )
    return [
        first,
        backfill(name, value, table, work),
        *validate(name, table, work, "expand"),
        drop_fill_trigger(name, value, table, work),
    ]


def _as_nullable(op: AddColumnOp) -> AddColumnOp:
    copied = copy(op)
    column: Column[Any] = op.column._copy()
    column.nullable = True
    copied.column = column
    return copied


def _default_sql(column: Column[Any], work: Work) -> str | None:
    default = column.server_default
    if not isinstance(default, DefaultClause):
        return None
    argument = default.arg
    if isinstance(argument, str):
        return "'{}'".format(argument.replace("'", "''"))
    text = getattr(argument, "text", None)
    if text is not None:
        return str(text)
    dialect = work.facts.dialect
    return str(argument.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _is_rewriting(column: Column[Any]) -> bool:
    """Tell whether PostgreSQL computes a value for each row while it adds the column."""
    if column.computed is not None:
        return column.computed.persisted is not False
    return column.identity is not None or bool(re.search("SERIAL", str(column.type), re.IGNORECASE))


def _rewriting(op: AddColumnOp, down: MigrateOperation, table: ExistingTable) -> Step:
    name = str(op.column.name)
    why = "each row gets its value from the server, which writes the table anew"
    return Step(
        Stage.REWRITE,
        "column",
        f"Adds {table.name}.{name}, and writes every row anew",
        [ignored("adding-field-with-default", why), op],
        [down],
        label(table),
        locks=f"ACCESS EXCLUSIVE on {table.name} until every row is written: nobody can read",
        alone=True,
    )
