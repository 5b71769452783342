"""How types are written into a revision: as what PostgreSQL stores, with the imports they need."""

from typing import Any, Literal

import sqlalchemy
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _repr_type
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import Enum, TypeDecorator, TypeEngine


def render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Render a TypeDecorator as the type that PostgreSQL stores, and import what is third-party.

    A revision that names a class of the application, or of SQLModel, would break when that class
    moves; the underlying type is all that the database knows (Alembic #1386).
    """
    if kind != "type":
        return False
    if isinstance(item, postgresql.DOMAIN):
        return _render_domain(item, context)
    is_sqlalchemys = type(item).__module__.startswith("sqlalchemy.")  # Interval is a decorator
    if isinstance(item, TypeDecorator) and not is_sqlalchemys:
        # Alembic calls this function again, so that nested decorators end in a plain type.
        return _repr_type(_stored_type(item, context), context)
    module = type(item).__module__
    if not is_sqlalchemys and not context.opts.get("user_module_prefix"):
        context.imports.add(f"import {module}")
    return False


def _render_domain(item: postgresql.DOMAIN, context: AutogenContext) -> str:
    """Write a domain as one that is there already: an operation of its own creates it."""
    context.imports.add("from sqlalchemy.dialects import postgresql")
    schema = f", schema={item.schema!r}" if item.schema else ""
    base = _repr_type(item.data_type, context)
    return f"postgresql.DOMAIN({str(item.name)!r}, {base}{schema}, create_type=False)"


def _stored_type(item: TypeDecorator[Any], context: AutogenContext) -> TypeEngine[Any]:
    stored = item.load_dialect_impl(context.dialect)
    if isinstance(stored, Enum) and stored.native_enum:
        # An operation of its own creates the type, as it does for an enum without a decorator.
        name, schema = stored.name, stored.schema
        return postgresql.ENUM(*stored.enums, name=name, schema=schema, create_type=False)
    return _public_type(stored)


def _public_type(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type as its public class: a driver's `AsyncpgUuid` is `sa.Uuid` to a reader."""
    for cls in type(type_).__mro__:
        if not cls.__module__.startswith("sqlalchemy."):
            return type_
        if getattr(sqlalchemy, cls.__name__, None) is cls or cls.__name__ in postgresql.__all__:
            return type_ if cls is type(type_) else type_.adapt(cls)
    return type_
