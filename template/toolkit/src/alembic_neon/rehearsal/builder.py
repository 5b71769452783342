"""What a rehearsal learns on its way, and the report that is made of it."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from alembic.script import Script

from ..branches.target import Target
from ..engine.url import DatabaseURL
from ..migration.history.plan import make_plan
from ..migration.history.status import Status
from ..migration.lint import Finding, lint_revisions
from ..migration.trace.tracer import Tracer
from ..project import project_name, project_root
from ..verification.catalog import Catalog
from ..verification.history import History
from .result import LoadResult, Rehearsal, RoundTripSummary
from .thresholds import Thresholds
from .verdict import adjust_lint_severity, judge_trace

Say = Callable[[str], None]


@dataclass
class RehearsalBuilder:
    """A rehearsal under way. The revision files are read once, into `history`."""

    say: Say
    thresholds: Thresholds
    history: History
    tracer: Tracer = field(default_factory=Tracer)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    phases_ms: dict[str, float] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    round_trip: RoundTripSummary = field(default_factory=RoundTripSummary)
    load: LoadResult | None = None

    @contextmanager
    def phase(self, name: str, doing: str) -> Iterator[None]:
        """Print what is being done, and keep how long it took, in milliseconds."""
        self.say(doing)
        started = time.perf_counter()
        try:
            yield
        finally:
            self.phases_ms[name] = (time.perf_counter() - started) * 1000

    def add(
        self, rule: str, revision: str | None, message: str, *, is_error: bool, hint: str = ""
    ) -> None:
        """Add a finding of the verification."""
        severity: Final = "error" if is_error else "warning"
        finding = Finding(rule, severity, message, revision, hint=hint, source="verification")
        self.findings.append(finding)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add findings as they are."""
        self.findings.extend(findings)


@dataclass
class Inspection:
    """What was read of the branch: its status and its catalog before, and its catalog after.

    `waiting` are the revisions that a rehearsal of the phase "expand" leaves out of its status.
    """

    target: Target
    branch: str
    url: DatabaseURL
    postgres_version: str
    status: Status
    before: Catalog
    after: Catalog
    phase: str = ""
    waiting: tuple[Script, ...] = ()


def build_rehearsal(builder: RehearsalBuilder, inspection: Inspection) -> Rehearsal:
    """Judge what was traced, lint the revisions, and make the report."""
    config, pending = builder.history.config, inspection.status.pending
    revisions = builder.tracer.revisions
    locked = {
        lock.relation
        for revision in revisions
        for statement in revision.statements
        for lock in statement.locks
    }
    relations = [each for each in builder.tracer.relations.values() if each.name in locked]
    tried = {revision.revision for revision in revisions}
    return Rehearsal(
        plan=make_plan(inspection.status, inspection.before.fingerprint),
        target=inspection.target,
        phase=inspection.phase,
        waiting=[each.revision for each in inspection.waiting],
        branch=inspection.branch,
        started_at=builder.started_at,
        postgres_version=inspection.postgres_version,
        phases_ms=builder.phases_ms,
        revisions=revisions,
        not_tried=[each.revision for each in pending if each.revision not in tried],
        relations=relations,
        findings=[
            *judge_trace(revisions, relations, builder.thresholds),
            *adjust_lint_severity(lint_revisions(config, pending), revisions),
            *builder.findings,
        ],
        round_trip=builder.round_trip,
        changes=inspection.before.difference(inspection.after),
        catalog_after=inspection.after.fingerprint,
        load=builder.load,
        project=project_name(),
        commit=_commit(),
    )


def _commit() -> str:
    """Return the commit that is checked out, shortened; "" where git does not tell."""
    git = shutil.which("git")
    if git is None:
        return ""
    result = subprocess.run(  # noqa: S603 - no shell
        [git, "rev-parse", "--short=12", "HEAD"],
        cwd=project_root(),
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip()
