"""Operations that Alembic proposes in a form that cannot run, or only by chance."""

import re
from collections.abc import Callable
from typing import Any, Final

from alembic.autogenerate import render_op_text
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import (
    AlterColumnOp,
    CreateForeignKeyOp,
    CreateIndexOp,
    CreateUniqueConstraintOp,
    DropConstraintOp,
    MigrateOperation,
    OpContainer,
)
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Dialect, Identity, inspect
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import CreateSchema, DropSchema
from sqlalchemy.types import to_instance

from .catalog_changes import COMPARISON, CatalogComparison
from .catalog_operations import CatalogSQLOp, ObjectName
from .dependents import recreate_dependents
from .enum_values import rewrite_enum_changes
from .lost_views import refuse_lost_views
from .metadata import each_of
from .missed_changes import append_remaining, write_changes
from .operation_order import order_operations
from .operations import flat_operations
from .table_constraints import complete_created_tables
from .type_changes import complete_type_changes, give_serial_defaults

Replace = Callable[[MigrateOperation], list[MigrateOperation]]
_SERIAL: Final = re.compile(r"nextval\('(?P<sequence>[^']+)'::regclass\)")


def correct(
    upgrade: OpContainer,
    downgrade: OpContainer,
    context: MigrationContext,
    render: dict[str, Any],
    *,
    single: bool = True,
) -> None:
    """Put the operations of both directions right; `render` are the options of Alembic's renderer.

    `single` says that they stay in one revision, and are not taken apart into steps.

    What the catalogs of both sides show is written in place of what Alembic makes of it, and all is
    put in an order in which it can run.
    """
    for ops in (upgrade, downgrade):
        _replace(ops, _named)
        _replace(ops, _without_autoincrement)
        _replace(ops, lambda op: _identity(op, context))
        _replace(ops, lambda op: _renderable(op, context, render))
    _create_schemas(upgrade, downgrade, context)
    config, schema = context.config, context.dialect.default_schema_name or "public"
    comparison = config.attributes.get(COMPARISON) if config is not None else None
    if comparison is not None:
        _follow_catalogs(upgrade, downgrade, comparison, context.dialect, single=single)
    order_operations(upgrade)
    order_operations(downgrade)
    if comparison is not None:
        append_remaining(comparison.remaining, upgrade, downgrade, schema)


def _follow_catalogs(
    upgrade: OpContainer,
    downgrade: OpContainer,
    comparison: CatalogComparison,
    dialect: Dialect,
    *,
    single: bool,
) -> None:
    schema = dialect.default_schema_name or "public"
    complete_created_tables(upgrade, comparison.constraints_after, schema, dialect)
    complete_created_tables(downgrade, comparison.constraints_before, schema, dialect)
    for ops in (upgrade, downgrade):
        give_serial_defaults(ops, comparison, schema)
    rewrite_enum_changes(upgrade, downgrade, comparison, dialect, single=single)
    complete_type_changes(upgrade, downgrade, comparison, schema, dialect)
    write_changes(comparison.changes, upgrade, downgrade, schema)
    refuse_lost_views(upgrade, comparison, schema)
    recreate_dependents(upgrade, downgrade, comparison, schema)


def _replace(container: OpContainer, replacement: Replace) -> None:
    for op in container.ops:
        if isinstance(op, OpContainer):
            _replace(op, replacement)
    container.ops[:] = [new for op in container.ops for new in replacement(op)]


def _named(op: MigrateOperation) -> list[MigrateOperation]:
    """Give a constraint without a name the one that PostgreSQL would give, to drop it by."""
    created = op.reverse() if isinstance(op, DropConstraintOp) and op._reverse else op
    match created:
        case CreateForeignKeyOp():
            name = f"{created.source_table}_{'_'.join(created.local_cols)}_fkey"
        case CreateUniqueConstraintOp():
            columns = "_".join(str(column) for column in created.columns)
            name = f"{created.table_name}_{columns}_key"
        case _:
            return [op]
    if getattr(op, "constraint_name", None) is None:
        op.constraint_name = name  # type: ignore[attr-defined]
    return [op]


def _renderable(
    op: MigrateOperation, context: MigrationContext, render: dict[str, Any]
) -> list[MigrateOperation]:
    """Take out what the renderer cannot write: an index on a function with literals, say."""
    if isinstance(op, CreateIndexOp):
        try:
            render_op_text(AutogenContext(context, context.opts["target_metadata"], render), op)
        except CompileError:
            return []
    return [op]


def _without_autoincrement(op: MigrateOperation) -> list[MigrateOperation]:
    """Take out what is MySQL's alone; Alembic warns of it in each run of the revision."""
    if isinstance(op, AlterColumnOp):
        for name in ("autoincrement", "existing_autoincrement"):
            op.kw.pop(name, None)
    return [op]


def _identity(op: MigrateOperation, context: MigrationContext) -> list[MigrateOperation]:
    """Make an identity of a serial column, or back, and keep its counter (alembic#1504)."""
    if not isinstance(op, AlterColumnOp) or context.connection is None:
        return [op]
    new, old = op.modify_server_default, op.existing_server_default
    if not isinstance(new, Identity) and not isinstance(old, Identity):
        return [op]
    sequence = _serial_sequence(op, context)
    if sequence is None or isinstance(new, Identity) == isinstance(old, Identity):
        # Alembic adds a second identity, or drops a default; the catalogs tell what is altered.
        is_compared = context.config is not None and COMPARISON in context.config.attributes
        op.modify_server_default = False if is_compared else new
        return [op] if op.has_changes() else []
    dialect = context.dialect
    quote = dialect.identifier_preparer
    table = quote.quote(op.table_name)
    if op.schema:
        table = f"{quote.quote_schema(op.schema)}.{table}"
    column = quote.quote(op.column_name)
    old_name = f"{op.table_name}_{op.column_name}_seq_before"
    before = quote.quote(old_name)
    qualified = f"{sequence.rpartition('.')[0]}.{before}".lstrip(".")
    alter = f"ALTER TABLE {table} ALTER COLUMN {column}"
    rename = f"ALTER SEQUENCE {sequence} RENAME TO {before}"
    keep = f"SELECT setval('{sequence}', last_value, is_called) FROM {qualified}"  # noqa: S608
    if isinstance(new, Identity):
        compiler = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type] # as Alembic does
        statements = [
            f"{alter} DROP DEFAULT",
            f"ALTER SEQUENCE {sequence} OWNED BY NONE",
            rename,
            f"{alter} ADD {compiler.process(new)}",
            keep,
            f"DROP SEQUENCE {qualified}",
        ]
    else:
        type_ = to_instance(op.existing_type).compile(dialect=dialect)
        statements = [
            rename,
            f"CREATE SEQUENCE {sequence} AS {type_} OWNED BY {table}.{column}",
            keep,
            f"{alter} DROP IDENTITY",
            f"{alter} SET DEFAULT nextval('{sequence}'::regclass)",
        ]
    schema = op.schema or dialect.default_schema_name or "public"
    return [
        CatalogSQLOp(sql, "alter", ObjectName("column", schema, op.table_name, op.column_name))
        for sql in statements
    ]


def _serial_sequence(op: AlterColumnOp, context: MigrationContext) -> str | None:
    """Return the sequence of a column that is a serial in the database, or is one in the models."""
    name = f"{op.table_name}_{op.column_name}_seq"
    quote = context.dialect.identifier_preparer
    default_name = f"{op.schema}.{name}" if op.schema else name
    columns = inspect(context.connection).get_columns(op.table_name, op.schema)
    stored = next((each for each in columns if each["name"] == op.column_name), None)
    if stored and (found := _SERIAL.search(str(stored["default"]))):
        return found["sequence"]
    for metadata in each_of(context.opts["target_metadata"]):
        table = metadata.tables.get(f"{op.schema}.{op.table_name}" if op.schema else op.table_name)
        column = None if table is None else table.columns.get(op.column_name)
        if table is not None and column is not None and column is table.autoincrement_column:
            is_serial = column.identity is None and column.server_default is None
            quoted = ".".join(map(quote.quote, default_name.split(".")))
            return quoted if is_serial else None
    return None


def _create_schemas(
    upgrade: OpContainer, downgrade: OpContainer, context: MigrationContext
) -> None:
    """Create the schemas that the models name and the database lacks, before all else."""
    if context.connection is None:
        return
    named = {schema for op in flat_operations(upgrade) if (schema := getattr(op, "schema", None))}
    missing = sorted(named - set(inspect(context.connection).get_schema_names()))
    for name in missing:
        create, drop = (
            str(ddl(name).compile(dialect=context.dialect)) for ddl in (CreateSchema, DropSchema)
        )
        upgrade.ops.append(CatalogSQLOp(create, "create", ObjectName("schema", name, "", name)))
        downgrade.ops.append(CatalogSQLOp(drop, "drop", ObjectName("schema", name, "", name)))
