"""Findings of squawk's that do not hold, seen from the whole revision."""

import re
from collections.abc import Sequence
from typing import Final

from .sql_text import dropped_tables, masked
from .statements import Statement

# What can be added NOT VALID at all, beside a foreign key, which has a rule of its own.
# https://www.postgresql.org/docs/current/sql-altertable.html
_MAY_BE_NOT_VALID: Final = re.compile(r"\bCHECK\b|\bADD (CONSTRAINT \S+ )?NOT\s+NULL\b", re.I)


def is_moot(rule: str, statement: Statement, statements: Sequence[Statement]) -> bool:
    """Tell whether a rule that squawk sees broken by a statement is none in this revision."""
    match rule:
        case "constraint-missing-not-valid":
            return _MAY_BE_NOT_VALID.search(masked(statement.sql)) is None
        case "changing-column-type":
            return statement.keeps_rows
        case "require-concurrent-index-deletion":
            dropped = {table for each in statements for table in dropped_tables(each.sql)}
            return statement.table is not None and statement.table in dropped
        case _:
            return False
