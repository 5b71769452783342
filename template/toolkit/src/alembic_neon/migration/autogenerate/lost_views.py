"""Views and the like that read a column or a table that is dropped: a person has to change them."""

from typing import Final

from alembic.operations.ops import DropColumnOp, DropTableOp, MigrateOperation, OpContainer

from ...errors import MigrationError
from .catalog_changes import CatalogComparison
from .operations import flat_operations

_KINDS: Final = ("view", "materialized view", "rule", "policy", "trigger")


def refuse_lost_views(ops: OpContainer, comparison: CatalogComparison, schema: str) -> None:
    """Refuse an upgrade that drops what a view, a rule, a policy or a trigger reads.

    Raises:
        MigrationError: there is one.
    """
    for op in flat_operations(ops):
        labels, lost, table = _dropped(op, comparison, schema)
        for change in (each for label in labels for each in comparison.dependents.get(label, ())):
            found = change.definition
            if found.kind in _KINDS and found.table != table:
                raise MigrationError(
                    f"The {change.label} reads {lost}, which the models no longer have.",
                    "Change or drop it in a revision of its own first: db revision --empty -m TEXT",
                )


def _dropped(
    op: MigrateOperation, comparison: CatalogComparison, schema: str
) -> tuple[list[str], str, str | None]:
    """Return the labels that an operation drops, how a person calls it, and the table of it."""
    if isinstance(op, DropColumnOp):
        column = f"{op.table_name}.{op.column_name}"
        return [f"column {op.schema or schema}.{column}"], f"column {column}", None
    if isinstance(op, DropTableOp):
        start = f"column {op.schema or schema}.{op.table_name}."
        labels = [label for label in comparison.dependents if label.startswith(start)]
        return labels, f"table {op.table_name}", op.table_name
    return [], "", None
