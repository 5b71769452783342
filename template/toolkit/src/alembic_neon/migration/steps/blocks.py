"""Operations that autogenerate does not have: what runs outside of the transaction, and code."""

from collections.abc import Iterable
from textwrap import indent
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op
from alembic.operations.ops import MigrateOperation, OpContainer

from ..autogenerate.drops import CommentOp


class AutocommitOp(OpContainer):
    """Operations inside `with op.get_context().autocommit_block():`."""

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` shows."""
        return ("autocommit", [op.to_diff_tuple() for op in self.ops])


class CodeOp(MigrateOperation):
    """Lines of Python in the body of a revision, and the imports that they need."""

    def __init__(self, code: str, imports: Iterable[str] = ()) -> None:
        self.code = code
        self.imports = tuple(imports)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` shows."""
        return ("code", self.code)


def autocommit(*ops: MigrateOperation) -> AutocommitOp:
    """Return the operations as ones that run outside of the revision's transaction."""
    return AutocommitOp(list(ops))


def ignored(rule: str, why: str) -> CommentOp:
    """Return the comment that silences a rule on the next operation."""
    return CommentOp(f"squawk-ignore {rule}: {why}")


@renderers.dispatch_for(AutocommitOp)
def _render_autocommit(context: AutogenContext, op: AutocommitOp) -> str:
    lines = [line for each in op.ops for line in render_op(context, each)]
    return "with op.get_context().autocommit_block():\n" + indent("\n".join(lines), "    ")


@renderers.dispatch_for(CodeOp)
def _render_code(context: AutogenContext, op: CodeOp) -> str:
    context.imports.update(op.imports)
    return op.code
