"""CHECKs with names over 63 characters, which Alembic takes for two (Alembic #1864)."""

from alembic.operations.ops import CreateCheckConstraintOp, DropConstraintOp, OpContainer
from sqlalchemy import Dialect
from sqlalchemy.sql.elements import conv


def cancel_shortened_checks(container: OpContainer, dialect: Dialect) -> None:
    """Take out each drop and addition of what is one CHECK, its name shortened in the database."""
    for op in container.ops:
        if isinstance(op, OpContainer):
            cancel_shortened_checks(op, dialect)
    dropped = {op.constraint_name for op in container.ops if isinstance(op, DropConstraintOp)}
    both = {
        name
        for op in container.ops
        if isinstance(op, CreateCheckConstraintOp)
        and (name := _shortened(op, dialect)) in dropped
        and name != op.constraint_name
    }
    if both:
        container.ops[:] = [op for op in container.ops if _name(op, dialect) not in both]


def _name(op: object, dialect: Dialect) -> str | None:
    if isinstance(op, DropConstraintOp):
        return str(op.constraint_name)
    return _shortened(op, dialect) if isinstance(op, CreateCheckConstraintOp) else None


def _shortened(op: CreateCheckConstraintOp, dialect: Dialect) -> str | None:
    name = op.constraint_name
    if name is None:
        return None
    shortened = dialect.identifier_preparer.truncate_and_render_constraint_name(conv(str(name)))
    return None if shortened is None else shortened.strip('"')
