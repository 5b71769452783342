"""Changes of a column's type: at once where no row is written, else under a lock that is named."""

from alembic.operations.ops import AlterColumnOp, MigrateOperation

from .blocks import ignored
from .changes import Change
from .facts import ExistingTable
from .step import Stage, Step
from .work import Work, label


def rewritten(table: ExistingTable, changes: list[Change], work: Work) -> Step:
    """Return the one step that changes types in place, with what is dropped and made around it."""
    names = [
        change.up.column_name
        for change in changes
        if isinstance(change.up, AlterColumnOp) and work.rewrites(change.up)
    ]
    upgrade: list[MigrateOperation] = []
    for change in changes:
        if isinstance(change.up, AlterColumnOp) and work.rewrites(change.up):
            why = "meant: the table is written anew; db revision --online does it beside it"
            upgrade.append(ignored("changing-column-type", why))
        upgrade.append(change.up)
    return Step(
        Stage.REWRITE,
        "type",
        f"Changes the type of {', '.join(f'{table.name}.{name}' for name in names)}",
        upgrade,
        [change.down for change in reversed(changes) if change.down is not None],
        label(table),
        locks=f"ACCESS EXCLUSIVE on {table.name} until every row is written: nobody can read "
        "(--online does it without)",
        alone=True,
    )
