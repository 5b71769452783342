"""CHECKs that the models leave unnamed, which PostgreSQL names and Alembic then wants to drop."""

from collections.abc import Callable
from typing import Any

from alembic.operations.ops import (
    CreateCheckConstraintOp,
    DropConstraintOp,
    MigrateOperation,
    OpContainer,
)
from sqlalchemy import CheckConstraint

from .metadata import Metadata, each_of


def cancel_drops_of_unnamed_checks(
    upgrade: OpContainer | None, downgrade: OpContainer | None, metadata: Metadata | None
) -> None:
    """Take out the drops of CHECKs on tables whose models have a CHECK without a name.

    CHECKs are compared by name, so nothing tells which of the database's is the model's. What the
    database lacks of them, `db check` finds by their text.
    """
    tables = {
        (table.schema, table.name)
        for each in each_of(metadata or [])
        for table in each.tables.values()
        if any(_is_unnamed_check(constraint) for constraint in table.constraints)
    }
    cancelled = _take_out(
        upgrade,
        lambda op: (
            isinstance(op, DropConstraintOp)
            and op.constraint_type == "check"
            and (op.schema, op.table_name) in tables
        ),
    )
    keys = {_key(op) for op in cancelled}
    _take_out(downgrade, lambda op: isinstance(op, CreateCheckConstraintOp) and _key(op) in keys)


def _is_unnamed_check(constraint: object) -> bool:
    # SQLAlchemy's mark for "no name" is no None, but no plain name either.
    return isinstance(constraint, CheckConstraint) and not isinstance(constraint.name, str)


def _take_out(
    container: OpContainer | None, unwanted: Callable[[MigrateOperation], bool]
) -> list[MigrateOperation]:
    """Remove operations from a container and those in it, and return them."""
    if container is None:
        return []
    taken = [op for op in container.ops if unwanted(op)]
    container.ops[:] = [op for op in container.ops if not unwanted(op)]
    for op in container.ops:
        if isinstance(op, OpContainer):
            taken += _take_out(op, unwanted)
    return taken


def _key(op: Any) -> tuple[str | None, str, str | None]:
    return op.schema, op.table_name, op.constraint_name
