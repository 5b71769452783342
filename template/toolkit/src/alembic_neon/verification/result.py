"""What a round trip found, and how a person reads it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .catalog import CatalogObject, Difference
from .rows import Loss, Unfilled
from .step_failures import Failure
from .suggested_fixes import COLUMN_ORDER, suggest_fixes

_TABLES: Final = ("table", "partitioned table", "foreign table", "composite type")


@dataclass
class RoundTrip:
    """The findings of one revision's round trip: nothing is found where the downgrade is right.

    `location` is the line of the downgrade, `irreversible` and `data_loss` what the file declares.
    `lost` are the values and rows that were there before the revision, and are not there after its
    downgrade; `unfilled` the tables that were empty all the time, as nothing fits into them.
    """

    revision: str
    message: str
    location: str
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
            return self._success_message()
        location = self.failure.location if self.failure else self.location
        lines = [f"{location}: revision {self.revision} ({self.message})"]
        if self.failure:
            lines += _indented(str(self.failure))
        for title, found in (
            ("the downgrade does not restore the schema from before:", self.after_downgrade),
            ("the second upgrade does not make what the first made:", self.after_second_upgrade),
        ):
            if found:
                lines += [f"  {title}"]
            lines += _differences(found)
        if self.lost and not self.data_loss:
            lines += ["  the downgrade does not restore the values from before:"]
            lines += [line for loss in self.lost for line in _indented(str(loss), 4)]
            lines += ['      → Keep them, or declare in the file that they go: data_loss = "why"']
        return "\n".join(lines)

    def _success_message(self) -> str:
        if self.irreversible:
            return f"{self.revision} is irreversible: {self.irreversible}"
        if self.data_loss:
            return f"{self.revision} loses data, and says so: {self.data_loss}"
        return f"{self.revision} goes up, down and up again, and leaves the same schema and rows"


def _differences(found: Sequence[Difference]) -> list[str]:
    lines: list[str] = []
    moved = [each.object.identity for each in found if each.is_of_order]
    whole = {
        (each.object.schema, each.object.name)
        for each in found
        if each.object.kind in _TABLES and None in (each.was, each.now)
    }
    columns = {
        (each.object.schema, each.object.table, each.object.name)
        for each in found
        if each.object.kind == "column"
    }
    for difference in found:
        if difference.is_of_order or _is_implied(difference.object, whole, columns):
            continue
        lines += _indented(str(difference), 4)
        lines += [f"      → {hint}" for hint in suggest_fixes(difference, found)]
    if moved:
        lines += [f"    ~ columns in another position: {', '.join(moved)}"]
        lines += [f"      → {COLUMN_ORDER}"]
    return lines


def _is_implied(
    found: CatalogObject, tables: set[tuple[str, str]], columns: set[tuple[str, str, str]]
) -> bool:
    """Whether a whole table, or a column that is NOT NULL, says it already."""
    if found.kind in ("column", "constraint", "index") and (found.schema, found.table) in tables:
        return True
    if not found.is_not_null_constraint:
        return False
    return (found.schema, found.table, found.attributes["column"]) in columns


def _indented(text: str, by: int = 2) -> list[str]:
    return [" " * by + line for line in text.splitlines()]
