"""Values of enums: added where they belong, and removed by putting a new type in the place.

`ALTER TYPE … ADD VALUE` is all that PostgreSQL has. A type of other values is made beside the old
one, and the columns are cast to it; what compares them with values is dropped before that and made
again after (`dependents`).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp, MigrateOperation, OpContainer
from alembic_postgresql_enum.operations.add_enum_values import AddEnumValuesOp
from alembic_postgresql_enum.operations.sync_enum_values import SyncEnumValuesOp
from sqlalchemy import Dialect

from .catalog_changes import CatalogComparison, StoredColumn
from .catalog_operations import escape_parameters
from .operations import flat_operations, remove_operations


class ReplaceEnumOp(MigrateOperation):
    """Another enum in the place of one of the same name, for the columns that have it.

    `columns` are as they are when the operation runs, each with the default that it has after it.
    """

    def __init__(
        self,
        schema: str,
        name: str,
        old_values: Sequence[str],
        new_values: Sequence[str],
        columns: Sequence[tuple[StoredColumn, str | None]],
    ) -> None:
        self.schema = schema
        self.name = name
        self.old_values = tuple(old_values)
        self.new_values = tuple(new_values)
        self.columns = tuple(columns)

    @property
    def removed(self) -> list[str]:
        """The values that the new type does not have."""
        return [value for value in self.old_values if value not in self.new_values]

    def statements(self, dialect: Dialect) -> Iterator[str]:
        """Yield the SQL of it."""
        quote = dialect.identifier_preparer.quote
        schema, name = quote(self.schema), quote(self.name)
        type_, old = f"{schema}.{name}", quote(f"{self.name}_old")
        yield f"ALTER TYPE {type_} RENAME TO {old}"
        values = ", ".join(map(_literal, self.new_values))
        yield f"CREATE TYPE {type_} AS ENUM ({values})"
        for column, default in self.columns:
            array = "[]" if column.type.endswith("[]") else ""
            alter = f"ALTER TABLE {quote(column.schema)}.{quote(column.table)}"
            at = f"ALTER COLUMN {quote(column.name)}"
            parts = [
                f"{at} TYPE {type_}{array} USING {quote(column.name)}::text{array}::{type_}{array}"
            ]
            if column.default is not None:
                parts.insert(0, f"{at} DROP DEFAULT")
            if default is not None:
                parts.append(f"{at} SET DEFAULT {default}")
            yield f"{alter} {', '.join(parts)}"
        yield f"DROP TYPE {schema}.{old}"

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` shows."""
        return ("replace_enum", self.schema, self.name, self.old_values, self.new_values)


@renderers.dispatch_for(ReplaceEnumOp)
def _render(context: AutogenContext, op: ReplaceEnumOp) -> list[str]:
    prefix = context.opts["alembic_module_prefix"] or ""
    lines = []
    if op.removed and op.columns:
        values = ", ".join(map(repr, op.removed))
        lines.append(
            f"# fails on rows that hold {values} of {op.name}: give them another value first"
        )
    dialect = context.migration_context.dialect
    sql = (escape_parameters(each) for each in op.statements(dialect))
    for each in sql:
        if each.startswith("ALTER TABLE "):
            lines.append(f"# squawk-ignore changing-column-type: {op.name} gets other values")
        lines.append(f"{prefix}execute({each!r})")
    return lines


class AddValuesOp(MigrateOperation):
    """New values of an enum, each where it belongs among the others."""

    def __init__(
        self, schema: str, name: str, old_values: Sequence[str], new_values: Sequence[str]
    ) -> None:
        self.schema = schema
        self.name = name
        self.old_values = tuple(old_values)
        self.new_values = tuple(new_values)

    def statements(self, dialect: Dialect) -> Iterator[str]:
        """Yield the SQL of it."""
        quote = dialect.identifier_preparer.quote
        type_ = f"{quote(self.schema)}.{quote(self.name)}"
        for place, value in enumerate(self.new_values):
            if value not in self.old_values:
                rest = self.new_values[place:]
                behind = next((each for each in rest if each in self.old_values), None)
                where = "" if behind is None else f" BEFORE {_literal(behind)}"
                yield f"ALTER TYPE {type_} ADD VALUE {_literal(value)}{where}"

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` shows."""
        return ("add_enum_values", self.schema, self.name, self.old_values, self.new_values)


@renderers.dispatch_for(AddValuesOp)
def _render_values(context: AutogenContext, op: AddValuesOp) -> list[str]:
    prefix = context.opts["alembic_module_prefix"] or ""
    sql = map(escape_parameters, op.statements(context.migration_context.dialect))
    return [f"{prefix}execute({each!r})" for each in sql]


def rewrite_enum_changes(
    upgrade: OpContainer,
    downgrade: OpContainer,
    comparison: CatalogComparison,
    dialect: Dialect,
    *,
    single: bool,
) -> None:
    """Put SQL of one's own in the place of the plugin's operations on values.

    A value that a transaction adds cannot be used in it: in a `single` revision, or a downgrade,
    the enum is replaced instead.
    """
    before, after = comparison.columns_before, comparison.columns_after
    changes = comparison.changes
    made = [change.now.text for change in changes if change.now is not None]
    made_again = [change.was.text for change in changes if change.was is not None]
    for ops, columns, others, texts in (
        (upgrade, before, after, made),
        (downgrade, after, before, made_again),
    ):
        defaults = _new_defaults(columns, others) if single or ops is downgrade else []
        used = "\n".join([*texts, *defaults])
        ops.ops[:] = [
            new
            for op in ops.ops
            for new in (
                _rewritten(op, columns, others, used, dialect)
                if isinstance(op, AddEnumValuesOp | SyncEnumValuesOp)
                else [op]
            )
        ]
        _leave_defaults(ops, dialect.default_schema_name or "public")


def _leave_defaults(container: OpContainer, schema: str) -> None:
    """Take out the changes of defaults that are made together with the enum."""
    replaced = {
        column.key
        for op in flat_operations(container)
        if isinstance(op, ReplaceEnumOp)
        for column, _ in op.columns
    }
    for op in flat_operations(container):
        match op:
            case AlterColumnOp(modify_type=None):
                if (op.schema or schema, op.table_name, op.column_name) in replaced:
                    op.modify_server_default = False
            case _:
                pass
    remove_operations(container, lambda op: isinstance(op, AlterColumnOp) and not op.has_changes())


def _rewritten(
    op: AddEnumValuesOp | SyncEnumValuesOp,
    columns: Iterable[StoredColumn],
    others: Iterable[StoredColumn],
    used: str,
    dialect: Dialect,
) -> list[MigrateOperation]:
    old, new = list(op.old_values), list(op.new_values)
    added = [value for value in new if value not in old]
    can_be_added = [value for value in new if value in old] == old
    is_used = any(_literal(value) in used for value in added)
    if can_be_added and not is_used:
        return [AddValuesOp(op.schema, op.name, old, new)]
    return [ReplaceEnumOp(op.schema, op.name, old, new, _columns_of(op, columns, others, dialect))]


def _columns_of(
    op: AddEnumValuesOp | SyncEnumValuesOp,
    columns: Iterable[StoredColumn],
    others: Iterable[StoredColumn],
    dialect: Dialect,
) -> list[tuple[StoredColumn, str | None]]:
    """Return the columns of the type, with the defaults that they have afterwards."""
    quote = dialect.identifier_preparer.quote
    type_ = f"{quote(op.schema)}.{quote(op.name)}"
    later = {each.key: each for each in others}
    found = []
    for each in columns:
        if each.type.removesuffix("[]") == type_:
            then = later.get(each.key)
            is_kept = then is not None and then.type == each.type
            found.append((each, then.default if then is not None and is_kept else None))
    return found


def _new_defaults(columns: Iterable[StoredColumn], others: Iterable[StoredColumn]) -> list[str]:
    """Return the defaults that other columns have once an operation has run."""
    before = {(*each.key, each.default) for each in columns}
    return [
        each.default for each in others if each.default and (*each.key, each.default) not in before
    ]


def _literal(value: str) -> str:
    return "'{}'".format(value.replace("'", "''"))
