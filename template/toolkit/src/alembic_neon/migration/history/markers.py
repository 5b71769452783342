"""What a revision file says of itself in variables, read by runner, tests and rehearsals alike."""

from pathlib import Path
from typing import Final

from alembic.script import Script

from ...errors import MigrationError

_PHASES: Final = ("", "expand", "contract")


def revision_marker(script: Script, name: str) -> str:
    """Return what a revision file says in a variable: `irreversible = "why"`; "" for nothing.

    `irreversible`: why there is no downgrade. The runner refuses one, the round trip is shown as
    skipped, and a rehearsal asks for a review.
    `data_loss`: why the revision loses rows or values, knowingly; a column that is added again may
    stand in another place. A rehearsal warns instead of blocking.
    `mixed`: why it may do other things beside what runs outside its transaction, which the runner
    otherwise refuses, as an interruption leaves it half-done.
    `phase`: "contract" where it removes what an older release that still runs may need.
    """
    return str(getattr(script.module, name, None) or "")


def is_contracting(script: Script) -> bool:
    """Tell whether a revision may run only when no running release needs what it removes.

    Raises:
        MigrationError: its phase is neither "expand" nor "contract".
    """
    phase = revision_marker(script, "phase")
    if phase not in _PHASES:
        raise MigrationError(
            f"{Path(script.path).name} has the phase {phase!r}.",
            'It is "contract", or "expand" as where none is given.',
        )
    return phase == "contract"
