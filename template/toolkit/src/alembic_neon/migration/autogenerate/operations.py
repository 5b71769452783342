"""The operations of a proposed revision, one after the other."""

from collections.abc import Callable, Iterator

from alembic.operations.ops import MigrateOperation, OpContainer


def flat_operations(container: OpContainer) -> Iterator[MigrateOperation]:
    """Yield the operations in a container and in those within it, in their order."""
    for op in container.ops:
        if isinstance(op, OpContainer):
            yield from flat_operations(op)
        else:
            yield op


def remove_operations(container: OpContainer, unwanted: Callable[[MigrateOperation], bool]) -> None:
    """Take operations out of a container and of those within it."""
    for op in container.ops:
        if isinstance(op, OpContainer):
            remove_operations(op, unwanted)
    container.ops[:] = [op for op in container.ops if not unwanted(op)]
