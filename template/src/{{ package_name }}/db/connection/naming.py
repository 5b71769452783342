"""The naming convention for constraints and indexes, so that every one can be dropped by name."""

from typing import Final

# Hand it to `MetaData(naming_convention=…)` before the first model is defined: a name that the
# server made up differs between databases and leaves Alembic nothing to drop. The names of all the
# columns are taken (`column_0_N_name`), as two constraints that begin with the same column would
# otherwise collide. A CHECK must be given a name of its own.
# https://alembic.sqlalchemy.org/en/latest/naming.html
NAMING_CONVENTION: Final[dict[str, str]] = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
