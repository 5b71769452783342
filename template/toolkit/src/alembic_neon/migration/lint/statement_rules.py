"""The rules over a revision's statements that squawk does not have."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from ...engine.sql_statement import SqlStatement
from .statements import Statement


class Violation(NamedTuple):
    """A statement or a line of the file that breaks a rule, and the message."""

    rule: str
    line: int
    message: str


def concurrent_in_transaction(statements: Sequence[Statement]) -> Iterator[Violation]:
    """PostgreSQL refuses it there."""
    for each in statements:
        if _is_concurrent(each) and not each.autocommit:
            message = "A concurrent operation cannot run in the revision's transaction."
            yield Violation("concurrent-in-transaction", each.line, message)


def several_concurrent_operations(statements: Sequence[Statement]) -> Iterator[Violation]:
    """If the second fails, the version still says that none of the revision was done."""
    concurrent = [each for each in statements if _is_concurrent(each)]
    for each in concurrent[1:]:
        message = f"Another concurrent operation, after that of line {concurrent[0].line}."
        yield Violation("several-concurrent-operations", each.line, message)


def sql_before_autocommit(statements: Sequence[Statement]) -> Iterator[Violation]:
    """The block commits what stands before it, and the version is stamped later."""
    first = next((index for index, each in enumerate(statements) if each.autocommit), 0)
    before = [each for each in statements[:first] if not _is_setting(each)]
    if before:
        line = statements[first].line
        message = f"Committed by the autocommit_block of line {line}, whatever happens in it."
        yield Violation("sql-before-autocommit", before[0].line, message)


def data_and_ddl(statements: Sequence[Statement]) -> Iterator[Violation]:
    """Rows are written while the locks of DDL are held; rows of a table made here are its seed."""
    in_transaction = [each for each in statements if not each.autocommit]
    ddl = [each for each in in_transaction if any(one.is_ddl for one in each.parts)]
    written = next(_writes(in_transaction, _created(statements)), None)
    if ddl and written is not None:
        statement, write = written
        message = f"{write.verb} on {_table(write)} beside DDL (line {ddl[0].line})."
        yield Violation("data-and-ddl", statement.line, message)


def whole_table_write(statements: Sequence[Statement]) -> Iterator[Violation]:
    """Every row is locked and doubled in one transaction."""
    for statement, write in _writes(statements, _created(statements)):
        if write.writes_whole_table:
            message = f"{write.verb} of every row of {_table(write)}."
            yield Violation("whole-table-write", statement.line, message)


def drop_cascade(statements: Sequence[Statement]) -> Iterator[Violation]:
    """What depends on the object is dropped too, whatever it is on the day."""
    for each in statements:
        for one in each.parts:
            if one.drops_dependents:
                message = f"{one.verb} … CASCADE drops objects that it does not name."
                yield Violation("drop-cascade", each.line, message)


def do_block(statements: Sequence[Statement]) -> Iterator[Violation]:
    """squawk sees nothing inside."""
    for each in statements:
        if any(one.verb == "DO" for one in each.parts):
            yield Violation("do-block", each.line, "A DO block, whose inside is not checked.")


def _is_concurrent(statement: Statement) -> bool:
    return any(one.runs_outside_transaction for one in statement.parts)


def _is_setting(statement: Statement) -> bool:
    return all(one.is_setting for one in statement.parts)


def _created(statements: Sequence[Statement]) -> set[str]:
    """Return the tables that the revision creates."""
    return {
        _table(one)
        for each in statements
        for one in each.parts
        if one.verb == "CREATE" and one.object_type == "TABLE"
    }


def _writes(
    statements: Sequence[Statement], created: set[str]
) -> Iterator[tuple[Statement, SqlStatement]]:
    """Yield what writes rows of tables that were there before the revision."""
    for each in statements:
        for part in each.parts:
            for one in part.with_nested():
                if one.is_write and _table(one) not in created:
                    yield each, one


def _table(statement: SqlStatement) -> str:
    return statement.table.plain if statement.table else ""


STATEMENT_RULES: Final[tuple[Callable[[Sequence[Statement]], Iterator[Violation]], ...]] = (
    concurrent_in_transaction,
    several_concurrent_operations,
    sql_before_autocommit,
    data_and_ddl,
    whole_table_write,
    drop_cascade,
    do_block,
)
