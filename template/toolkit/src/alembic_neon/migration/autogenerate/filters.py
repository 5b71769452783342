"""Which schemas and objects of the database autogenerate looks at: those that are ours."""

from collections.abc import Callable, MutableMapping
from typing import Any, Final

from sqlalchemy import Connection, text

from ...engine.version_table import REVISIONS_TABLE
from ..hooks import IncludeObject

# Schemas in every Neon database that are Neon's own.
_NEON_SCHEMAS: Final = {"neon", "neon_auth", "neon_migration"}

# Tables that nobody writes a model of: those that CREATE EXTENSION has made, such as PostGIS's
# spatial_ref_sys, and partitions, which come and go beside the migrations.
# https://www.postgresql.org/docs/current/catalog-pg-depend.html
_NO_MODELS_SQL: Final = text("""
SELECT n.nspname, c.relname, pg_table_is_visible(c.oid) AS is_visible
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND (c.relispartition OR EXISTS (
    SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e'))
""")


def name_filter(schemas: set[str]) -> Callable[..., bool]:
    """Return Alembic's `include_name`: of the schemas, the default one and those of the models."""

    def include_name(
        name: str | None, kind: str, parent_names: MutableMapping[Any, str | None]
    ) -> bool:
        return kind != "schema" or name is None or name in schemas - _NEON_SCHEMAS

    return include_name


def object_filter(connection: Connection | None, users: IncludeObject | None) -> IncludeObject:
    """Return Alembic's `include_object`: no table without a model, and what the user's leaves."""
    unmanaged: set[tuple[str | None, str]] | None = None

    def include_object(
        item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any
    ) -> bool:
        nonlocal unmanaged
        if kind == "table" and reflected and name == REVISIONS_TABLE:
            return False  # as Alembic leaves its own table out, without asking
        if kind == "table" and reflected and compare_to is None and connection is not None:
            if unmanaged is None:
                unmanaged = _tables_without_models(connection)
            if (item.schema, name) in unmanaged:
                return False
        return users is None or bool(users(item, name, kind, reflected, compare_to))

    return include_object


def _tables_without_models(connection: Connection) -> set[tuple[str | None, str]]:
    rows = connection.execute(_NO_MODELS_SQL).all()
    named: set[tuple[str | None, str]] = {(row.nspname, row.relname) for row in rows}
    return named | {(None, row.relname) for row in rows if row.is_visible}
