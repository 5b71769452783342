"""Revisions that mix a statement outside transactions with others, which cannot be run safely.

An `autocommit_block` commits what stands before it, ahead of the version. Where such a revision is
interrupted it is half-done, and is run again from its start.
https://alembic.sqlalchemy.org/en/latest/api/runtime.html#alembic.runtime.migration.MigrationContext.autocommit_block
"""

import ast
from pathlib import Path

from alembic.script import Script

from ...errors import MigrationError
from ...project import tool_settings


def check_single_autocommit_operation(script: Script, *, is_upgrade: bool) -> None:
    """Refuse a revision that does more than one thing and one of them outside its transaction.

    It may say `mixed = "why"`; and `[tool.db] allow_mixed_revisions = true` lets
    all of a history through that was written without this rule.

    Raises:
        MigrationError: it does.
    """
    source = Path(script.path).read_text(encoding="utf-8")
    if "autocommit_block" not in source or getattr(script.module, "mixed", None):
        return
    function = "upgrade" if is_upgrade else "downgrade"
    inside, outside = count_operations(source, function)
    if inside and inside + outside > 1 and not tool_settings().get("allow_mixed_revisions"):
        raise MigrationError(
            f"{Path(script.path).name}: {function}() does {inside + outside} things, and {inside} "
            "of them outside its transaction; interrupted, it would be half-done.",
            'Give each a revision of its own, or say in the file why not: mixed = "why".',
        )


def count_operations(source: str, function: str) -> tuple[int, int]:
    """Return how many `op.…` calls a function has inside `autocommit_block`s, and outside them."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            total = sum(_is_operation(each) for each in ast.walk(node))
            blocks = [each for each in ast.walk(node) if _is_autocommit_block(each)]
            inside = {
                id(each) for block in blocks for each in ast.walk(block) if _is_operation(each)
            }
            return len(inside), total - len(inside)
    return 0, 0


def _is_operation(node: ast.AST) -> bool:
    """Tell `op.create_index(…)` and its like from what runs nothing by itself."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "op"
        and node.func.attr not in ("get_context", "get_bind", "f", "inline_literal")
    )


def _is_autocommit_block(node: ast.AST) -> bool:
    return isinstance(node, ast.With) and any(
        isinstance(item.context_expr, ast.Call)
        and isinstance(item.context_expr.func, ast.Attribute)
        and item.context_expr.func.attr == "autocommit_block"
        for item in node.items
    )
