"""Indexes of tables that exist: built and dropped concurrently, and replaced without a gap."""

from copy import copy
from typing import Any, Final

from alembic.operations.ops import CreateIndexOp, DropIndexOp, MigrateOperation

from ..autogenerate.missed_changes import execute
from .blocks import autocommit, ignored
from .changes import Change, target
from .facts import ExistingTable
from .step import Phase, Stage, Step
from .work import Work, label

_MAX_NAME: Final = 63
_LOCKS: Final = "none that stops readers or writers"


def create_index(change: Change, work: Work) -> list[Step] | None:
    """Build an index concurrently, alone in its revision."""
    op, down = change.up, change.down
    table = work.facts.table(op)
    if table is None or not isinstance(op, CreateIndexOp) or not isinstance(down, DropIndexOp):
        return None
    if table.is_partitioned:
        return [_on_partitions(op, down, table)]
    if work.is_replaced(op):
        return [] if not work.is_rewritten(table) else None  # drop_index() writes both
    summary = f"Builds index {op.index_name} on {table.name} concurrently"
    return [_built(op, down, table, "index", summary)]


def drop_index(change: Change, work: Work) -> list[Step] | None:
    """Drop an index concurrently, once no release needs it; or replace it by one of its name."""
    op, down = change.up, change.down
    table = work.facts.table(op)
    if table is None or not isinstance(op, DropIndexOp) or not isinstance(down, CreateIndexOp):
        return None
    if work.is_replaced(op):
        return None if work.is_rewritten(table) or table.is_partitioned else _replaced(op, work)
    if work.is_dropped(table) or work.goes_with_columns(table, _text(down)):
        why = "it goes with its table or column, which are locked for as long"
        up = [ignored("require-concurrent-index-deletion", why), op]
        return [Step(Stage.CONTRACT, "drop", "", up, [down], label(table), "contract")]
    if table.is_partitioned:
        return [Step(Stage.CONTRACT, "drop", "", [op], [down], label(table), "contract")]
    phase: Phase = (
        "expand" if down.unique else "contract"
    )  # the new release may write what it forbids
    stage = Stage.FINISH if down.unique else Stage.CONTRACT
    summary = f"Drops index {op.index_name} concurrently"
    step = _dropped(op, down, table, "drop index", summary)
    return [
        Step(
            stage,
            step.slug,
            summary,
            step.upgrade,
            step.downgrade,
            label(table),
            phase,
            _LOCKS,
            alone=True,
        )
    ]


def concurrently(op: Any) -> MigrateOperation:
    """Return an operation on an index as one that runs outside of the transaction."""
    copied = copy(op)
    copied.kw = {**op.kw, "postgresql_concurrently": True}
    if isinstance(op, CreateIndexOp):
        copied.if_not_exists = True
    else:
        copied.if_exists = True
    return autocommit(copied)


def _built(
    op: CreateIndexOp, down: DropIndexOp, table: ExistingTable, slug: str, summary: str
) -> Step:
    up, undo = [concurrently(op)], [concurrently(down)]
    return Step(Stage.INDEX, slug, summary, up, undo, label(table), locks=_LOCKS, alone=True)


def _dropped(
    op: DropIndexOp, down: CreateIndexOp, table: ExistingTable, slug: str, summary: str
) -> Step:
    up, undo = [concurrently(op)], [concurrently(down)]
    return Step(Stage.INDEX, slug, summary, up, undo, label(table), locks=_LOCKS, alone=True)


def _replaced(op: DropIndexOp, work: Work) -> list[Step] | None:
    """Build the new index under another name, drop the old one, and give the new one its name."""
    pairs = [c for c in work.changes if target(c.up) == target(op)]
    new = next((c.up for c in pairs if isinstance(c.up, CreateIndexOp)), None)
    old = next((c.down for c in pairs if isinstance(c.down, CreateIndexOp)), None)
    table = work.facts.table(op)
    if new is None or old is None or table is None:
        return None
    name = str(op.index_name)
    other = f"{name[: _MAX_NAME - 4]}_new"
    new_other = copy(new)
    new_other.index_name = other
    drop_other = copy(op)
    drop_other.index_name = other
    quoted = work.facts.quoted
    schema = work.facts.sql_name(table).rpartition(".")[0]
    prefix = f"{schema}." if schema else ""
    rename = f"ALTER INDEX {prefix}{quoted(other)} RENAME TO {quoted(name)}"
    back = f"ALTER INDEX {prefix}{quoted(name)} RENAME TO {quoted(other)}"
    why = "nothing asks for the name that it had while it was built"
    return [
        _built(new_other, drop_other, table, "new index", f"Builds the new {name} as {other}"),
        _dropped(op, old, table, "drop old index", f"Drops the old {name} concurrently"),
        Step(
            Stage.INDEX,
            "rename index",
            f"Renames {other} to {name}",
            [ignored("renaming-object", why), execute(rename)],
            [execute(back)],
            label(table),
            locks=_LOCKS,
            alone=True,
        ),
    ]


def _on_partitions(op: CreateIndexOp, down: DropIndexOp, table: ExistingTable) -> Step:
    """Build an index on a partitioned table, which PostgreSQL cannot do concurrently."""
    why = "PostgreSQL builds no index of a partitioned table concurrently"
    return Step(
        Stage.INDEX,
        "index",
        f"Builds index {op.index_name} on each partition of {table.name}",
        [ignored("require-concurrent-index-creation", why), op],
        [down],
        label(table),
        locks=f"SHARE on {table.name} until it is built: nobody can write",
        alone=True,
    )


def _text(op: CreateIndexOp) -> str:
    """Return the words of an index, in which its columns can be found."""
    return " ".join([*map(str, op.columns), *map(str, op.kw.values())])
