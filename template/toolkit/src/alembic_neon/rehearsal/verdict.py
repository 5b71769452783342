"""The verdict: what a rehearsal measured, held against the thresholds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from ..migration.lint.findings import Finding
from ..migration.sql_line import shortened
from ..migration.trace.lock_modes import blocks_reads, blocks_writes, strength
from ..migration.trace.tracer import Relation, RevisionTrace, Statement
from .thresholds import Thresholds

Verdict = Literal["safe", "review", "blocked"]

# What the linter's rules expect a statement to do to the table. Where the trace saw nothing of the
# kind, the finding is a guess that did not come true.
_EXPECTED: Final[dict[str, Literal["rewrites", "scans"]]] = {
    "adding-field-with-default": "rewrites",
    "adding-serial-primary-key-field": "rewrites",
    "changing-column-type": "rewrites",
    "adding-foreign-key-constraint": "scans",
    "adding-not-nullable-field": "scans",
    "constraint-missing-not-valid": "scans",
    "disallowed-unique-constraint": "scans",
    "require-concurrent-index-creation": "scans",
}


_STEPS: Final = {
    "rewrites-table": "Add a new column beside the old one, fill it in batches, then switch to it.",
    "scans-under-lock": "Make an index CONCURRENTLY; add a constraint NOT VALID, and VALIDATE it "
    "in the next revision.",
}


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """Return "blocked" for any error, "review" for any warning, else "safe"."""
    severities = {finding.severity for finding in findings}
    if "error" in severities:
        return "blocked"
    return "review" if "warning" in severities else "safe"


def judge_trace(
    revisions: Iterable[RevisionTrace], relations: Iterable[Relation], thresholds: Thresholds
) -> list[Finding]:
    """Return what the trace found, in the order of the statements."""
    sizes = {relation.name: relation for relation in relations}
    return [
        finding
        for revision in revisions
        for finding in _judge_revision(revision, sizes, thresholds)
    ]


def _judge_revision(
    revision: RevisionTrace, sizes: Mapping[str, Relation], thresholds: Thresholds
) -> Iterator[Finding]:
    held: dict[str, str] = {}
    for statement in revision.statements:
        if not revision.transactional:
            held = {}
        for lock in statement.locks:
            held[lock.relation] = max(held.get(lock.relation, lock.mode), lock.mode, key=strength)
        yield from _judge_work(revision, statement, held, sizes, thresholds)
        yield from _judge_locks(revision, statement, thresholds)


def _judge_work(
    revision: RevisionTrace,
    statement: Statement,
    held: Mapping[str, str],
    sizes: Mapping[str, Relation],
    thresholds: Thresholds,
) -> Iterator[Finding]:
    """Judge rewrites, and full scans that writers wait for."""
    rewritten = [("rewrites-table", "rewrote", name) for name in statement.rewrites]
    scanned = [
        ("scans-under-lock", "read all of", name)
        for name in statement.scans
        if name not in statement.rewrites and blocks_writes(held.get(name, ""))
    ]
    for rule, verb, name in rewritten + scanned:
        relation = sizes[name]
        is_large = relation.size_bytes >= thresholds.large_table_mib * 1024**2
        yield Finding(
            rule,
            "error" if is_large else "info",
            f"{shortened(statement.sql)} {verb} {_described(relation)} in "
            f"{statement.duration_ms:.0f} ms, while {_waiting(held.get(name, ''))}.",
            revision.revision,
            source="trace",
            hint=_STEPS[rule] if is_large else "The table is small enough for that.",
        )


def _judge_locks(
    revision: RevisionTrace, statement: Statement, thresholds: Thresholds
) -> Iterator[Finding]:
    for lock in statement.locks:
        if blocks_writes(lock.mode) and lock.held_ms > thresholds.max_lock_ms:
            yield Finding(
                "long-lock",
                "error",
                f"{shortened(statement.sql)} held {lock.mode} on {lock.relation} for "
                f"{lock.held_ms:.0f} ms, while {_waiting(lock.mode)}.",
                revision.revision,
                source="trace",
                hint=f"At most {thresholds.max_lock_ms} ms are allowed: do less in one revision.",
            )


def adjust_lint_severity(
    findings: Iterable[Finding], revisions: Sequence[RevisionTrace]
) -> list[Finding]:
    """Return the linter's findings, each adjusted by whether the trace saw what it warns of.

    Where the trace can see it, the trace judges: it knows the size of the table and the time. What
    the linter guessed is only worth a word then.
    """
    traces = {revision.revision: revision for revision in revisions}
    return [_weighed(finding, traces.get(finding.revision or "")) for finding in findings]


def _weighed(finding: Finding, trace: RevisionTrace | None) -> Finding:
    effect = _EXPECTED.get(finding.rule)
    if effect is None or trace is None:
        return finding
    seen = {name for statement in trace.statements for name in getattr(statement, effect)}
    noun = "rewrite" if effect == "rewrites" else "full scan"
    remark = (
        f"the trace agrees: a {noun} of {_listed(seen)}"
        if seen
        else f"the trace disagrees: it saw no {noun}"
    )
    message = f"{finding.message.rstrip('.')} ({remark})."
    return replace(finding, severity="info", message=message)


def _waiting(mode: str) -> str:
    return "nobody could read or write it" if blocks_reads(mode) else "nobody could write to it"


def _described(relation: Relation) -> str:
    rows = f"{relation.rows} row{'s' * (relation.rows != 1)}"
    estimate = "" if relation.is_counted else "about "
    return f"{relation.name} ({relation.size_bytes / 1024**2:.1f} MiB, {estimate}{rows})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
