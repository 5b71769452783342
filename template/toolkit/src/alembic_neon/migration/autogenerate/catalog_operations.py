"""Makes operations of what a catalog holds: Alembic's own where it has one, else the SQL."""

import re
from typing import Any, Final, Literal, NamedTuple

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import (
    CreateCheckConstraintOp,
    CreateForeignKeyOp,
    CreateIndexOp,
    CreatePrimaryKeyOp,
    CreateUniqueConstraintOp,
    DropConstraintOp,
    DropIndexOp,
    ExecuteSQLOp,
    MigrateOperation,
)
from sqlalchemy import text
from sqlalchemy.sql.elements import conv

from .catalog_changes import CatalogChange, CatalogDefinition
from .definition_text import (
    KeyText,
    is_plain_name,
    parse_check,
    parse_index,
    parse_key,
    unquoted,
)

Action = Literal["create", "alter", "drop"]
# `text()` takes a colon before a word for a parameter; `::` is a cast.
_PARAMETER: Final = re.compile(r"(?<![:\\]):(?=\w)")
# What Alembic calls a constraint that it drops.
_CONSTRAINT_TYPES: Final = {
    "PRIMARY KEY": "primary",
    "UNIQUE": "unique",
    "FOREIGN KEY": "foreignkey",
    "CHECK": "check",
}


class ObjectName(NamedTuple):
    """The object that a statement is about, with plain names; "" for what it does not have."""

    kind: str
    schema: str
    table: str
    name: str


class CatalogSQLOp(ExecuteSQLOp):
    """A statement for which Alembic has no operation, and the object of the catalog it is about."""

    def __init__(self, sql: str, action: Action, target: ObjectName) -> None:
        super().__init__(escape_parameters(sql))
        self.action = action
        self.kind, self.schema, self.table, self.name = target

    @property
    def table_name(self) -> str | None:
        """The table that it locks, under the name that Alembic's own operations have for it."""
        is_table = self.kind in ("table", "partitioned table")
        return (self.name if is_table else self.table) or None

    @property
    def label(self) -> str:
        """The object's name, as the catalog names it without quotes."""
        names = (self.schema, self.table, self.name)
        return f"{self.kind} {'.'.join(each for each in names if each)}"

    @classmethod
    def of(cls, sql: str, action: Action, definition: CatalogDefinition) -> "CatalogSQLOp":
        """Return the operation that runs a statement on an object."""
        found = definition
        return cls(sql, action, ObjectName(found.kind, found.schema, found.table, found.name))


@renderers.dispatch_for(CatalogSQLOp)
def _render_sql(context: AutogenContext, op: CatalogSQLOp) -> str:
    sql = str(op.sqltext)
    prefix = context.opts["alembic_module_prefix"] or ""
    if "\n" in sql and '"""' not in sql and not sql.endswith('"'):
        body = sql.replace("\\", "\\\\")
        return f'{prefix}execute("""{body}""")'
    return f"{prefix}execute({sql!r})"


@renderers.dispatch_for(CreatePrimaryKeyOp, replace=True)
def _render_primary_key(context: AutogenContext, op: CreatePrimaryKeyOp) -> str:
    """Alembic has the operation, but writes none of it itself."""
    prefix = context.opts["alembic_module_prefix"] or ""
    name = op.constraint_name
    plain = f"{prefix}f({str(name)!r})" if isinstance(name, conv) else repr(name)
    schema = f", schema={op.schema!r}" if op.schema else ""
    options = "".join(f", {key}={value!r}" for key, value in op.kw.items())
    columns = [str(column) for column in op.columns]
    return f"{prefix}create_primary_key({plain}, {op.table_name!r}, {columns!r}{schema}{options})"


def escape_parameters(sql: str) -> str:
    """Return a statement for `op.execute` that has no parameters."""
    return _PARAMETER.sub(r"\\:", sql)


def upgrade_operations(change: CatalogChange, default_schema: str) -> list[MigrateOperation]:
    """Return what makes of an object, as the migrations have it, what the models declare."""
    if change.alter or (change.revert and not change.recreates):
        found = change.definition
        return [CatalogSQLOp.of(sql, "alter", found) for sql in change.alter]
    return drop_operations(change.was, default_schema) + create_operations(
        change.now, default_schema
    )


def downgrade_operations(change: CatalogChange, default_schema: str) -> list[MigrateOperation]:
    """Return what takes a change back."""
    if change.revert or (change.alter and not change.recreates):
        found = change.definition
        return [CatalogSQLOp.of(sql, "alter", found) for sql in change.revert]
    return drop_operations(change.now, default_schema) + create_operations(
        change.was, default_schema
    )


def create_operations(
    found: CatalogDefinition | None, default_schema: str
) -> list[MigrateOperation]:
    """Return the operations that make an object."""
    if found is None:
        return []
    made: MigrateOperation | None = None
    if found.kind == "index":
        made = _create_index(found, default_schema)
    elif found.kind == "constraint":
        made = _create_constraint(found, default_schema)
    if made is not None:
        return [made]
    return [CatalogSQLOp.of(sql, "create", found) for sql in found.create]


def drop_operations(found: CatalogDefinition | None, default_schema: str) -> list[MigrateOperation]:
    """Return the operations that drop an object."""
    if found is None:
        return []
    schema = _schema(found.schema, default_schema)
    if found.kind == "index":
        return [DropIndexOp(conv(found.name), table_name=found.table, schema=schema)]
    if found.kind == "constraint":
        type_ = next((kind for kind in _CONSTRAINT_TYPES if found.text.startswith(kind)), None)
        name = conv(found.name)
        named_type = _CONSTRAINT_TYPES.get(type_ or "")
        return [DropConstraintOp(name, found.table, named_type, schema=schema)]
    return [CatalogSQLOp.of(sql, "drop", found) for sql in found.drop]


def _create_index(found: CatalogDefinition, default_schema: str) -> CreateIndexOp | None:
    parts = parse_index(found.text)
    if parts is None:
        return None
    options: dict[str, Any] = {}
    if parts.method != "btree":
        options["postgresql_using"] = parts.method
    if parts.include:
        options["postgresql_include"] = list(parts.include)
    if parts.nulls_not_distinct:
        options["postgresql_nulls_not_distinct"] = True
    if parts.options:
        options["postgresql_with"] = dict(parts.options)
    if parts.where is not None:
        options["postgresql_where"] = text(escape_parameters(parts.where))
    elements = [
        unquoted(each) if is_plain_name(each) else text(escape_parameters(each))
        for each in parts.elements
    ]
    return CreateIndexOp(
        conv(found.name),
        found.table,
        elements,
        schema=_schema(found.schema, default_schema),
        unique=parts.unique,
        **options,
    )


def _create_constraint(found: CatalogDefinition, default_schema: str) -> MigrateOperation | None:
    name, schema = conv(found.name), _schema(found.schema, default_schema)
    condition = parse_check(found.text)
    if condition is not None:
        escaped = escape_parameters(condition)
        return CreateCheckConstraintOp(name, found.table, escaped, schema=schema)
    key = parse_key(found.text)
    if key is None:
        return None
    columns = list(key.columns)
    if key.target is not None:
        return _create_foreign_key(found, key, default_schema)
    options = _deferral(key)
    if key.include:
        options["postgresql_include"] = list(key.include)
    if key.kind == "PRIMARY KEY":
        return CreatePrimaryKeyOp(name, found.table, columns, schema=schema, **options)
    if key.nulls_not_distinct:
        options["postgresql_nulls_not_distinct"] = True
    return CreateUniqueConstraintOp(name, found.table, columns, schema=schema, **options)


def _create_foreign_key(
    found: CatalogDefinition, key: KeyText, default_schema: str
) -> CreateForeignKeyOp:
    target_schema, target = key.target or ("", "")
    options = _deferral(key)
    for name in ("match", "onupdate", "ondelete"):
        if (value := getattr(key, name)) is not None:
            options[name] = value
    if (schema := _schema(found.schema, default_schema)) is not None:
        options["source_schema"] = schema
    if (referent := _schema(target_schema, default_schema)) is not None:
        options["referent_schema"] = referent
    elif schema is not None:
        options["referent_schema"] = default_schema
    columns, target_columns = list(key.columns), list(key.target_columns)
    return CreateForeignKeyOp(
        conv(found.name), found.table, target, columns, target_columns, **options
    )


def _deferral(key: KeyText) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if key.deferrable:
        options["deferrable"] = True
    if key.initially:
        options["initially"] = key.initially
    return options


def _schema(schema: str, default_schema: str) -> str | None:
    return None if schema == default_schema else schema
