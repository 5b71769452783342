"""Changes of a column's type that leave the rows as they are: only the catalog is written.

https://www.postgresql.org/docs/current/sql-altertable.html (ALTER COLUMN … TYPE, notes)
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Self

from sqlalchemy import Dialect
from sqlalchemy.types import to_instance

_TYPE: Final = re.compile(
    r"(?P<name>[A-Z]+(?: VARYING| PRECISION)?)(?:\((?P<limits>[\d, ]+)\))?(?P<rest>(?: WITH.*)?)"
)
_TEXTS: Final = ("VARCHAR", "TEXT")
# A larger limit of these, or none, holds every value that the smaller one held.
_WITH_LIMIT: Final = ("BIT VARYING", "VARCHAR", "TIMESTAMP", "TIME", "INTERVAL")


@dataclass(frozen=True)
class _Type:
    """A type as PostgreSQL writes it: `NUMERIC(8, 2)`, `TIMESTAMP(3) WITH TIME ZONE`."""

    name: str
    limits: tuple[int, ...]
    rest: str

    @classmethod
    def of(cls, type_: Any, dialect: Dialect) -> Self | None:
        found = _TYPE.fullmatch(to_instance(type_).compile(dialect=dialect))
        if found is None:  # an array, a type with a collation, one that nobody knows
            return None
        limits = tuple(int(number) for number in (found["limits"] or "").split(",") if number)
        return cls(found["name"], limits, found["rest"].strip())


def keeps_rows(old: Any, new: Any, dialect: Dialect) -> bool:
    """Tell whether a column's type changes without a rewrite and without a scan of its table."""
    try:
        was, now = _Type.of(old, dialect), _Type.of(new, dialect)
    except Exception:  # noqa: BLE001 - a type of the application's that cannot be compiled
        return False
    if was is None or now is None or was.rest != now.rest:
        return False
    if was.name in _TEXTS and now.name in _TEXTS:
        return not now.limits or (bool(was.limits) and now.limits >= was.limits)
    if was.name != now.name:
        return (was.name, now.name) == ("CIDR", "INET")
    if was.limits == now.limits:
        return True
    if was.name == "NUMERIC":
        return not now.limits or (
            bool(was.limits) and now.limits[0] >= was.limits[0] and _scale(now) == _scale(was)
        )
    is_wider = not now.limits or (bool(was.limits) and now.limits >= was.limits)
    return was.name in _WITH_LIMIT and is_wider


def _scale(numeric: _Type) -> int:
    return numeric.limits[1] if len(numeric.limits) > 1 else 0
