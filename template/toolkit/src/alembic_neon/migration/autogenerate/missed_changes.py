"""Writes what the catalogs differ in, in place of what Alembic proposes for the same objects.

Alembic compares declarations: it sees no text of a CHECK, no predicate, no primary key, and what it
reflects lacks parts (MATCH, operator classes). The catalogs have all of it, on both sides.
"""

from collections.abc import Iterable, Mapping, Sequence

from alembic.operations.ops import (
    AlterColumnOp,
    DropConstraintOp,
    DropIndexOp,
    ExecuteSQLOp,
    MigrateOperation,
    OpContainer,
)

from .catalog_changes import CatalogChange
from .catalog_operations import downgrade_operations, escape_parameters, upgrade_operations
from .no_difference import object_name
from .operations import flat_operations, remove_operations
from .together import TogetherOp

# What both catalogs hold in full, so that Alembic's own operations are not needed.
_IN_FULL = ("constraint", "index")


def write_changes(
    changes: Iterable[CatalogChange], upgrade: OpContainer, downgrade: OpContainer, schema: str
) -> list[CatalogChange]:
    """Append the changes to the upgrade and, in reverse, to the downgrade; return them.

    What only the migrations have is dropped where Alembic says so too, and where it never does:
    primary keys and exclusion constraints. Other changes of a column that Alembic makes are left to
    it.
    """
    proposed: dict[str | None, list[MigrateOperation]] = {}
    for op in flat_operations(upgrade):
        for each in op.ops if isinstance(op, TogetherOp) else [op]:
            proposed.setdefault(object_name(each, schema), []).append(each)
    dropped = {
        object_name(op, schema)
        for op in flat_operations(upgrade)
        if isinstance(op, DropConstraintOp | DropIndexOp)
    }
    written = [change for change in changes if _is_ours(change, proposed, dropped)]
    ours = {
        change.label
        for change in written
        if change.definition.kind in _IN_FULL or change.label in proposed
    }
    for container in (upgrade, downgrade):
        remove_operations(container, lambda op: object_name(op, schema) in ours)
    upgrade.ops += [op for change in written for op in upgrade_operations(change, schema)]
    downgrade.ops += [
        op for change in reversed(written) for op in downgrade_operations(change, schema)
    ]
    return written


def append_remaining(
    changes: Iterable[CatalogChange], upgrade: OpContainer, downgrade: OpContainer, schema: str
) -> None:
    """End the upgrade with what is left when all else is done, and begin the downgrade with it."""
    changes = list(changes)
    upgrade.ops += [op for change in changes for op in upgrade_operations(change, schema)]
    downgrade.ops[:0] = [
        op for change in reversed(changes) for op in downgrade_operations(change, schema)
    ]


def _is_ours(
    change: CatalogChange,
    proposed: Mapping[str | None, Sequence[MigrateOperation]],
    dropped: set[str | None],
) -> bool:
    found = change.definition
    if found.kind not in _IN_FULL:
        is_written = change.label in proposed and not _lacks_type(change, proposed[change.label])
        return not is_written or _is_made_again(change)
    if change.now is not None:
        return True
    return change.label in dropped or found.text.startswith(("PRIMARY KEY", "EXCLUDE"))


def _lacks_type(change: CatalogChange, ops: Sequence[MigrateOperation]) -> bool:
    """Tell whether a column's type changes and Alembic saw nothing of it: an interval's length."""
    if not any(" TYPE " in sql for sql in change.alter):
        return False
    return all(isinstance(op, AlterColumnOp) and op.modify_type is None for op in ops)


def _is_made_again(change: CatalogChange) -> bool:
    """Tell whether a column is dropped and made again: a generated one."""
    is_altered = bool(change.alter or change.revert) and not change.recreates
    return change.definition.kind == "column" and not is_altered


def execute(sql: str) -> ExecuteSQLOp:
    """Return the operation that runs a statement as it stands."""
    return ExecuteSQLOp(escape_parameters(sql))
