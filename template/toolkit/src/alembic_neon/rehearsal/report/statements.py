"""The statements as the reports show them: equal ones as one with a count, and not too many."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ...migration.trace.lock_modes import blocks_writes, strength
from ...migration.trace.tracer import Lock, RevisionTrace, Statement


@dataclass
class StatementGroup:
    """Equal statements of one revision. Times are in milliseconds, `ended_ms` that of the last.

    Of several locks on one relation the strongest is shown, and the longest time it was held.
    """

    number: int
    revision: RevisionTrace
    sql: str
    started_ms: float
    ended_ms: float = 0.0
    count: int = 0
    duration_ms: float = 0.0
    rows: int | None = None
    failed: bool = False
    locks: list[Lock] = field(default_factory=list)
    rewrites: list[str] = field(default_factory=list)
    scans: list[str] = field(default_factory=list)

    @property
    def strong_locks(self) -> list[Lock]:
        """The locks for which somebody would have to wait."""
        return [lock for lock in self.locks if blocks_writes(lock.mode)]

    def add(self, statement: Statement) -> None:
        """Count one more."""
        self.count += 1
        self.duration_ms += statement.duration_ms
        self.ended_ms = max(self.ended_ms, statement.started_ms + statement.duration_ms)
        self.failed = self.failed or statement.failed
        if statement.rows is not None:
            self.rows = (self.rows or 0) + statement.rows
        for lock in statement.locks:
            self._add_lock(lock)
        self.rewrites += [name for name in statement.rewrites if name not in self.rewrites]
        self.scans += [name for name in statement.scans if name not in self.scans]

    def _add_lock(self, lock: Lock) -> None:
        for known in self.locks:
            if known.relation == lock.relation:
                known.mode = max(known.mode, lock.mode, key=strength)
                known.held_ms = max(known.held_ms, lock.held_ms)
                return
        self.locks.append(Lock(lock.relation, lock.mode, lock.held_ms))


def group_statements(revisions: Iterable[RevisionTrace]) -> list[StatementGroup]:
    """Group the equal statements of each revision, in the order of the first of them."""
    groups: dict[tuple[str, str], StatementGroup] = {}
    for revision in revisions:
        for statement in revision.statements:
            key = (revision.revision, statement.sql)
            group = groups.get(key)
            if group is None:
                number = len(groups) + 1
                group = StatementGroup(number, revision, statement.sql, statement.started_ms)
                groups[key] = group
            group.add(statement)
    return list(groups.values())


def most_important(groups: list[StatementGroup], most: int) -> list[StatementGroup]:
    """Return at most so many groups in their order: what failed, blocks, rewrites or takes long."""

    def weight(group: StatementGroup) -> tuple[bool, bool, bool, float]:
        works = bool(group.rewrites or group.scans)
        return group.failed, bool(group.strong_locks), works, group.duration_ms

    chosen = sorted(groups, key=weight, reverse=True)[:most]
    return sorted(chosen, key=lambda group: group.number)
