"""NOT NULL on tables that exist: for new rows first, then validated, without a scan under a lock.

PostgreSQL 18 adds the constraint itself NOT VALID; before, a CHECK says the same, so that SET NOT
NULL need not read the table. https://www.postgresql.org/docs/current/sql-altertable.html
"""

from collections.abc import Sequence

from alembic.operations.ops import MigrateOperation

from ..autogenerate.missed_changes import execute
from .blocks import ignored
from .constraints import validated
from .facts import ExistingTable, object_name
from .step import Phase, Stage, Step
from .work import Work, label


def required(
    column: str,
    table: ExistingTable,
    work: Work,
    *,
    phase: Phase = "expand",
    stage: Stage = Stage.CONSTRAINT,
) -> list[Step]:
    """Return the steps that make a column NOT NULL: for new rows, and for those that are there."""
    add, drop = not_valid(column, table, work)
    first = Step(
        stage,
        "not null",
        f"Refuses new rows of {table.name} without {column}",
        [execute(add)],
        [execute(drop)],
        label(table),
        phase,
        f"ACCESS EXCLUSIVE on {table.name} for a moment",
    )
    return [first, *validate(column, table, work, phase)]


def validate(column: str, table: ExistingTable, work: Work, phase: Phase) -> list[Step]:
    """Return the steps that follow once no row lacks a value."""
    add, drop = not_valid(column, table, work)
    name = _constraint_name(column, table, work)
    stage = Stage.VALIDATE if phase == "expand" else Stage.LAST
    valid = validated(name, [execute(drop), execute(add)], table, work)
    step = Step(
        stage,
        "required",
        f"Validates that {table.name}.{column} has a value in each row",
        valid.upgrade,
        valid.downgrade,
        valid.table,
        phase,
        valid.locks,
    )
    if work.facts.names_not_null:
        return [step]
    return [step, _without_check(column, table, work, phase)]


def _without_check(column: str, table: ExistingTable, work: Work, phase: Phase) -> Step:
    """Set NOT NULL, which a valid CHECK saves the scan, and drop the CHECK."""
    facts = work.facts
    name, sql_name = _constraint_name(column, table, work), facts.sql_name(table)
    alter = f"ALTER TABLE {sql_name}"
    quoted = facts.quoted(column)
    return Step(
        Stage.FINISH if phase == "expand" else Stage.LAST,
        "set not null",
        f"Sets NOT NULL on {table.name}.{column} and drops the CHECK that said so",
        [
            ignored("adding-not-nullable-field", f"{name} is valid, so nothing is read"),
            execute(f"{alter} ALTER COLUMN {quoted} SET NOT NULL"),
            ignored("ban-drop-constraint", "NOT NULL says the same"),
            execute(f"{alter} DROP CONSTRAINT {facts.quoted(name)}"),
        ],
        [
            execute(f"{alter} ADD CONSTRAINT {facts.quoted(name)} CHECK ({quoted} IS NOT NULL)"),
            execute(f"{alter} ALTER COLUMN {quoted} DROP NOT NULL"),
        ],
        label(table),
        phase,
        f"ACCESS EXCLUSIVE on {table.name} for a moment",
        alone=True,
    )


def _constraint_name(column: str, table: ExistingTable, work: Work) -> str:
    # On PostgreSQL 18 as the server itself would call it, so that it is the models'.
    label = "not_null" if work.facts.names_not_null else "is_set"
    return object_name(table.name, column, label)


def not_valid(column: str, table: ExistingTable, work: Work) -> tuple[str, str]:
    """Return the statements that refuse new rows without a value, and allow them again."""
    facts = work.facts
    alter = f"ALTER TABLE {facts.sql_name(table)}"
    name, quoted = facts.quoted(_constraint_name(column, table, work)), facts.quoted(column)
    says = f"NOT NULL {quoted}" if facts.names_not_null else f"CHECK ({quoted} IS NOT NULL)"
    drop = f"{alter} DROP CONSTRAINT {name}"
    return f"{alter} ADD CONSTRAINT {name} {says} NOT VALID", drop


def optional(column: str, table: ExistingTable, work: Work) -> Sequence[MigrateOperation]:
    """Return the operations that let rows be without a value again."""
    alter = f"ALTER TABLE {work.facts.sql_name(table)} ALTER COLUMN {work.facts.quoted(column)}"
    return [
        ignored("ban-drop-not-null", "the release that does without it writes no value"),
        execute(f"{alter} DROP NOT NULL"),
    ]
