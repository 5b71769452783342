"""What a round trip found, and how a person reads it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .catalog import Difference
from .rows import Loss, Unfilled
from .step_failures import Failure
from .suggested_fixes import OF_ORDER, advice, is_of_order

_TABLE: Final = re.compile(r"(partitioned )?table ")


@dataclass
class RoundTrip:
    """The findings of one revision's round trip: nothing is found where the downgrade is right.

    `place` is the line of the downgrade, `irreversible` and `data_loss` are what the file declares.
    `lost` are the values and rows that were there before the revision, and are not there after its
    downgrade; `unfilled` the tables that were empty all the time, as nothing fits into them.
    """

    revision: str
    message: str
    place: str
    irreversible: str = ""
    data_loss: str = ""
    failure: Failure | None = None
    after_downgrade: Sequence[Difference] = ()
    after_second_upgrade: Sequence[Difference] = ()
    lost: Sequence[Loss] = ()
    unfilled: Sequence[Unfilled] = ()
    duration_ms: float = field(default=0.0, compare=False)

    @property
    def schema_is_kept(self) -> bool:
        """Whether every step ran, and left the schema as it must be."""
        return not (self.failure or self.after_downgrade or self.after_second_upgrade)

    @property
    def ok(self) -> bool:
        """Whether the schema is kept, and no value was lost but those that the file says."""
        return self.schema_is_kept and not (self.lost and not self.data_loss)

    def __str__(self) -> str:
        if self.ok:
            return self._praise()
        lines = [f"{self.place}: revision {self.revision} ({self.message})"]
        if self.failure:
            lines += _indented(str(self.failure))
        for title, found in (
            ("the downgrade does not give back the schema from before:", self.after_downgrade),
            ("the second upgrade does not make what the first made:", self.after_second_upgrade),
        ):
            if found:
                lines += [f"  {title}"]
            lines += _differences(found)
        if self.lost and not self.data_loss:
            lines += ["  the downgrade does not give back the values from before:"]
            lines += [line for loss in self.lost for line in _indented(str(loss), 4)]
            lines += ['      → Keep them, or say in the file that they go: data_loss = "why"']
        return "\n".join(lines)

    def _praise(self) -> str:
        if self.irreversible:
            return f"{self.revision} is irreversible: {self.irreversible}"
        if self.data_loss:
            return f"{self.revision} loses data, and says so: {self.data_loss}"
        return f"{self.revision} goes up, down and up again, and leaves the same schema and rows"


def _differences(found: Sequence[Difference]) -> list[str]:
    lines: list[str] = []
    moved = [each.object.removeprefix("column ") for each in found if is_of_order(each)]
    names = {each.object for each in found}
    whole = [each for each in found if _TABLE.match(each.object) and None in (each.was, each.now)]
    tables = {_TABLE.sub("", each.object) for each in whole}
    for difference in found:
        if not (is_of_order(difference) or _is_told(difference, names, tables)):
            lines += _indented(str(difference), 4)
            lines += [f"      → {hint}" for hint in advice(difference)]
    if moved:  # one that moves to the end moves those behind it as well
        lines += [f"    ~ columns in another place: {', '.join(moved)}", f"      → {OF_ORDER}"]
    return lines


def _is_told(difference: Difference, names: set[str], tables: set[str]) -> bool:
    """Whether a whole table, or a column that is NOT NULL, says it already."""
    kind, _, name = difference.object.partition(" ")
    definition = difference.was or difference.now or ""
    table = name.rpartition(".")[0]
    if kind in ("column", "constraint") and table in tables:
        return True
    if kind == "constraint" and definition.startswith("NOT NULL "):
        return f"column {table}.{definition.split()[2]}" in names
    return kind == "index" and any(f" ON {each} USING " in definition for each in tables)


def _indented(text: str, by: int = 2) -> list[str]:
    return [" " * by + line for line in text.splitlines()]
