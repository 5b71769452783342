"""What a step of a round trip failed with: where, on which object, and whether rows are why."""

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alembic.script import Script
from sqlalchemy.exc import DBAPIError

from ..migration.sql_line import shortened
from .history import format_location, line_of

# What to do, by SQLSTATE. https://www.postgresql.org/docs/current/errcodes-appendix.html
_ADVICE: Final = {
    "23502": "Add the column as nullable, fill it with an UPDATE and then set NOT NULL, or give it "
    "a server_default.",
    "23503": "Fix or delete the rows without a target first, or add the foreign key NOT VALID.",
    "23505": "Remove the duplicates first, in this revision or an earlier one.",
    "23514": "Fix the rows first, or add the CHECK NOT VALID and validate it later.",
    "23P01": "Fix the rows that exclude each other first.",
    "22001": "Shorten the values first, or say in `postgresql_using` how they are cut.",
    "22003": "Fix the values that are out of the new type's range first.",
    "22P02": "Say in `postgresql_using` what becomes of values that the new type does not take.",
    "22007": "Say in `postgresql_using` what becomes of values that the new type does not take.",
    "2BP01": "Drop first what depends on it.",
    "25001": "Run it in `with op.get_context().autocommit_block():`, alone in its revision.",
    "55P04": "Use the new enum value in a later revision than the one that adds it.",
    "42P07": "Something of that name is there already: drop it in downgrade().",
    "42710": "Something of that name is there already: drop it in downgrade().",
}
_NOT_WRITTEN: Final = (
    'Write the downgrade, or say in the file why there is none: irreversible = "why"'
)
_IN_ROWS: Final = ("21", "22", "23")  # classes of SQLSTATE that only values can cause
_SQL_LENGTH: Final = 400


@dataclass(frozen=True)
class Failure:
    """A step that failed. `object` is the one that PostgreSQL names, or "" where it names none."""

    stage: str
    location: str
    reason: str
    object: str = ""
    statement: str = ""
    is_of_rows: bool = False
    advice: str = ""

    def __str__(self) -> str:
        on_rows = " on tables with rows" if self.is_of_rows else ""
        lines = [f"the {self.stage} fails{on_rows}: {self.reason}", f"  at {self.location}"]
        lines += [f"  on {self.object}"] if self.object else []
        lines += [f"  in {self.statement}"] if self.statement else []
        lines += [f"  → {self.advice}"] if self.advice else []
        return "\n".join(lines)


def explain_failure(error: Exception, script: Script, stage: str) -> Failure:
    """Return what `error`, raised by a step of `script`, says to the author of the file."""
    where = _location(error, script, "downgrade" if stage == "downgrade" else "upgrade")
    if not isinstance(error, DBAPIError):
        text = str(error).replace("\n", " ")
        reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
        not_written = stage == "downgrade" and isinstance(error, NotImplementedError)
        return Failure(stage, where, reason, advice=_NOT_WRITTEN if not_written else "")
    cause: Any = (error.orig and error.orig.__cause__) or error.orig
    code = getattr(cause, "sqlstate", None) or ""
    return Failure(
        stage,
        where,
        " ".join(str(cause).split()),
        _object(cause),
        shortened(error.statement or "", _SQL_LENGTH),
        code.startswith(_IN_ROWS),
        _ADVICE.get(code, ""),
    )


def _object(cause: Any) -> str:
    """Return the object that PostgreSQL's error names, in the words of a catalog snapshot."""
    schema, table, column, constraint, type_name = (
        getattr(cause, f"{name}_name", None)
        for name in ("schema", "table", "column", "constraint", "data_type")
    )
    if table and column:
        return f"column {schema}.{table}.{column}"
    if table and constraint:
        return f"constraint {schema}.{table}.{constraint}"
    if table:
        return f"table {schema}.{table}"
    return f"type {schema}.{type_name}" if type_name else ""


def _location(error: Exception, script: Script, function: str) -> str:
    """Return the line of the revision file that was running."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == script.path]
    return format_location(Path(script.path), lines[-1]) if lines else line_of(script, function)
