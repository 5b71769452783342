"""A finding: one thing that is wrong, or worth a look, in one revision."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]
Source = Literal["lint", "trace", "verification"]


@dataclass(frozen=True)
class Finding:
    """What was found, where, and what to do instead. `line` counts from 1; 0 is the whole file."""

    rule: str
    severity: Severity
    revision: str
    message: str
    source: Source = "lint"
    file: str = ""
    line: int = 0
    hint: str = ""
