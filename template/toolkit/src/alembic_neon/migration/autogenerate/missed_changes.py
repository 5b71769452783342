"""Changes that Alembic does not write, although the catalogs differ: they are written as SQL."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from alembic.operations.ops import ExecuteSQLOp, OpContainer

from .no_difference import object_name
from .operations import flat_operations

# Where a command leaves them in `config.attributes`.
MISSED: Final = "missed_changes"
# `text()` takes a colon before a word for a parameter; `::` is a cast.
_PARAMETER: Final = re.compile(r"(?<![:\\]):(?=\w)")


@dataclass(frozen=True)
class MissedChange:
    """An object, named as the catalog names it without quotes, and the statements each way."""

    name: str
    upgrade: tuple[str, ...]
    downgrade: tuple[str, ...]


def add_missed_changes(
    changes: Iterable[MissedChange], upgrade: OpContainer, downgrade: OpContainer, schema: str
) -> None:
    """Append to the upgrade what no operation of it does, and begin the downgrade with it."""
    done = {object_name(op, schema) for op in flat_operations(upgrade)}
    added = [change for change in changes if change.name not in done]
    upgrade.ops += [execute(sql) for change in added for sql in change.upgrade]
    downgrade.ops[:0] = [execute(sql) for change in reversed(added) for sql in change.downgrade]


def execute(sql: str) -> ExecuteSQLOp:
    """Return the operation that runs a statement as it stands."""
    return ExecuteSQLOp(_PARAMETER.sub(r"\\:", sql))
