"""The order in which operations can run, whatever they are on: what stands on another goes first.

Alembic orders by table. What is dropped on one table may stand on another, and a key that a new
table refers to may be new itself.
"""

from typing import Final

from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    CreateCheckConstraintOp,
    CreateForeignKeyOp,
    CreateIndexOp,
    CreatePrimaryKeyOp,
    CreateTableCommentOp,
    CreateTableOp,
    CreateUniqueConstraintOp,
    DropColumnOp,
    DropConstraintOp,
    DropIndexOp,
    DropTableCommentOp,
    DropTableOp,
    ExecuteSQLOp,
    MigrateOperation,
    OpContainer,
)
from alembic_postgresql_enum.operations.create_enum import CreateEnumOp
from alembic_postgresql_enum.operations.drop_enum import DropEnumOp

from .catalog_operations import CatalogSQLOp
from .enum_values import AddValuesOp, ReplaceEnumOp
from .operations import flat_operations
from .together import TogetherOp

# Kinds of operations, in the order in which they run, upwards as well as downwards.
_ORDER: Final = (
    "create schema",
    "create extension",
    "create enum",
    "drop domain constraint",
    "create domain",
    "create domain constraint",
    "create sequence",
    # Operations of others (functions, views, triggers) that drop.
    "drop other",
    "drop rule",
    "drop view",
    "drop trigger",
    "drop policy",
    "drop statistics",
    "drop foreign key",
    "drop index",
    "drop constraint",
    "drop generated column",
    "alter enum",
    "alter table",
    "alter column",
    "create column",
    "create generated column",
    "alter sequence",
    "drop column",
    "create key",
    "create table",
    "drop table",
    "create index",
    "create constraint",
    "create foreign key",
    "alter other",
    "create statistics",
    "create policy",
    "create trigger",
    "create view",
    "create rule",
    "alter comment",
    "drop sequence",
    "drop domain",
    "drop enum",
    "drop extension",
    "drop schema",
)
_RANKS: Final = {kind: rank for rank, kind in enumerate(_ORDER)}


def order_operations(container: OpContainer) -> None:
    """Put the operations, without the containers that Alembic puts them in, in that order.

    Those of one kind stay as they are among themselves.
    """
    container.ops[:] = sorted(flat_operations(container), key=rank)


def rank(op: MigrateOperation) -> int:
    """Return where among others an operation of this kind runs."""
    return _RANKS[_kind(op)]


def _kind(op: MigrateOperation) -> str:  # noqa: C901 - a table of the kinds
    match op:
        case CatalogSQLOp():
            return _kind_of_sql(op)
        case CreateEnumOp():
            return "create enum"
        case DropEnumOp():
            return "drop enum"
        case ReplaceEnumOp() | AddValuesOp() | TogetherOp():
            return "alter enum"
        case CreateTableOp():
            return "create table"
        case DropTableOp():
            return "drop table"
        case AddColumnOp():
            is_generated = op.column.computed is not None
            return "create generated column" if is_generated else "create column"
        case DropColumnOp():
            was = op._reverse.column if op._reverse is not None else None
            is_generated = was is not None and was.computed is not None
            return "drop generated column" if is_generated else "drop column"
        case AlterColumnOp():
            return "alter column"
        case CreateTableCommentOp() | DropTableCommentOp():
            return "alter comment"
        case _:
            return _kind_of_constraint(op)


def _kind_of_constraint(op: MigrateOperation) -> str:
    match op:
        case CreateIndexOp():
            return "create index"
        case DropIndexOp():
            return "drop index"
        case CreateForeignKeyOp():
            return "create foreign key"
        case CreatePrimaryKeyOp() | CreateUniqueConstraintOp():
            return "create key"
        case CreateCheckConstraintOp():
            return "create constraint"
        case DropConstraintOp():
            is_foreign = op.constraint_type == "foreignkey"
            return "drop foreign key" if is_foreign else "drop constraint"
        case ExecuteSQLOp():
            return "alter column"
        case _:
            return "drop other" if type(op).__name__.startswith("Drop") else "alter other"


def _kind_of_sql(op: CatalogSQLOp) -> str:
    kind = {"materialized view": "view", "partitioned table": "table"}.get(op.kind, op.kind)
    if kind == "column" and op.action != "alter":
        kind = "generated column"
    if kind == "constraint" and op.action == "create" and "FOREIGN KEY" in str(op.sqltext):
        kind = "foreign key"
    found = f"{op.action} {kind}"
    return found if found in _RANKS else f"{'drop' if op.action == 'drop' else 'alter'} other"
