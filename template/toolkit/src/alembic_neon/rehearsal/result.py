"""A rehearsal's result: the plan, what was measured and found, the verdict; written as JSON."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ..branches.target import Target
from ..errors import UsageError
from ..migration.history.plan import Plan
from ..migration.lint.findings import Finding
from ..migration.trace.tracer import Relation, RevisionTrace
from ..verification.catalog import Difference
from .verdict import Verdict, verdict_of


@dataclass(frozen=True)
class RoundTripSummary:
    """How many revisions went down and up again; by revision, which cannot, and what differed."""

    checked: int = 0
    irreversible: tuple[tuple[str, str], ...] = ()
    differences: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class LoadResult:
    """The load beside the upgrade: how many statements, and the longest of each kind."""

    reads: int
    writes: int
    failures: int
    longest_read_ms: float
    longest_write_ms: float


@dataclass(frozen=True)
class Rehearsal:
    """Everything that one rehearsal found out. Durations are in milliseconds.

    `not_tried` are the pending revisions after one that failed, `waiting` those that the phase
    "expand" leaves for later.
    """

    plan: Plan
    target: Target
    branch: str
    started_at: datetime
    postgres_version: str
    phases_ms: dict[str, float]
    revisions: list[RevisionTrace]
    relations: list[Relation]
    findings: list[Finding]
    round_trip: RoundTripSummary
    changes: list[Difference]
    catalog_after: str
    load: LoadResult | None = None
    not_tried: list[str] = field(default_factory=list)
    project: str = ""
    commit: str = ""
    phase: str = ""
    waiting: list[str] = field(default_factory=list)

    @property
    def parent_branch(self) -> str:
        """The branch that was copied, and that a promotion upgrades."""
        return self.target.branch

    @property
    def verdict(self) -> Verdict:
        """Whether the plan may be promoted as it stands, after a look, or not at all."""
        return verdict_of(self.findings)

    @property
    def reasons(self) -> list[Finding]:
        """The findings that made the verdict: the errors, or else the warnings."""
        errors = [finding for finding in self.findings if finding.severity == "error"]
        return errors or [finding for finding in self.findings if finding.severity == "warning"]

    def as_json(self) -> dict[str, Any]:
        """Return the report as DESIGN names it: what `db promote` reads."""
        plan = self.plan
        return {
            "plan_id": plan.plan_id,
            "project": self.project,
            "commit": self.commit,
            "base_revision": plan.base_revision,
            "target_revision": plan.target_revision,
            "phase": self.phase,
            "waiting": self.waiting,
            "files_hash": plan.files_hash,
            "parent_branch": self.parent_branch,
            "branch": self.branch,
            "provider": self.target.provider,
            "server": self.target.server,
            "host": self.target.host,
            "database": self.target.database,
            "role": self.target.role,
            "verdict": self.verdict,
            "started_at": self.started_at.isoformat(),
            "postgres_version": self.postgres_version,
            "phases_ms": self.phases_ms,
            "revisions": [asdict(revision) for revision in self.revisions],
            "not_tried": self.not_tried,
            "relations": [asdict(relation) for relation in self.relations],
            "findings": [asdict(finding) for finding in self.findings],
            "round_trip": asdict(self.round_trip),
            "changes": [change.as_json() for change in self.changes],
            "catalog_before": plan.catalog_before,
            "catalog_after": self.catalog_after,
            "load": None if self.load is None else asdict(self.load),
        }


@dataclass(frozen=True)
class RehearsedPlan:
    """What a promotion needs of a rehearsal. The fields from `provider` on name one database."""

    plan_id: str
    base_revision: str
    target_revision: str
    files_hash: str
    verdict: str
    catalog_before: str
    catalog_after: str
    provider: str
    server: str
    parent_branch: str
    database: str
    role: str
    phase: str

    @classmethod
    def from_report(cls, report: dict[str, Any]) -> "RehearsedPlan":
        """Take the plan out of a report; a field that is missing is a KeyError."""
        return cls(**{name: str(report[name]) for name in cls.__dataclass_fields__})

    @classmethod
    def read(cls, path: Path) -> "RehearsedPlan":
        """Read the JSON that `db rehearse --json` wrote.

        Raises:
            UsageError: there is no such file, or it is not such a report.
        """
        try:
            return cls.from_report(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise UsageError(f"There is no plan {path}.", "Make one: db rehearse") from None
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageError(
                f"{path} is not a rehearsal's report.", "Make one: db rehearse --json FILE"
            ) from None
