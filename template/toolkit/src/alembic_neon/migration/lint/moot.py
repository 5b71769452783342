"""Findings of squawk's that do not hold, seen from the whole revision."""

from collections.abc import Sequence

from ...engine.sql_statement import SqlStatement
from .statements import Statement


def is_moot(rule: str, statement: Statement, statements: Sequence[Statement]) -> bool:
    """Tell whether a rule that squawk sees broken by a statement is none in this revision."""
    match rule:
        case "constraint-missing-not-valid":
            return not any(map(_may_be_not_valid, statement.parts))
        case "changing-column-type":
            return statement.keeps_rows
        case "require-concurrent-index-deletion":
            parts = [part for each in statements for part in each.parts]
            return any(_drops(part, statement.table) for part in parts)
        case _:
            return False


def _may_be_not_valid(statement: SqlStatement) -> bool:
    """Tell what can be added NOT VALID at all, beside a foreign key, which has a rule of its own.

    https://www.postgresql.org/docs/current/sql-altertable.html
    """
    for words in statement.actions:
        if words[:1] == ("ADD",):
            constraint = words[3:] if words[1:2] == ("CONSTRAINT",) else words[1:]
            if "CHECK" in words or constraint[:2] == ("NOT", "NULL"):
                return True
    return False


def _drops(statement: SqlStatement, table: str | None) -> bool:
    is_drop = statement.verb == "DROP" and statement.object_type == "TABLE"
    return is_drop and table in [name.plain for name in statement.names]
