"""What a revision file says of itself in variables, read by runner, tests and rehearsals alike."""

from alembic.script import Script


def revision_marker(script: Script, name: str) -> str:
    """Return what a revision file says in a variable: `irreversible = "why"`; "" for nothing.

    `irreversible`: why there is no downgrade. The runner refuses one, the round trip is shown as
    skipped, and a rehearsal asks for a review.
    `data_loss`: why the revision loses rows or values, knowingly; a column that is added again may
    stand in another place. A rehearsal warns instead of blocking.
    `mixed`: why it may do other things beside what runs outside its transaction, which the runner
    otherwise refuses, as an interruption leaves it half-done.
    """
    return str(getattr(script.module, name, None) or "")
