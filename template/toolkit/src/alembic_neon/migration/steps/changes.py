"""The operations of a proposed revision, each with the one of the downgrade that takes it back."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    CreateCheckConstraintOp,
    CreateForeignKeyOp,
    CreateIndexOp,
    CreatePrimaryKeyOp,
    CreateTableOp,
    CreateUniqueConstraintOp,
    DropColumnOp,
    DropConstraintOp,
    DropIndexOp,
    DropTableOp,
    MigrateOperation,
)
from alembic_postgresql_enum.operations.create_enum import CreateEnumOp
from alembic_postgresql_enum.operations.drop_enum import DropEnumOp

from ..autogenerate.enum_values import AddValuesOp, ReplaceEnumOp
from ..autogenerate.together import TogetherOp

_CREATE_CONSTRAINT: Final = (
    CreateForeignKeyOp,
    CreateCheckConstraintOp,
    CreateUniqueConstraintOp,
    CreatePrimaryKeyOp,
)
# What takes an operation of a kind back.
_REVERSE: Final[dict[type[Any], tuple[type[Any], ...]]] = {
    AddColumnOp: (DropColumnOp,),
    DropColumnOp: (AddColumnOp,),
    AlterColumnOp: (AlterColumnOp,),
    CreateIndexOp: (DropIndexOp,),
    DropIndexOp: (CreateIndexOp,),
    CreateForeignKeyOp: (DropConstraintOp,),
    CreateCheckConstraintOp: (DropConstraintOp,),
    CreateUniqueConstraintOp: (DropConstraintOp,),
    CreatePrimaryKeyOp: (DropConstraintOp,),
    DropConstraintOp: _CREATE_CONSTRAINT,
    DropTableOp: (CreateTableOp,),
    AddValuesOp: (ReplaceEnumOp, TogetherOp),
    DropEnumOp: (CreateEnumOp,),
}


@dataclass(frozen=True)
class Change:
    """An operation of the upgrade and the one that takes it back; None: not known."""

    up: MigrateOperation
    down: MigrateOperation | None


def pair(
    upgrade: Sequence[MigrateOperation], downgrade: Sequence[MigrateOperation]
) -> list[Change]:
    """Return the changes in the order of the upgrade."""
    left = list(downgrade)
    return [Change(up, _take(up, left)) for up in upgrade]


def apart(changes: Sequence[Change], downgrade: list[MigrateOperation]) -> list[Change]:
    """Return the changes, NOT NULL apart from what else changes of a column.

    The operations of the `downgrade` are taken apart in their place.
    """
    found: list[Change] = []
    for change in changes:
        up, down = change.up, change.down
        if not isinstance(up, AlterColumnOp) or up.modify_nullable is not False or down is None:
            found.append(change)
            continue
        rest = _without_nullable(up)
        parts = [Change(_nullable(up), _nullable(down))]
        if rest.has_changes():
            parts.insert(0, Change(rest, _without_nullable(down)))
        position = next(n for n, each in enumerate(downgrade) if each is down)
        downgrade[position : position + 1] = [each.down for each in reversed(parts) if each.down]
        found += parts
    return found


def _without_nullable(op: Any) -> AlterColumnOp:
    copied: AlterColumnOp = copy(op)
    copied.modify_nullable = None
    return copied


def _nullable(op: Any) -> AlterColumnOp:
    return AlterColumnOp(
        op.table_name,
        op.column_name,
        schema=op.schema,
        existing_type=op.modify_type if op.modify_type is not None else op.existing_type,
        modify_nullable=op.modify_nullable,
    )


def _take(up: MigrateOperation, left: list[MigrateOperation]) -> MigrateOperation | None:
    name, reverse = target(up), _REVERSE.get(type(up), ())
    # The last of the upgrade is the first of the downgrade.
    for position in reversed(range(len(left))):
        if isinstance(left[position], reverse) and target(left[position]) == name:
            return left.pop(position)
    return None


def target(op: Any) -> tuple[str, ...]:
    """Return what an operation is on: kind, schema, table and name."""
    schema = str(getattr(op, "schema", None) or "")
    match op:
        case AddColumnOp():
            return "column", schema, op.table_name, str(op.column.name)
        case DropColumnOp() | AlterColumnOp():
            return "column", schema, op.table_name, op.column_name
        case CreateIndexOp() | DropIndexOp():
            return "index", schema, str(op.table_name), str(op.index_name)
        case CreateForeignKeyOp():
            schema = str(op.kw.get("source_schema") or "")
            return "constraint", schema, op.source_table, str(op.constraint_name)
        case CreateCheckConstraintOp() | CreateUniqueConstraintOp() | CreatePrimaryKeyOp():
            return "constraint", schema, op.table_name, str(op.constraint_name)
        case DropConstraintOp():
            return "constraint", schema, op.table_name, str(op.constraint_name)
        case CreateTableOp() | DropTableOp():
            return "table", schema, op.table_name, ""
        case TogetherOp():
            enums = [each for each in op.ops if isinstance(each, ReplaceEnumOp)]
            return target(enums[0]) if len(enums) == 1 else ()
        case AddValuesOp() | ReplaceEnumOp() | CreateEnumOp() | DropEnumOp():
            return "enum", str(op.schema), "", str(op.name)
        case _:
            return ()
