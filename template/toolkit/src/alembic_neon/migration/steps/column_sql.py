"""Changes of columns that are written as SQL: expressions, collations, fields of intervals."""

import re
from collections.abc import Sequence
from typing import Final

from alembic.operations.ops import MigrateOperation

from ...errors import MigrationError
from ..autogenerate.catalog_operations import CatalogSQLOp
from ..autogenerate.drops import CommentOp
from ..autogenerate.together import TogetherOp
from .blocks import ignored
from .facts import ExistingTable
from .step import Stage, Step
from .work import Work, label

_TYPE: Final = re.compile(r" TYPE (?P<type>.+?)(?: COLLATE .+?)? USING ")
_OWN_STEP: Final = re.compile(r" DROP COLUMN | (SET|DROP) EXPRESSION| TYPE ")
_REWRITE: Final = "meant: the table is written anew"
_SAME_TYPE: Final = (
    "meant: only the collation changes, no row is written; its indexes are built anew"
)


def column_sql_steps(
    ups: Sequence[MigrateOperation], downs: Sequence[MigrateOperation], work: Work
) -> tuple[list[Step], list[MigrateOperation], list[MigrateOperation]]:
    """Return a step for each column that SQL changes, and what is left of both directions.

    Raises:
        MigrationError: a column would lose its values, and something stands on it, or no step back
            gives it values.
    """
    steps: list[Step] = []
    left, left_downs = list(ups), list(downs)
    for table in work.facts.tables.values():
        on_table = [op for op in left if isinstance(op, CatalogSQLOp) and _is_on(op, table, work)]
        names = [op.name for op in on_table if _OWN_STEP.search(str(op.sqltext))]
        for name in dict.fromkeys(names):
            up = [op for op in on_table if op.name == name]
            down = [
                op
                for op in left_downs
                if isinstance(op, CatalogSQLOp) and _is_on(op, table, work) and op.name == name
            ]
            steps.append(_step(name, up, down, table, work))
            left = [op for op in left if op not in up]
            left_downs = [op for op in left_downs if op not in down]
    _refuse_lost_values(left, left_downs)
    return steps, left, left_downs


def _is_on(op: CatalogSQLOp, table: ExistingTable, work: Work) -> bool:
    return op.kind == "column" and work.facts.table(op) == table


def _step(
    name: str,
    ups: Sequence[CatalogSQLOp],
    downs: Sequence[CatalogSQLOp],
    table: ExistingTable,
    work: Work,
) -> Step:
    is_made_again = any(op.action == "drop" for op in ups)
    loses = is_made_again and any(" DROP EXPRESSION" in str(op.sqltext) for op in downs)
    if is_made_again and not loses and _is_generated(ups) != _is_generated(downs):
        raise _NoWayBackError(table.name, name)
    same_type = _types(ups) == _types(downs) and any(_types(ups))
    is_stored = work.facts.is_stored(table, name)
    writes = not same_type and any(_writes(op, is_stored=is_stored) for op in ups)
    for_long = "until every row is written: nobody can read" if writes else "for a moment"
    return Step(
        Stage.CONTRACT if loses else Stage.REWRITE,
        "generated" if loses else "column",
        f"Changes {table.name}.{name}",
        [each for op in ups for each in (*_ignore(op, same_type=same_type, writes=writes), op)],
        list(downs),
        label(table),
        "contract" if loses else "expand",
        f"ACCESS EXCLUSIVE on {table.name} {for_long}",
        f"The values of {table.name}.{name} are computed anew; those in it go." if loses else "",
        alone=True,
    )


def _writes(op: CatalogSQLOp, *, is_stored: bool) -> bool:
    sql = str(op.sqltext)
    stored = op.action == "create" and sql.endswith(" STORED")
    return stored or " TYPE " in sql or (is_stored and " SET EXPRESSION " in sql)


def _ignore(op: CatalogSQLOp, *, same_type: bool, writes: bool) -> list[MigrateOperation]:
    """Return the comment that lets an operation pass that is meant, and says what it costs."""
    if op.action == "drop":
        return [ignored("ban-drop-column", "it is made again in the same transaction")]
    if op.action == "create":
        return [ignored("adding-field-with-default", _REWRITE)]
    if " TYPE " in str(op.sqltext):
        return [ignored("changing-column-type", _SAME_TYPE if same_type else _REWRITE)]
    if " SET EXPRESSION " in str(op.sqltext) and writes:
        return [CommentOp(_REWRITE)]
    return []


def _types(ops: Sequence[CatalogSQLOp]) -> list[str]:
    found = (_TYPE.search(str(op.sqltext)) for op in ops)
    return [each["type"] for each in found if each is not None]


def _is_generated(ops: Sequence[CatalogSQLOp]) -> bool:
    made = [str(op.sqltext) for op in ops if op.action == "create"]
    return any(sql.endswith((" STORED", " VIRTUAL")) for sql in made)


def _refuse_lost_values(ups: Sequence[MigrateOperation], downs: Sequence[MigrateOperation]) -> None:
    """Refuse to make a column generated together with what stands on it: its values would go."""
    plain = [
        op
        for each in downs
        for op in (each.ops if isinstance(each, TogetherOp) else [each])
        if isinstance(op, CatalogSQLOp) and " DROP EXPRESSION" in str(op.sqltext)
    ]
    for op in plain:
        raise _NoWayBackError(op.table, op.name)


class _NoWayBackError(MigrationError):
    def __init__(self, table: str, column: str) -> None:
        super().__init__(
            f"{table}.{column} becomes a generated column or a plain one, and its values would "
            "be lost. Write this change by hand: db revision --empty -m TEXT"
        )
