"""Drops that autogenerate proposes: which are left out, and what the others say in the file."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.operations.ops import (
    DropColumnOp,
    DropTableOp,
    MigrateOperation,
    MigrationScript,
    OpContainer,
)
from alembic.script import ScriptDirectory

from .operations import flat_operations

_log = logging.getLogger("alembic.autogenerate.drops")


class CommentOp(MigrateOperation):
    """A line of comment in the body of a revision."""

    def __init__(self, text: str) -> None:
        self.text = text

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` shows."""
        return ("comment", self.text)


@renderers.dispatch_for(CommentOp)
def _render_comment(context: AutogenContext, op: CommentOp) -> str:
    return f"# {op.text}"


def skip_unmanaged_tables(script: MigrationScript, config: Config) -> None:
    """Take the drops of tables out that no revision file names, and warn of each.

    A live database may have tables of other programs. What a revision made is named in its file.
    """
    for upgrade, downgrade in zip(script.upgrade_ops_list, script.downgrade_ops_list, strict=True):
        dropped = [op for op in flat_operations(upgrade) if isinstance(op, DropTableOp)]
        unmanaged = {_key(op) for op in dropped} - _named(dropped, config)
        for ops in (upgrade, downgrade):
            ops.ops[:] = [op for op in ops.ops if _key(op) not in unmanaged]
        for schema, name in sorted(unmanaged, key=str):
            place = name if schema is None else f"{schema}.{name}"
            _log.warning("Table %s is in no model and in no revision: it is left alone.", place)


def comment_drops(script: MigrationScript) -> None:
    """Put a comment before each drop of a column or a table of the upgrade."""
    for ops in script.upgrade_ops_list:
        _comment(ops)


def _comment(container: OpContainer) -> None:
    commented: list[MigrateOperation] = []
    for op in container.ops:
        if isinstance(op, OpContainer):
            _comment(op)
        elif isinstance(op, DropColumnOp):
            lost = f"drops column {op.table_name}.{op.column_name} and its values"
            commented.append(CommentOp(lost))
        elif isinstance(op, DropTableOp):
            commented.append(CommentOp(f"drops table {op.table_name} and its rows"))
        commented.append(op)
    container.ops[:] = commented


def _key(op: Any) -> tuple[str | None, str | None]:
    return getattr(op, "schema", None), getattr(op, "table_name", None)


def _named(dropped: Sequence[DropTableOp], config: Config) -> set[tuple[str | None, str | None]]:
    """Return those of the dropped tables whose names stand in a revision file."""
    if not dropped:
        return set()
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    text = "\n".join(Path(script.path).read_text(encoding="utf-8") for script in scripts)
    return {_key(op) for op in dropped if re.search(rf"\b{re.escape(op.table_name)}\b", text)}
