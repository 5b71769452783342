"""The words and numbers that all reports share."""

from inspect import cleandoc
from typing import Final

from ...migration.trace.lock_modes import blocks_reads, blocks_writes
from ...migration.trace.tracer import Lock
from ..result import Rehearsal
from ..verdict import Verdict
from .statements import StatementGroup

VERDICT_SIGNS: Final[dict[Verdict, str]] = {"safe": "✅", "review": "🔎", "blocked": "⛔"}
_MOST_NAMES: Final = 20
SEVERITY_SIGNS: Final = {"error": "⛔", "warning": "🔎", "info": "💬"}


def verdict_line(rehearsal: Rehearsal) -> str:
    """Return the verdict in a line, with the number of findings that made it."""
    count = len(rehearsal.reasons)
    if rehearsal.verdict == "blocked":
        return f"Blocked: {counted(count, 'error')} must be fixed before promoting"
    if rehearsal.verdict == "review":
        return f"Needs review: {counted(count, 'warning')}"
    return "Safe: no errors or warnings"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, "1 table" or "2 tables"."""
    return f"{count} {noun}{'s' * (count != 1)}"


def origin(rehearsal: Rehearsal) -> str:
    """Return what was rehearsed and when: the project, its commit and the date."""
    parts = [rehearsal.project, rehearsal.commit and f"commit {rehearsal.commit}"]
    parts.append(f"{rehearsal.started_at:%Y-%m-%d %H:%M %Z}")
    return ", ".join(part for part in parts if part)


def not_tried(rehearsal: Rehearsal) -> str:
    """Name the pending revisions that no run got to; "" for none."""
    names = rehearsal.not_tried
    if not names:
        return ""
    shown = ", ".join(names[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"Not tried, as a revision before failed: {shown}{more}"


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


def group_duration(group: StatementGroup) -> str:
    """Return how long the statements of a group took, and their number where there are several."""
    return duration(group.duration_ms) + (f" ({group.count} times)" if group.count > 1 else "")


def effects(group: StatementGroup) -> str:
    """Say which tables the statements rewrote or read in full."""
    parts = [f"rewrote {name}" for name in group.rewrites]
    parts += [f"read all of {name}" for name in group.scans if name not in group.rewrites]
    return ", ".join(parts)


def summary(rehearsal: Rehearsal) -> str:
    """Say in one line what would be promoted where, and how long it took."""
    plan = rehearsal.plan
    return (
        f"{counted(len(rehearsal.revisions), 'revision')}, {plan.base_revision} → "
        f"{plan.target_revision}, on a copy of {rehearsal.target}, PostgreSQL "
        f"{rehearsal.postgres_version}: {duration(rehearsal.phases_ms.get('upgrade', 0))}"
    )


def round_trip_words(rehearsal: Rehearsal) -> str:
    """Say what the round trip on the branch showed."""
    trip = rehearsal.round_trip
    if trip.differences:
        return f"{counted(len(trip.differences), 'difference')} after downgrade and upgrade"
    if not trip.checked:
        return "; ".join(f"{name} is irreversible" for name, _ in trip.irreversible) or "not run"
    tail = f"; {len(trip.irreversible)} irreversible" if trip.irreversible else ""
    return f"{counted(trip.checked, 'revision')} reverted and applied again: same schema{tail}"


def key_figures(rehearsal: Rehearsal) -> list[tuple[str, str]]:
    """Return what a person wants to know first: the longest waits, and the tables worked on."""
    statements = [each for revision in rehearsal.revisions for each in revision.statements]
    locks = [lock for statement in statements for lock in statement.locks]
    waits = {
        "longest wait for reads": [lock for lock in locks if blocks_reads(lock.mode)],
        "longest wait for writes": [lock for lock in locks if blocks_writes(lock.mode)],
    }
    rewrites = {name for statement in statements for name in statement.rewrites}
    scans = {name for statement in statements for name in statement.scans} - rewrites
    return [
        *(
            (name, duration(max((each.held_ms for each in held), default=0.0)))
            for name, held in waits.items()
        ),
        ("tables rewritten", str(len(rewrites))),
        ("full table scans", str(len(scans))),
    ]
