"""The words and figures that all reports share, so that they say the same of the same."""

from inspect import cleandoc
from typing import Final

from ...migration.trace.lock_modes import blocks_reads, blocks_writes
from ...migration.trace.tracer import Lock, Statement
from ..result import Rehearsal
from ..verdict import Verdict

VERDICT_WORDS: Final[dict[Verdict, str]] = {
    "safe": "safe: nothing stands against it",
    "review": "review: somebody should look before it is promoted",
    "blocked": "blocked: not as it stands",
}
VERDICT_SIGNS: Final[dict[Verdict, str]] = {"safe": "✅", "review": "🔎", "blocked": "⛔"}
SEVERITY_SIGNS: Final = {"error": "⛔", "warning": "🔎", "info": "💬"}


def duration(milliseconds: float) -> str:
    """Return a duration as a person reads it."""
    if milliseconds < 1000:
        return f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"


def unindented(sql: str) -> str:
    """Return a statement without the indentation that it has in its file."""
    return cleandoc(sql)


def who_waits(mode: str) -> str:
    """Say who has to wait while a lock of this mode is held."""
    if blocks_reads(mode):
        return "readers and writers wait"
    return "writers wait" if blocks_writes(mode) else "nobody waits"


def lock_words(lock: Lock) -> str:
    """Say what a lock was, and for how long."""
    return f"{lock.relation}: {lock.mode.removesuffix('Lock')}, {duration(lock.held_ms)}"


def strong_locks(statement: Statement) -> list[Lock]:
    """Return the locks for which somebody would have to wait."""
    return [lock for lock in statement.locks if blocks_writes(lock.mode)]


def effects(statement: Statement) -> str:
    """Say which tables a statement rewrote or read in full."""
    parts = [f"rewrote {name}" for name in statement.rewrites]
    parts += [f"read all of {name}" for name in statement.scans if name not in statement.rewrites]
    return ", ".join(parts)


def summary(rehearsal: Rehearsal) -> str:
    """Say in one line what would be promoted where, and how long it took."""
    plan = rehearsal.plan
    count = len(rehearsal.revisions)
    return (
        f"{count} revision{'s' * (count != 1)}, {plan.base_revision} → {plan.target_revision}, "
        f"on a copy of {rehearsal.parent_branch}, PostgreSQL {rehearsal.postgres_version}: "
        f"{duration(rehearsal.phases_ms.get('upgrade', 0))}"
    )


def round_trip_words(rehearsal: Rehearsal) -> str:
    """Say what the round trip on the branch showed."""
    found = rehearsal.round_trip
    if found.differences:
        return f"{len(found.differences)} differences after going down and up again"
    if not found.checked:
        return "; ".join(f"{name} is irreversible" for name, _ in found.irreversible) or "not run"
    tail = f"; {len(found.irreversible)} cannot go down" if found.irreversible else ""
    return f"{found.checked} went down and up again and left the same schema{tail}"


def key_figures(rehearsal: Rehearsal) -> list[tuple[str, str]]:
    """Return what a person wants to know first: the longest waits, and the tables worked on."""
    statements = [each for revision in rehearsal.revisions for each in revision.statements]
    locks = [lock for statement in statements for lock in statement.locks]
    waits = {
        "longest wait of readers": [lock for lock in locks if blocks_reads(lock.mode)],
        "longest wait of writers": [lock for lock in locks if blocks_writes(lock.mode)],
    }
    rewrites = {name for statement in statements for name in statement.rewrites}
    scans = {name for statement in statements for name in statement.scans} - rewrites
    return [
        *(
            (name, duration(max((each.held_ms for each in held), default=0.0)))
            for name, held in waits.items()
        ),
        ("tables rewritten", str(len(rewrites))),
        ("tables read in full", str(len(scans))),
    ]
