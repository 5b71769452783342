"""The operation that renames an object: as SQL, and as a line of a revision file."""

from collections.abc import Sequence
from typing import Any, Final

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrateOperation, OpContainer

from ...engine.sqlalchemy_internals import dialect
from .renames import DEFAULT_SCHEMA, Rename

# Where a command leaves them in `config.attributes`, as a sequence of `Rename`.
RENAMES: Final = "renames"

_quote: Final = dialect().identifier_preparer.quote
_SQL: Final = {
    "table": "ALTER TABLE {schema}.{name} RENAME TO {new_name}",
    "column": "ALTER TABLE {schema}.{table} RENAME COLUMN {name} TO {new_name}",
    "constraint": "ALTER TABLE {schema}.{table} RENAME CONSTRAINT {name} TO {new_name}",
    "index": "ALTER INDEX {schema}.{name} RENAME TO {new_name}",
    "sequence": "ALTER SEQUENCE {schema}.{name} RENAME TO {new_name}",
    "enum": "ALTER TYPE {schema}.{name} RENAME TO {new_name}",
}
_WITH_CODE: Final = "the code that uses the new name is deployed with it"
_BY_NO_NAME: Final = "nothing asks for it by its name"
# Which rule of the linter has something to say of each, and why it need not.
_IGNORES: Final = {
    "table": f"renaming-table: {_WITH_CODE}",
    "column": f"renaming-column: {_WITH_CODE}",
    "constraint": f"renaming-object: {_BY_NO_NAME}",
    "index": f"renaming-object: {_BY_NO_NAME}",
    "sequence": f"renaming-object: {_BY_NO_NAME}",
    "enum": f"renaming-object: {_WITH_CODE}",
}


class RenameOp(MigrateOperation):
    """Renames an object; only an upgrade is linted, and has comments for that."""

    def __init__(self, rename: Rename, *, is_upgrade: bool = True) -> None:
        self.rename = rename
        self.is_upgrade = is_upgrade

    def reverse(self) -> "RenameOp":
        """Return the operation that reverts it."""
        return RenameOp(self.rename.reverse(), is_upgrade=not self.is_upgrade)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` shows."""
        return (f"rename_{self.rename.kind}", self.rename.label, self.rename.new_name)


def rename_sql(rename: Rename, *, always_qualified: bool = True) -> str:
    """Return the statement; the default schema is left to the search path where that is asked."""
    sql = _SQL[rename.kind]
    if rename.schema == DEFAULT_SCHEMA and not always_qualified:
        sql = sql.replace("{schema}.", "")
    return sql.format(
        schema=_quote(rename.schema),
        table=_quote(rename.table),
        name=_quote(rename.name),
        new_name=_quote(rename.new_name),
    )


def rename_operations(
    renames: Sequence[Rename],
) -> tuple[list[MigrateOperation], list[MigrateOperation]]:
    """Return the operations of the upgrade and those of the downgrade, each in its order."""
    upgrade: list[MigrateOperation] = [RenameOp(each) for each in renames]
    return upgrade, [each.reverse() for each in reversed(upgrade)]


def add_renames(renames: Sequence[Rename], upgrade: OpContainer, downgrade: OpContainer) -> None:
    """Begin the upgrade with the renames, and end the downgrade with what takes them back."""
    first, last = rename_operations(renames)
    upgrade.ops[:0] = first
    downgrade.ops += last


@renderers.dispatch_for(RenameOp)
def _render_rename(_: AutogenContext, op: RenameOp) -> list[str]:
    rename = op.rename
    schema = "" if rename.schema == DEFAULT_SCHEMA else f", schema={rename.schema!r}"
    match rename.kind:
        case "table":
            line = f"op.rename_table({rename.name!r}, {rename.new_name!r}{schema})"
        case "column":
            line = (
                f"op.alter_column({rename.table!r}, {rename.name!r}, "
                f"new_column_name={rename.new_name!r}{schema})"
            )
        case _:
            sql = rename_sql(rename, always_qualified=False).replace(":", r"\:")
            line = f"op.execute({sql!r})"
    ignore = _IGNORES.get(rename.kind)
    return [f"# squawk-ignore {ignore}", line] if ignore and op.is_upgrade else [line]
