"""Server defaults that PostgreSQL itself cannot compare: types without an equality, as json."""

import re
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.types import NullType


def compare_server_default(
    context: MigrationContext,
    inspected_column: Column[Any],
    metadata_column: Column[Any],
    inspected_default: str | None,
    metadata_default: Any,
    rendered_metadata_default: str | None,
) -> bool | None:
    """Say whether two defaults differ; None leaves it to Alembic, which asks the server.

    Alembic's question is an error where the type has no `=`: json, xml, point. Those of types that
    SQLAlchemy does not know, and of json, are compared by their text, without a cast at the end.
    """
    kind = inspected_column.type
    if not isinstance(kind, NullType) and (not isinstance(kind, JSON) or isinstance(kind, JSONB)):
        return None
    return _text(inspected_default) != _text(rendered_metadata_default)


def _text(default: str | None) -> str | None:
    """Return the value of a default; Alembic renders a string of the models without its quotes."""
    if default is None:
        return None
    value = re.sub(r"::[\w. \"]+(\(\d+\))?$", "", default.strip())
    quoted = re.fullmatch(r"'((?:[^']|'')*)'", value)
    return value if quoted is None else quoted[1].replace("''", "'")
