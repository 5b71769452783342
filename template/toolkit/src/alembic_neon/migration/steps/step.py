"""A step: what one revision of a chain does, which locks it takes, and when it may be deployed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, Literal, Self

from alembic.operations.ops import MigrateOperation

Phase = Literal["expand", "contract"]


_MOST_NAMES: Final = 2


class Stage(IntEnum):
    """The order of the steps of one chain; steps of one stage keep the order of the operations."""

    RENAME = -1  # all others use the new names
    ENUM_VALUES = 0  # a new value can be used from the next transaction on
    REST = 1  # new tables, and whatever is not taken apart
    REWRITE = 2
    QUICK = 3  # the catalog alone is written
    BACKFILL = 4
    INDEX = 5
    CONSTRAINT = 6  # for new rows alone
    VALIDATE = 7
    FINISH = 8
    CONTRACT = 9
    LAST = 10  # what only a contracted schema allows


@dataclass(frozen=True)
class Step:
    """One revision of a chain, or a part of one.

    `slug` names it in the message: "backfill". `summary` is what it does, a sentence without its
    full stop. `table` is the one that it locks, as "schema.table"; steps of the same stage, table
    and phase share a revision, unless they stand `alone`. `locks` is empty where nobody waits.
    `data_loss` and `mixed` are what the file declares. `with_code`: no release works both before
    and after it.
    """

    stage: Stage
    slug: str
    summary: str
    upgrade: Sequence[MigrateOperation]
    downgrade: Sequence[MigrateOperation]
    table: str = ""
    phase: Phase = "expand"
    locks: str = ""
    data_loss: str = ""
    alone: bool = False
    with_code: bool = False

    @property
    def deploy(self) -> str:
        """When its revision is deployed, seen from the release that needs it."""
        if self.with_code:
            return "with the code"
        return "before the code" if self.phase == "expand" else "after the code"

    @property
    def markers(self) -> dict[str, str]:
        """The variables of its revision file."""
        markers = {"phase": "contract"} if self.phase == "contract" else {}
        return markers | ({"data_loss": self.data_loss} if self.data_loss else {})

    def may_join(self, other: Self) -> bool:
        """Tell whether a step can be in the same revision as one right before it."""
        mine, theirs = ((each.stage, each.table, each.phase) for each in (self, other))
        return mine == theirs and not (self.alone or other.alone)

    def joined(self, other: Self) -> Self:
        """Return both as one: this one first, and reverted last."""
        return replace(
            self,
            slug=_slug(self.slug, other.slug),
            summary=_listed(self.summary, other.summary, "; "),
            upgrade=(*self.upgrade, *other.upgrade),
            downgrade=(*other.downgrade, *self.downgrade),
            locks=_listed(self.locks, other.locks, "; "),
            data_loss=_listed(self.data_loss, other.data_loss, " "),
        )


def _slug(first: str, second: str) -> str:
    """Return the name of two steps in one: what matters most, or both."""
    for weightier, lighter in (("drop", "trigger"), ("required", "validate")):
        if {first, second} == {weightier, lighter}:
            return weightier
    parts = [*first.split(" and "), *second.split(" and ")]
    distinct = list(dict.fromkeys(parts))
    return " and ".join(distinct) if len(distinct) <= _MOST_NAMES else "changes"


def _listed(first: str, second: str, separator: str) -> str:
    parts = first.split(separator) if first else []
    return separator.join([*parts, *(each for each in [second] if each and each not in parts)])
