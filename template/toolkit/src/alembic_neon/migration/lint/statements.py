"""The SQL of a revision, each statement with its line in the Python file.

The upgrade is run without a database, as `alembic upgrade --sql` does, and each statement is kept
with the line that made it. A revision that asks the database for data cannot be run to its end so;
from there on, the SQL that stands in the file as text is taken.
"""

import ast
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from sqlalchemy import Dialect, Index, text
from sqlalchemy.exc import CompileError

from ...engine.sql_statement import SqlStatement, read_statements
from .offline_connection import OfflineConnection
from .type_changes import keeps_rows

_PARAMETER: Final = re.compile(r"(?<![:\w]):[A-Za-z_]\w*")
_TRANSACTION: Final = {"BEGIN;", "COMMIT;"}


@dataclass(frozen=True)
class Statement:
    """One statement, without blank lines.

    `autocommit`: it runs outside of a transaction. `keeps_rows`: it changes a column's type and
    writes no row anew. `table`: that of the index which it drops, where the file names it.
    """

    sql: str
    line: int
    autocommit: bool
    keeps_rows: bool = False
    table: str | None = None

    @property
    def parts(self) -> tuple[SqlStatement, ...]:
        """The statements of SQL in it: one, where `op.execute` is not given several as one text."""
        return read_statements(self.sql)


@dataclass(frozen=True)
class Rendered:
    """The statements of one function. `failure` says why not all of it could be rendered."""

    statements: tuple[Statement, ...]
    failure: str = ""
    failure_line: int | None = None


def render(script: Script, tree: ast.Module, function: str = "upgrade") -> Rendered:
    """Return what a function of `script` would execute; `tree` is the file's syntax tree."""
    recorder = _Recorder(script.path)
    try:
        with recorder.context():
            getattr(script.module, function)()
    except Exception as error:  # noqa: BLE001 - whatever a revision does without a database
        line = _line_in(script.path, error) or 1
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        seen = {statement.line for statement in recorder.statements}
        rest = [found for found in _literals(tree, function) if found.line not in seen]
        everything = sorted([*recorder.statements, *rest], key=lambda each: each.line)
        return Rendered(tuple(everything), reason, line)
    return Rendered(tuple(recorder.statements))


class _Recorder:
    """An offline context that keeps each statement with the line of the revision that made it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._autocommit = False
        self._keeps_rows = False
        self._table: str | None = None
        self.statements: list[Statement] = []

    @contextmanager
    def context(self) -> Iterator[None]:
        """Let `op` work on this recorder."""
        context = MigrationContext.configure(
            dialect_name="postgresql",
            opts={"as_sql": True, "literal_binds": True, "target_metadata": None},
        )
        impl = context.impl
        self._dialect = context.dialect
        execute = impl._exec

        def execute_or_render_nulls(construct: Any, *args: Any, **kwargs: Any) -> None:
            try:
                execute(construct)
            except CompileError:  # a value that is given later, or has no type to write it in
                self._keep(_with_nulls(construct, context.dialect))

        alter_column, drop_index = impl.alter_column, impl.drop_index

        def alter(*args: Any, **options: Any) -> None:
            old, new = options.get("existing_type"), options.get("type_")
            is_known = old is not None and new is not None and "postgresql_using" not in options
            self._keeps_rows = is_known and keeps_rows(old, new, context.dialect)
            alter_column(*args, **options)
            self._keeps_rows = False

        def drop(index: Index, **options: Any) -> None:
            self._table = None if index.table is None else index.table.fullname
            drop_index(index, **options)
            self._table = None

        impl._exec = execute_or_render_nulls  # type: ignore[method-assign]
        impl.static_output = self._keep  # type: ignore[method-assign]
        impl.alter_column = alter  # type: ignore[method-assign]
        impl.drop_index = drop  # type: ignore[method-assign]
        impl.connection = OfflineConnection(context.dialect, self._keep_from_connection)  # type: ignore[assignment]
        with Operations.context(context):
            yield

    def _keep_from_connection(self, construct: Any) -> None:
        self._keep(_with_nulls(construct, self._dialect))

    def _keep(self, text: str) -> None:
        if text.strip() in _TRANSACTION:  # an autocommit_block ends and begins the transaction
            self._autocommit = text.strip() == "COMMIT;"
            return
        sql = "\n".join(line for line in text.splitlines() if line.strip())
        if sql:
            line = self._line()
            self.statements.append(
                Statement(sql, line, self._autocommit, self._keeps_rows, self._table)
            )

    def _line(self) -> int:
        frame: Any = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename != self._path:
            frame = frame.f_back
        return frame.f_lineno if frame is not None else 1


def _with_nulls(construct: Any, dialect: Dialect) -> str:
    """Return a statement with NULL for each value: what is linted does not depend on values."""
    compiled = (text(construct) if isinstance(construct, str) else construct).compile(
        dialect=dialect
    )
    names = "|".join(map(re.escape, compiled.params or ())) or "$."
    return re.sub(rf"(?<![:\w]):(?:{names})\b|%\((?:{names})\)s", "NULL", str(compiled)) + ";"


def _line_in(path: str, error: BaseException) -> int | None:
    traceback, line = error.__traceback__, None
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == path:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _literals(tree: ast.Module, name: str) -> Iterator[Statement]:
    """Yield the SQL that `execute("…")` is given as text in a function of the file."""
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and function.name == name:
            blocks = [
                (node.lineno, node.end_lineno or node.lineno)
                for node in ast.walk(function)
                if isinstance(node, ast.With) and "autocommit_block" in ast.unparse(node.items[0])
            ]
            for node in _walk(function):
                sql = _executed(node)
                if sql:
                    line: int = node.lineno  # type: ignore[attr-defined]
                    autocommit = any(first <= line <= last for first, last in blocks)
                    sql = "\n".join(each for each in sql.splitlines() if each.strip())
                    sql = _PARAMETER.sub("NULL", sql)
                    yield Statement(sql.rstrip(";") + ";", line, autocommit)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is below a node, without the branches of other databases."""
    yield node
    for name, value in ast.iter_fields(node):
        if isinstance(node, ast.If) and name in ("body", "orelse"):
            runs = _runs_on_postgresql(node.test)
            if runs is not None and runs != (name == "body"):
                continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child)


def _runs_on_postgresql(test: ast.expr) -> bool | None:
    """Return the value of `dialect.name == "sqlite"` and its like on PostgreSQL; None: unknown."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            value = _runs_on_postgresql(operand)
            return None if value is None else not value
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            pass
        case _:
            return None
    if "dialect" not in ast.unparse(left):
        return None
    try:
        names = ast.literal_eval(right)
    except ValueError:
        return None
    is_in = "postgresql" in ([names] if isinstance(names, str) else names)
    if isinstance(operator, (ast.Eq, ast.In)):
        return is_in
    return not is_in if isinstance(operator, (ast.NotEq, ast.NotIn)) else None


def _executed(node: ast.AST) -> str | None:
    match node:
        case ast.Call(func=ast.Attribute(attr="execute"), args=[argument, *_]):
            pass
        case _:
            return None
    if isinstance(argument, ast.Call) and ast.unparse(argument.func).endswith("text"):
        argument = argument.args[0] if argument.args else argument
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    return None
