"""Splits the operations of a proposed revision into steps that block nobody."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from alembic.operations.ops import (
    AddColumnOp,
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
    MigrateOperation,
    OpContainer,
)
from alembic_postgresql_enum.operations.drop_enum import DropEnumOp

from ..autogenerate.enum_values import AddValuesOp, ReplaceEnumOp
from ..autogenerate.operations import flat_operations
from ..autogenerate.together import TogetherOp
from . import columns, constraints, drops, indexes, types
from .changes import Change, apart, pair, target
from .column_sql import column_sql_steps
from .facts import ExistingTable, Facts
from .options import StepOptions
from .step import Stage, Step
from .work import Work

Plan = Callable[[Change, Work], list[Step] | None]


def _enum_values(change: Change, _: Work) -> list[Step] | None:
    if change.down is None:
        return None
    name = target(change.up)[-1]
    return [Step(Stage.ENUM_VALUES, "values", f"Adds values to {name}", [change.up], [change.down])]


# None is returned for what is not taken apart: a table that is new, an operation without a reverse.
PLANS: Final[dict[type[MigrateOperation], Plan]] = {
    AddColumnOp: columns.add_column,
    AlterColumnOp: columns.alter_column,
    CreateIndexOp: indexes.create_index,
    DropIndexOp: indexes.drop_index,
    CreateForeignKeyOp: constraints.create_check_or_foreign_key,
    CreateCheckConstraintOp: constraints.create_check_or_foreign_key,
    CreateUniqueConstraintOp: constraints.create_unique,
    CreatePrimaryKeyOp: constraints.create_unique,
    DropConstraintOp: constraints.drop_constraint,
    DropColumnOp: drops.drop_column,
    DropTableOp: drops.drop_table,
    DropEnumOp: drops.drop_enum,
    AddValuesOp: _enum_values,
}


def split(
    upgrade: OpContainer, downgrade: OpContainer, facts: Facts, options: StepOptions
) -> list[Step]:
    """Return the steps of a change, in the order in which they are to be applied.

    Raises:
        UsageError: a column becomes required, and nobody said what its value is.
    """
    ups, downs = list(flat_operations(upgrade)), list(flat_operations(downgrade))
    changes = apart(pair(ups, downs), downs)
    work = Work(facts, options, changes)
    steps: list[Step] = []
    rest: list[Change] = []
    opaque = " ".join(_text(change.up) for change in changes if _is_opaque(change.up))
    for change in changes:
        plan = PLANS.get(type(change.up))
        planned = None
        if plan is not None and not _is_entangled(change, opaque):
            planned = plan(change, work)
        if planned is None:
            rest.append(change)
        else:
            steps += planned
    steps += _rest(rest, downs, changes, work)
    return joined(steps)


def joined(steps: Sequence[Step]) -> list[Step]:
    """Return the steps in their order, with those that can share a revision as one."""
    found: list[Step] = []
    for step in sorted(steps, key=lambda each: each.stage):
        if found and found[-1].may_join(step):
            found[-1] = found[-1].joined(step)
        else:
            found.append(step)
    return found


def _rest(
    rest: Sequence[Change], downs: Sequence[MigrateOperation], changes: Sequence[Change], work: Work
) -> list[Step]:
    """Return the step of all that is not taken apart, with what the downgrade has beside it."""
    steps: list[Step] = []
    for table in work.facts.tables.values():
        if work.is_rewritten(table):
            own = [c for c in rest if work.facts.table(c.up) == table and c.down is not None]
            rest = [change for change in rest if change not in own]
            steps.append(types.rewritten(table, own, work))
    taken = [change.down for change in changes if change not in rest]
    undo = [op for op in downs if not any(op is each for each in taken)]
    if not rest and not undo:
        return steps
    own_steps, ups, undo = column_sql_steps([change.up for change in rest], undo, work)
    steps += own_steps
    if ups or undo:
        existing = [table for op in ups for table in _locked(op, work)]
        locks = "; ".join(sorted({f"ACCESS EXCLUSIVE on {table.name}" for table in existing}))
        slug = "tables" if not existing else "change"
        summary = "; ".join(dict.fromkeys(filter(None, map(_summary, ups))))
        steps.append(Step(Stage.REST, slug, summary, ups, undo, locks=locks))
    return steps


def _locked(op: MigrateOperation, work: Work) -> Iterator[ExistingTable]:
    """Yield the tables that exist and that an operation changes."""
    match op:
        case TogetherOp():
            for each in op.ops:
                yield from _locked(each, work)
        case ReplaceEnumOp():
            for column, _ in op.columns:
                if (found := work.facts.tables.get((column.schema, column.table))) is not None:
                    yield found
        case _:
            if (found := work.facts.table(op)) is not None:
                yield found


def _is_opaque(op: MigrateOperation) -> bool:
    """Tell whether an operation stays whole: a primary key needs its columns required before."""
    return type(op) not in PLANS or isinstance(op, CreatePrimaryKeyOp)


def _is_entangled(change: Change, opaque: str) -> bool:
    """Tell whether SQL that is not understood names what an operation is on."""
    names = [name for name in target(change.up)[2:] if name]
    if not isinstance(change.up, (AlterColumnOp, DropColumnOp)):
        names = names[-1:]
    elif isinstance(change.up, DropColumnOp):
        names = []
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", opaque) for name in names)


def _text(op: MigrateOperation) -> str:
    if isinstance(op, CreatePrimaryKeyOp):
        return " ".join(map(str, op.columns))
    ours = ("alembic.", "alembic_neon.", "alembic_postgresql_enum.")
    if hasattr(op, "sqltext") or type(op).__module__.startswith(ours):
        return str(getattr(op, "sqltext", ""))
    # An operation of another package: a function, a view or a trigger, with its definition.
    parts = (op, getattr(op, "target", None))
    return " ".join(str(vars(each)) for each in parts if hasattr(each, "__dict__"))


def _summary(op: MigrateOperation) -> str:
    if isinstance(op, TogetherOp):
        changes = [_summary(each) for each in op.ops if isinstance(each, AlterColumnOp)]
        name = target(op)[-1] if target(op) else "what stands on others"
        return "; ".join(dict.fromkeys(changes)) or f"Changes {name}"
    kind, *_, name = target(op) or ("", "")
    if kind == "table":
        return f"Creates {target(op)[2]}"
    return f"Changes {name or kind}" if kind else "Runs SQL"
