"""What a person asks of the steps of a revision, and where a command leaves it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from alembic.config import Config

from ...errors import UsageError

_ATTRIBUTE: Final = "steps"


@dataclass(frozen=True)
class StepOptions:
    """`single`: one revision, whatever it locks. `online`: rewrites and renames by a new column.

    `fills` holds an SQL expression for each column that becomes required, by its name as in
    "tasks.reviewer_id" or "schema.tasks.reviewer_id".
    """

    single: bool = False
    online: bool = False
    fills: Mapping[str, str] = field(default_factory=dict)


def set_step_options(config: Config, options: StepOptions) -> None:
    """Leave the options where the revision is written."""
    config.attributes[_ATTRIBUTE] = options


def step_options(config: Config) -> StepOptions:
    """Return the options; without a command of ours, `alembic revision`, the defaults."""
    found = config.attributes.get(_ATTRIBUTE)
    return found if isinstance(found, StepOptions) else StepOptions()


def read_fills(given: Iterable[str]) -> dict[str, str]:
    """Return `TABLE.COLUMN=SQL` as a dictionary.

    Raises:
        UsageError: one is written otherwise.
    """
    fills: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or "." not in name or not value.strip():
            raise UsageError(
                f"--fill {each} names no column and value.", 'As in: --fill tasks.owner_id="1"'
            )
        fills[name.strip()] = value.strip()
    return fills
