"""The naming convention for constraints and indexes, so that every one can be dropped by name."""

from typing import Any, Final

from sqlalchemy import CheckConstraint, Table

from ..errors import ConfigurationError


def _require_name(check: CheckConstraint, table: Table) -> str:
    """Refuse a CHECK without a name; SQLAlchemy's own message tells neither table nor expression.

    Raises:
        ConfigurationError: it has none.
    """
    if check.name is None:
        raise ConfigurationError(
            f"A CHECK of the table {table.name} has no name: {check.sqltext}.",
            'Give it one: CheckConstraint(…, name="what_holds").',
        )
    return ""


# Hand it to `MetaData(naming_convention=…)` before the first model is defined: a name that the
# server made up differs between databases and leaves Alembic nothing to drop. The names of all the
# columns are taken (`column_0_N_name`), as two constraints that begin with the same column would
# otherwise collide. What comes out longer than PostgreSQL's 63 characters, SQLAlchemy shortens with
# a hash of the whole; a CHECK must be given a name of its own.
# https://alembic.sqlalchemy.org/en/latest/naming.html
# SQLAlchemy's own type of it differs between versions.
NAMING_CONVENTION: Final[dict[str, Any]] = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(named)s%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
    "named": _require_name,  # a token of our own, which adds nothing to the name
}
