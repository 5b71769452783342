"""Drops what stands on a column before that changes, and makes it again after.

PostgreSQL refuses to change the type of a column that a view, a policy, a trigger or a generated
column reads, and drops with a column what the downgrade then has to make again.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from alembic.operations.ops import (
    AlterColumnOp,
    DropColumnOp,
    DropConstraintOp,
    DropIndexOp,
    MigrateOperation,
    OpContainer,
)

from .catalog_changes import CatalogChange, CatalogComparison
from .catalog_operations import CatalogSQLOp, create_operations, drop_operations
from .enum_values import ReplaceEnumOp
from .no_difference import object_name
from .operation_order import rank
from .operations import flat_operations
from .together import TogetherOp
from .type_changes import Columns, are_alike, stored_columns

Wanted = Callable[[CatalogChange], bool]
# What PostgreSQL does not rebuild by itself when a type changes.
_NOT_REBUILT: Final = ("column", "view", "materialized view", "rule", "policy", "trigger")


@dataclass
class _Group:
    """Operations that share what stands on what they change."""

    core: list[MigrateOperation]
    standing: dict[str, CatalogChange] = field(default_factory=dict)


def recreate_dependents(
    upgrade: OpContainer, downgrade: OpContainer, comparison: CatalogComparison, schema: str
) -> None:
    """Put the drops and the creations of what stands on what changes around that, both ways."""
    columns = stored_columns(comparison)
    _restore_lost(upgrade, downgrade, comparison, schema)
    for ops, is_upgrade in ((upgrade, True), (downgrade, False)):
        for group in _groups(ops, comparison, columns, schema):
            _put_around(ops, group, schema, is_upgrade=is_upgrade)


def _restore_lost(
    upgrade: OpContainer, downgrade: OpContainer, comparison: CatalogComparison, schema: str
) -> None:
    """Drop, before a column is, what only the migrations have on it, for the downgrade's sake."""
    handled = {object_name(op, schema) for op in flat_operations(upgrade)}
    for op in list(flat_operations(upgrade)):
        if not isinstance(op, DropColumnOp):
            continue
        for change in comparison.dependents.get(object_name(op, schema) or "", ()):
            if change.now is None and change.label not in handled:
                handled.add(change.label)
                upgrade.ops += drop_operations(change.was, schema)
                downgrade.ops += create_operations(change.was, schema)


def _groups(
    ops: OpContainer, comparison: CatalogComparison, columns: Columns, schema: str
) -> list[_Group]:
    """Return the operations on which something stands, those that share it together."""
    groups: list[_Group] = []
    for op in flat_operations(ops):
        found = _Group([op], _closure(_disturbed(op, columns, schema), comparison))
        label = object_name(op, schema)
        shared = [
            group
            for group in groups
            if group.standing.keys() & found.standing.keys()
            or label in group.standing
            or any(object_name(core, schema) in found.standing for core in group.core)
        ]
        if not found.standing and not (shared and isinstance(op, AlterColumnOp | CatalogSQLOp)):
            continue
        for group in shared:
            found.core = [*group.core, *found.core]
            found.standing = group.standing | found.standing
        groups = [*(group for group in groups if group not in shared), found]
    return groups


def _closure(
    disturbed: Iterable[tuple[str, Wanted]], comparison: CatalogComparison
) -> dict[str, CatalogChange]:
    """Return what has to go, and what stands on it behind it."""
    queue = list(disturbed)
    standing: dict[str, CatalogChange] = {}
    for label, wanted in queue:  # it grows
        for change in comparison.dependents.get(label, ()):
            if change.label not in standing and wanted(change):
                standing[change.label] = change
                queue.append((_key(change), _all))
    return standing


def _put_around(ops: OpContainer, group: _Group, schema: str, *, is_upgrade: bool) -> None:
    """Make one operation of a group.

    What the revision changes as well has a drop and a creation of its own: the drop is part of the
    upgrade's, the creation comes when the rest of it is there.
    """
    own = {object_name(op, schema): op for op in flat_operations(ops) if _is_drop(op)}
    made = {object_name(op, schema) for op in flat_operations(ops) if not _is_drop(op)}
    core = [op for op in group.core if object_name(op, schema) not in group.standing]
    core = core or group.core
    inside: list[MigrateOperation] = []
    after: list[MigrateOperation] = []
    moved = list(group.core)
    is_of_keys = all(isinstance(op, DropConstraintOp | DropIndexOp) for op in core)
    for label, change in group.standing.items():
        before, then = (change.was, change.now) if is_upgrade else (change.now, change.was)
        if label in own:
            if is_upgrade:
                inside.append(own[label])
                moved.append(own[label])
            continue
        if label in made:
            continue
        inside[:0] = drop_operations(before, schema)
        (after if is_of_keys else inside).extend(create_operations(then, schema))
    ops.ops += after
    if is_of_keys and not is_upgrade:
        # What follows in a step of its own is reverted before, by itself.
        ops.ops += inside
        return
    inside = sorted([*inside, *(op for op in group.core if op not in inside)], key=rank)
    _replace(ops, moved, TogetherOp(inside))


def _replace(ops: OpContainer, moved: list[MigrateOperation], together: TogetherOp) -> None:
    kept = [op for op in flat_operations(ops) if not any(op is each for each in moved)]
    ops.ops[:] = [*kept, together]


def _disturbed(op: MigrateOperation, columns: Columns, schema: str) -> Iterator[tuple[str, Wanted]]:
    """Yield what an operation changes, and which dependents cannot stay."""
    label = object_name(op, schema)
    match op:
        case AlterColumnOp() if label is not None and op.modify_type is not None:
            both = columns.get((op.schema or schema, op.table_name, op.column_name))
            alike = both is None or are_alike(both[0].type, both[1].type)
            yield label, _not_rebuilt if alike else _not_rebuilt_or_other
        case TogetherOp():
            for each in op.ops:
                yield from _disturbed(each, columns, schema)
        case DropConstraintOp() if op.constraint_name:
            yield f"index {op.schema or schema}.{op.constraint_name}", _all
        case DropIndexOp() if label is not None:
            yield label, _all
        case CatalogSQLOp(kind="column", action="drop"):
            yield op.label, _all
        case CatalogSQLOp(kind="column", action="alter") if " TYPE " in str(op.sqltext):
            yield op.label, _not_rebuilt
        case ReplaceEnumOp():
            yield f"type {op.schema}.{op.name}", _reads_values
            for column, _ in op.columns:
                yield f"column {'.'.join(column.key)}", _reads_values
        case _:
            pass


def _key(change: CatalogChange) -> str:
    """Return the label under which what stands on an object is found."""
    found = change.definition
    match found.kind:
        case "constraint":
            return f"index {found.schema}.{found.name}"
        case "materialized view":
            return f"view {found.schema}.{found.name}"
        case _:
            return change.label


def _all(change: CatalogChange) -> bool:
    return True


def _not_rebuilt(change: CatalogChange) -> bool:
    return change.definition.kind in _NOT_REBUILT


def _not_rebuilt_or_other(change: CatalogChange) -> bool:
    """Tell whether something cannot be as it was on a type of another kind."""
    was, now = change.was, change.now
    is_other = was is None or now is None or was.text != now.text
    return _not_rebuilt(change) or is_other or change.definition.text.startswith("FOREIGN KEY")


def _reads_values(change: CatalogChange) -> bool:
    """Tell whether something compares with a value of an enum, or with a column of it."""
    found = change.definition
    if found.kind == "index":
        return "::" in found.text or " WHERE " in found.text
    return not found.text.startswith(("PRIMARY KEY", "UNIQUE"))


def _is_drop(op: MigrateOperation) -> bool:
    is_sql = isinstance(op, CatalogSQLOp) and op.action == "drop"
    return is_sql or isinstance(op, DropConstraintOp | DropIndexOp | DropColumnOp)
