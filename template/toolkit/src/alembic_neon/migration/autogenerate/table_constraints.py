"""Constraints that Alembic leaves out of a table that it creates, or writes without a part of them.

CHECKs of a column (alembic#1600) and those that a Boolean or an Enum brings, and the operator
classes of exclusion constraints (alembic#958).
"""

from collections.abc import Iterable
from typing import Any

from alembic.operations.ops import CreateTableOp, MigrateOperation, OpContainer
from sqlalchemy import CheckConstraint, Constraint, Dialect
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.sql.elements import conv

from .catalog_changes import CatalogDefinition
from .catalog_operations import CatalogSQLOp, escape_parameters
from .definition_text import parse_check


def complete_created_tables(
    ops: OpContainer, constraints: Iterable[CatalogDefinition], schema: str, dialect: Dialect
) -> None:
    """Write the CHECKs and exclusion constraints of a table that is created with it.

    `constraints` are those of the catalog that has the table.
    """
    tables: dict[tuple[str, str], list[CatalogDefinition]] = {}
    for each in constraints:
        tables.setdefault((each.schema, each.table), []).append(each)
    apart: list[MigrateOperation] = []
    for op in ops.ops:
        if isinstance(op, CreateTableOp):
            apart += _complete(op, tables.get((op.schema or schema, op.table_name), []), dialect)
    ops.ops += apart


def _complete(
    op: CreateTableOp, constraints: Iterable[CatalogDefinition], dialect: Dialect
) -> list[MigrateOperation]:
    """Put CHECKs into a table; return the operations for what has to follow it."""
    quote: Any = dialect.identifier_preparer
    names = {
        (quote.format_constraint(each) or "").strip('"')
        for each in op.columns
        if isinstance(each, Constraint) and each.name is not None
    }
    apart: list[MigrateOperation] = []
    for each in constraints:
        condition = parse_check(each.text)
        if condition is None:
            apart += [CatalogSQLOp.of(sql, "create", each) for sql in each.create]
        elif each.name not in names:
            check = CheckConstraint(escape_parameters(condition), name=conv(each.name))
            op.columns = [*op.columns, check]
    # The catalog has all exclusion constraints, under the names that PostgreSQL gave them too.
    op.columns = [each for each in op.columns if not isinstance(each, ExcludeConstraint)]
    return apart
