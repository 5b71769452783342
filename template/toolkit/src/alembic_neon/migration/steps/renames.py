"""Renames: one revision before all else, as what follows uses the new names."""

from collections.abc import Sequence

from ..autogenerate.rename_ops import rename_operations
from ..autogenerate.renames import Rename
from .step import Stage, Step


def rename_steps(renames: Sequence[Rename]) -> list[Step]:
    """Return the step that renames everything, or none where nothing is renamed."""
    if not renames:
        return []
    upgrade, downgrade = rename_operations(renames)
    asked = [each for each in renames if each.kind in ("table", "column")]
    names = [f"{each.label} to {each.new_name}" for each in asked or renames]
    following = len(renames) - len(names)
    more = f", and {following} name{'s' * (following > 1)} that follow" if following else ""
    tables = sorted({each.table or each.name for each in asked})
    locks = [f"ACCESS EXCLUSIVE on {table}, for a moment" for table in tables]
    return [
        Step(
            Stage.RENAME,
            "rename",
            f"Renames {', '.join(names)}{more}",
            upgrade,
            downgrade,
            locks="; ".join(locks),
            alone=True,
            with_code=bool(asked),
        )
    ]
