"""What SQLAlchemy's dialect cannot write: the name of a text search configuration in an index.

`Index(…, func.to_tsvector("english", column))` ends in a CompileError in SQLAlchemy 2.1.9, in
`create_all` as well as in a revision.
"""

from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import Dialect, String
from sqlalchemy.dialects.postgresql import REGCONFIG


def _literal(self: REGCONFIG, dialect: Dialect) -> Callable[[str], str] | None:
    processor: Any = String().literal_processor  # untyped
    return cast("Callable[[str], str] | None", processor(dialect))


if "literal_processor" not in vars(REGCONFIG):
    REGCONFIG.literal_processor = _literal  # type: ignore[method-assign, assignment]
