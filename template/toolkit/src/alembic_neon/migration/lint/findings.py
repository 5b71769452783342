"""A finding: one thing that a person should know before a revision is applied."""

from dataclasses import dataclass
from typing import Literal

# error: it stops readers or writers, breaks the running application, loses data or fails.
# warning: it may; it needs a review. info: worth knowing. Only errors fail `db check`.
Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One finding. `file` is relative to the project where it lies in it; lines count from 1."""

    rule: str
    severity: Severity
    message: str
    revision: str | None = None
    file: str | None = None
    line: int | None = None
    hint: str = ""
    source: Literal["lint", "trace", "verification"] = "lint"

    @property
    def place(self) -> str:
        """`file:line`, or as much of it as is known."""
        return ":".join(str(part) for part in (self.file, self.line) if part is not None)


def severity_key(finding: Finding) -> tuple[int, str, int, str]:
    """Order findings: the worst first, then by place."""
    severity = SEVERITIES.index(finding.severity)
    return severity, finding.file or "", finding.line or 0, finding.rule
