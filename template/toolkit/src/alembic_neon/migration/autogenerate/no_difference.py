"""Operations on what is the same on both sides, by PostgreSQL's own catalog.

Alembic compares declarations, and PostgreSQL stores some of them in another form: REAL for
Float(24), no second constraint for a UNIQUE over the primary key. Such an operation would be
proposed for ever.
"""

from collections.abc import Callable
from typing import Any, Final

from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    CreateCheckConstraintOp,
    CreateForeignKeyOp,
    CreateIndexOp,
    CreateUniqueConstraintOp,
    DropColumnOp,
    DropConstraintOp,
    DropIndexOp,
    MigrateOperation,
    OpContainer,
)

from .catalog_operations import CatalogSQLOp

# Tells whether an object, named as the catalog names it without quotes, differs.
Differs = Callable[[str], bool]
# Where a command leaves such a function in `config.attributes`.
DIFFERS: Final = "catalog_differs"


def cancel_what_does_not_differ(
    container: OpContainer | None, differs: Differs | None, schema: str
) -> None:
    """Take out the operations on objects that are the same; None: nobody has compared them.

    `schema` is the one that an operation without a schema is in.
    """
    if container is None or differs is None:
        return
    for op in container.ops:
        if isinstance(op, OpContainer):
            cancel_what_does_not_differ(op, differs, schema)
    container.ops[:] = [op for op in container.ops if _counts(op, differs, schema)]


def _counts(op: MigrateOperation, differs: Differs, schema: str) -> bool:
    name = object_name(op, schema)
    return name is None or differs(name)


def object_name(op: Any, default_schema: str) -> str | None:
    """Return the name of the object that an operation makes, changes or drops; None: no one."""
    schema = getattr(op, "schema", None) or default_schema
    match op:
        case CatalogSQLOp():
            return op.label
        case AddColumnOp():
            return f"column {schema}.{op.table_name}.{op.column.name}"
        case DropColumnOp():
            return f"column {schema}.{op.table_name}.{op.column_name}"
        case AlterColumnOp() if op.modify_comment is False and op.modify_name is None:
            return f"column {schema}.{op.table_name}.{op.column_name}"
        case CreateIndexOp() | DropIndexOp() if op.index_name:
            return f"index {schema}.{op.index_name}"
        case CreateForeignKeyOp() if op.constraint_name:
            schema = op.kw.get("source_schema") or default_schema
            return f"constraint {schema}.{op.source_table}.{op.constraint_name}"
        case CreateCheckConstraintOp() | CreateUniqueConstraintOp() | DropConstraintOp():
            name = op.constraint_name
            return None if name is None else f"constraint {schema}.{op.table_name}.{name}"
        case _:
            return None
