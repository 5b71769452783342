"""Changes of a column's type: how its values are cast, and what becomes of its default."""

from collections.abc import Mapping
from typing import Any, Final

from alembic.autogenerate import render, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AddColumnOp, AlterColumnOp, MigrateOperation, OpContainer
from sqlalchemy import DefaultClause, Dialect, text

from .catalog_changes import CatalogComparison, StoredColumn
from .catalog_operations import escape_parameters
from .operations import flat_operations
from .together import TogetherOp

Columns = Mapping[tuple[str, str, str], tuple[StoredColumn, StoredColumn]]
# Types that PostgreSQL casts into one another by itself, where values are assigned.
_FAMILIES: Final = (
    {"smallint", "integer", "bigint", "numeric", "real", "double precision"},
    {"character varying", "character", "text"},
    {"date", "timestamp without time zone", "timestamp with time zone"},
    {"json", "jsonb"},
    {"inet", "cidr"},
)
_STRINGS: Final = _FAMILIES[1]


@renderers.dispatch_for(AlterColumnOp, replace=True)
def _render_with_cast(context: AutogenContext, op: AlterColumnOp) -> str:
    """Write the cast too, which Alembic leaves out."""
    altered: str = render._alter_column(context, op)
    using = op.kw.get("postgresql_using")
    return altered if using is None else f"{altered.removesuffix(')')}, postgresql_using={using!r})"


def stored_columns(comparison: CatalogComparison) -> Columns:
    """Return the columns that both sides have, by schema, table and name."""
    after = {each.key: each for each in comparison.columns_after}
    before = comparison.columns_before
    return {each.key: (each, after[each.key]) for each in before if each.key in after}


def are_alike(one: str, other: str) -> bool:
    """Tell whether PostgreSQL casts between two types by itself."""
    first, second = _base(one), _base(other)
    return first == second or any({first, second} <= family for family in _FAMILIES)


def complete_type_changes(
    upgrade: OpContainer,
    downgrade: OpContainer,
    comparison: CatalogComparison,
    schema: str,
    dialect: Dialect,
) -> None:
    """Write each change of a type with its cast, and with the default that the new type has."""
    columns = stored_columns(comparison)
    for ops, side in ((upgrade, 0), (downgrade, 1)):
        _replace(ops, columns, side, schema, dialect)


def give_serial_defaults(ops: OpContainer, comparison: CatalogComparison, schema: str) -> None:
    """Give a new column that is a serial in the models its sequence, which Alembic leaves out."""
    after = {each.key: each for each in comparison.columns_after}
    for op in flat_operations(ops):
        if isinstance(op, AddColumnOp) and op.column.server_default is None:
            found = after.get((op.schema or schema, op.table_name, op.column.name))
            if found is not None and found.default and found.default.startswith("nextval("):
                op.column.server_default = DefaultClause(text(escape_parameters(found.default)))


def _replace(
    container: OpContainer, columns: Columns, side: int, schema: str, dialect: Dialect
) -> None:
    replaced: list[MigrateOperation] = []
    for op in container.ops:
        if isinstance(op, OpContainer):
            _replace(op, columns, side, schema, dialect)
        if isinstance(op, AlterColumnOp) and op.modify_type is not None:
            both = columns.get((op.schema or schema, op.table_name, op.column_name))
            if both is not None:
                replaced += _complete(op, both[side], both[1 - side], schema, dialect)
                continue
        replaced.append(op)
    container.ops[:] = replaced


def _complete(
    op: AlterColumnOp, was: StoredColumn, now: StoredColumn, schema: str, dialect: Dialect
) -> list[MigrateOperation]:
    """Return the operations for a change of type; `was` and `now` are before and after it."""
    op.kw.pop("postgresql_using", None)
    has_default = was.default is not None or now.default is not None
    is_plain_default = has_default and "nextval(" not in f"{was.default}{now.default}"
    if are_alike(was.type, now.type):
        if is_plain_default and was.default != now.default:
            op.modify_server_default = _clause(now.default)
        op.__class__ = AlterColumnOp
        return [op]
    column = dialect.identifier_preparer.quote(op.column_name)
    through_text = "" if _base(was.type) in _STRINGS or _is_built_in(now.type) else "::text"
    array = "[]" if through_text and was.type.endswith("[]") else ""
    type_ = now.type.removeprefix(f"{schema}.")
    op.kw["postgresql_using"] = f"{column}{through_text}{array}::{type_}"
    op.__class__ = AlterColumnOp
    if not is_plain_default:
        return [op]
    op.modify_server_default = False
    before = [_default(op, None)] if was.default is not None else []
    after = [_default(op, now.default)] if now.default is not None else []
    return [TogetherOp([*before, op, *after])]


def _default(op: AlterColumnOp, default: str | None) -> AlterColumnOp:
    return AlterColumnOp(
        op.table_name,
        op.column_name,
        schema=op.schema,
        modify_server_default=_clause(default),
    )


def _clause(default: str | None) -> Any:
    return None if default is None else DefaultClause(text(escape_parameters(default)))


def _base(type_: str) -> str:
    """Return a type without its length: `character varying` of `character varying(20)`."""
    head, bracket, rest = type_.partition("(")
    return head + rest.partition(")")[2] if bracket else head


def _is_built_in(type_: str) -> bool:
    return "." not in type_
