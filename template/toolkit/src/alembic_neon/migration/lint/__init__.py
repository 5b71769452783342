"""The linter of revisions: squawk over their SQL, and rules for what only the Python file shows."""

from .findings import Finding, Severity
from .linter import lint_revisions

__all__ = ["Finding", "Severity", "lint_revisions"]
