"""Findings as annotations of GitHub's workflows, which it shows beside the line they mean."""

import sys
from collections.abc import Iterable
from typing import Final

from ..migration.lint import Finding

_COMMANDS: Final = {"error": "error", "warning": "warning", "info": "notice"}


def annotate(findings: Iterable[Finding]) -> None:
    """Write a workflow command for each finding to standard error, where GitHub reads them too.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    for finding in findings:
        sys.stderr.write(annotation(finding) + "\n")


def annotation(finding: Finding) -> str:
    """Return the workflow command for one finding."""
    properties = {"file": finding.file, "line": finding.line, "title": finding.rule}
    given = ",".join(
        f"{name}={_escape_property(str(value))}"
        for name, value in properties.items()
        if value is not None
    )
    text = f"{finding.message} {finding.hint}".strip()
    return f"::{_COMMANDS[finding.severity]} {given}::{_escape(text)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
