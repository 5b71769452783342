"""Server defaults that PostgreSQL itself cannot compare: types without an equality, as json."""

import re
from collections.abc import Callable
from typing import Any

from alembic.ddl.impl import DefaultImpl
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.types import NullType


def compare_texts_where_there_is_no_equality(impl: DefaultImpl) -> None:
    """Compare defaults of json, and of types that SQLAlchemy does not know, by their text.

    Alembic asks the server whether two defaults are equal, an error where the type has no `=`:
    json, xml, point. A function given as `compare_server_default` would be asked of identities too,
    which have no default.
    """
    ask_the_server: Callable[..., Any] = impl.compare_server_default

    def compare(
        inspected: Column[Any], model: Column[Any], of_model: str | None, found: str | None
    ) -> bool:
        kind = inspected.type
        is_json = isinstance(kind, JSON) and not isinstance(kind, JSONB)
        if is_json or isinstance(kind, NullType):
            return _text(found) != _text(of_model)
        return bool(ask_the_server(inspected, model, of_model, found))

    impl.compare_server_default = compare  # type: ignore[method-assign]


def _text(default: str | None) -> str | None:
    """Return the value of a default; Alembic renders a string of the models without its quotes."""
    if default is None:
        return None
    value = re.sub(r"::[\w. \"]+(\(\d+\))?$", "", default.strip())
    quoted = re.fullmatch(r"'((?:[^']|'')*)'", value)
    return value if quoted is None else quoted[1].replace("''", "'")
