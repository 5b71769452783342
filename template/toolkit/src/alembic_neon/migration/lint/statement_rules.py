"""The rules over a revision's statements that squawk does not have."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from .sql_text import (
    created_table,
    is_concurrent,
    is_ddl,
    is_do_block,
    writes_whole_table,
    written_table,
)
from .statements import Statement

# A rule's name, the line and what is said.
Violation = tuple[str, int, str]


def concurrent_in_transaction(statements: Sequence[Statement]) -> Iterator[Violation]:
    """PostgreSQL refuses it there."""
    for each in statements:
        if is_concurrent(each.sql) and not each.autocommit:
            message = "A concurrent operation cannot run in the revision's transaction."
            yield "concurrent-in-transaction", each.line, message


def several_concurrent_operations(statements: Sequence[Statement]) -> Iterator[Violation]:
    """If the second fails, the version still says that none of the revision was done."""
    concurrent = [each for each in statements if is_concurrent(each.sql)]
    for each in concurrent[1:]:
        message = f"Another concurrent operation, after that of line {concurrent[0].line}."
        yield "several-concurrent-operations", each.line, message


def sql_before_autocommit(statements: Sequence[Statement]) -> Iterator[Violation]:
    """The block commits what stands before it, and the version is stamped later."""
    first = next((index for index, each in enumerate(statements) if each.autocommit), 0)
    before = [each for each in statements[:first] if not _is_setting(each.sql)]
    if before:
        line = statements[first].line
        message = f"Committed by the autocommit_block of line {line}, whatever happens in it."
        yield "sql-before-autocommit", before[0].line, message


def data_and_ddl(statements: Sequence[Statement]) -> Iterator[Violation]:
    """Rows are written while the locks of DDL are held; rows of a table made here are its seed."""
    created = {created_table(each.sql) for each in statements}
    ddl = [each for each in statements if is_ddl(each.sql) and not each.autocommit]
    for each in statements:
        written = written_table(each.sql)
        if written and written[1] not in created and ddl and not each.autocommit:
            message = f"{written[0]} on {written[1]} beside DDL (line {ddl[0].line})."
            yield "data-and-ddl", each.line, message
            return


def whole_table_write(statements: Sequence[Statement]) -> Iterator[Violation]:
    """Every row is locked and doubled in one transaction."""
    created = {created_table(each.sql) for each in statements}
    for each in statements:
        written = written_table(each.sql)
        if written and written[1] not in created and writes_whole_table(each.sql):
            yield "whole-table-write", each.line, f"{written[0]} of every row of {written[1]}."


def do_block(statements: Sequence[Statement]) -> Iterator[Violation]:
    """squawk sees nothing inside."""
    for each in statements:
        if is_do_block(each.sql):
            yield "do-block", each.line, "A DO block, whose inside is not checked."


def _is_setting(sql: str) -> bool:
    return sql.upper().startswith(("SET ", "RESET "))


STATEMENT_RULES: Final[tuple[Callable[[Sequence[Statement]], Iterator[Violation]], ...]] = (
    concurrent_in_transaction,
    several_concurrent_operations,
    sql_before_autocommit,
    data_and_ddl,
    whole_table_write,
    do_block,
)
