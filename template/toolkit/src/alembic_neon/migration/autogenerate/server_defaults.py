"""Server defaults that Alembic cannot compare: those of json, and gen_random_uuid()."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from alembic.ddl.impl import DefaultImpl
from sqlalchemy import Column, Connection
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

_STORE_SQL = "CREATE TEMPORARY TABLE alembic_default (stored {} DEFAULT {})"
_STORED_SQL = (
    "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef"
    " WHERE adrelid = 'pg_temp.alembic_default'::regclass"
)


def patch_server_default_comparison(impl: DefaultImpl) -> None:
    """Compare defaults by their text where Alembic's way, to ask the server, has no true answer.

    That is an error where the type has no `=`: json, xml, point. And what is another value each
    time equals nothing, so that `GEN_RANDOM_UUID()` in the models and `gen_random_uuid()` in the
    database would differ for ever: there PostgreSQL is asked how it would store the models' one.
    A function given as `compare_server_default` would be asked of identities too, which have no
    default.
    """
    ask_the_server: Callable[..., Any] = impl.compare_server_default

    def compare(
        inspected: Column[Any], model: Column[Any], of_model: str | None, found: str | None
    ) -> bool:
        kind = inspected.type
        is_json = isinstance(kind, JSON) and not isinstance(kind, JSONB)
        if is_json or isinstance(kind, NullType):
            return _text(found) != _text(of_model)
        try:
            with _undone_on_error(impl.connection):
                differs = ask_the_server(inspected, model, of_model, found)
        except DBAPIError:  # a value that the enum does not have yet
            return _text(found) != _text(of_model)
        if not differs:
            return False
        if impl.connection is None or found is None:
            return True
        renderer = impl.dialect.ddl_compiler(impl.dialect, None)  # type: ignore[arg-type] # as Alembic
        default = renderer.get_column_default_string(model)
        return default is None or _as_stored(impl.connection, inspected, default) != found

    impl.compare_server_default = compare  # type: ignore[method-assign]


@contextmanager
def _undone_on_error(connection: Connection | None) -> Iterator[None]:
    """Leave a transaction usable after a statement that fails."""
    if connection is None:
        yield
        return
    with connection.begin_nested():
        yield


def _as_stored(connection: Connection, column: Column[Any], default: str) -> str | None:
    """Return a default as PostgreSQL writes it for a column of this type; None: it cannot."""
    undo = connection.begin_nested()
    try:
        type_ = column.type.compile(dialect=connection.dialect)
        connection.exec_driver_sql(_STORE_SQL.format(type_, default))
        stored: str | None = connection.exec_driver_sql(_STORED_SQL).scalar()
    except DBAPIError:  # a read-only session, for one: then it differs, as Alembic says
        return None
    finally:
        undo.rollback()
    return stored


def _text(default: str | None) -> str | None:
    """Return the value of a default; Alembic renders a string of the models without its quotes."""
    if default is None:
        return None
    value = re.sub(r"::[\w. \"]+(\(\d+\))?$", "", default.strip())
    quoted = re.fullmatch(r"'((?:[^']|'')*)'", value)
    return value if quoted is None else quoted[1].replace("''", "'")
