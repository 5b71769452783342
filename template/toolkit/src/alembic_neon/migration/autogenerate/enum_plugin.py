"""alembic-postgresql-enum, imported to register its comparisons, and put right where it is wrong.

Read in version 1.11.0, of which three private functions are replaced.
"""

from typing import Any

import alembic_postgresql_enum  # noqa: F401 - registers its autogenerate hooks when imported
from alembic_postgresql_enum.get_enum_data import declared_enums
from alembic_postgresql_enum.get_enum_data.get_default_from_alembic_ops import (
    get_just_added_defaults,
)
from sqlalchemy import DefaultClause, Enum, TextClause
from sqlalchemy.types import TypeDecorator


def enum_values(type_: Any) -> tuple[str, ...]:
    """Return the labels of an enum; a TypeDecorator's conversion of values is not asked for.

    The plugin calls `process_bind_param`, which most decorators do not have, and which takes the
    application's values (alembic-postgresql-enum 1.11.0 ends in a traceback).
    """
    return tuple(type_.enums)


def is_native_enum(type_: Any) -> bool:
    """Tell whether a column's type is an enum of PostgreSQL's, also inside a TypeDecorator."""
    found = type_.impl_instance if isinstance(type_, TypeDecorator) else type_
    return isinstance(found, Enum) and found.native_enum


_just_added_defaults = get_just_added_defaults


def just_added_defaults(upgrade_ops: Any, default_schema: str) -> dict[Any, Any]:
    """Return the defaults that the same revision sets, as SQL.

    The plugin writes the objects of SQLAlchemy into the file, which is then no Python
    (alembic-postgresql-enum#48).
    """
    found = _just_added_defaults(upgrade_ops, default_schema)
    return {column: _sql(default) for column, default in found.items()}


def _sql(default: Any) -> Any:
    value = getattr(default, "arg", default)
    if isinstance(value, TextClause):
        value = value.text
    elif isinstance(value, str) and isinstance(default, DefaultClause):
        value = "'{}'".format(value.replace("'", "''"))
    # The plugin cuts the type off, whether there is one or not.
    return f"{value}::text" if isinstance(value, str) and "::" not in value else value


declared_enums.get_just_added_defaults = just_added_defaults  # type: ignore[attr-defined]
declared_enums.get_enum_values = enum_values  # type: ignore[assignment]
declared_enums.column_type_is_enum = is_native_enum  # type: ignore[assignment]
