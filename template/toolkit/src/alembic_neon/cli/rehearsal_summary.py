"""The report on the terminal: the statements, the findings, and the verdict as the last line."""

from typing import Final

from ..migration.sql_line import shortened
from ..rehearsal.report.statements import group_statements, most_important
from ..rehearsal.report.words import (
    duration,
    effects,
    group_duration,
    lock_words,
    not_tried,
    round_trip_words,
    summary,
    verdict_line,
)
from ..rehearsal.result import Rehearsal
from .console import print_table, result

_STYLES: Final = {"safe": "bold green", "review": "bold yellow", "blocked": "bold red"}
_SEVERITY_STYLES: Final = {"error": "bold red", "warning": "yellow", "info": "dim"}
_MOST_STATEMENTS: Final = 40
_MOST_FINDINGS: Final = 50


def print_rehearsal(rehearsal: Rehearsal) -> None:
    """Print the report to standard error."""
    result(summary(rehearsal), "bold")
    _print_statements(rehearsal)
    if rehearsal.not_tried:
        result(not_tried(rehearsal), "yellow")
    result(f"round trip  {round_trip_words(rehearsal)}")
    if rehearsal.load is not None:
        load = rehearsal.load
        result(
            f"load        {load.reads} reads, the longest {duration(load.longest_read_ms)}; "
            f"{load.writes} writes, the longest {duration(load.longest_write_ms)}; "
            f"{load.failures} failed"
        )
    _print_findings(rehearsal)
    result(verdict_line(rehearsal), _STYLES[rehearsal.verdict])


def _print_statements(rehearsal: Rehearsal) -> None:
    groups = group_statements(rehearsal.revisions)
    print_table(
        ("revision", "statement", "duration", "locks / effects"),
        [
            (
                group.revision.revision,
                shortened(group.sql, 60),
                group_duration(group),
                "\n".join([*map(lock_words, group.strong_locks), *filter(None, [effects(group)])]),
            )
            for group in most_important(groups, _MOST_STATEMENTS)
        ],
    )
    if len(groups) > _MOST_STATEMENTS:
        result(f"and {len(groups) - _MOST_STATEMENTS} more statements: see --html", "dim")


def _print_findings(rehearsal: Rehearsal) -> None:
    for finding in rehearsal.findings[:_MOST_FINDINGS]:
        location = f" ({finding.place})" if finding.place else ""
        revision = f", {finding.revision}" if finding.revision else ""
        style = _SEVERITY_STYLES[finding.severity]
        result(f"{finding.severity}: {finding.rule}{revision}{location}", style)
        result(f"    {finding.message} {finding.hint}".rstrip())
    if len(rehearsal.findings) > _MOST_FINDINGS:
        result(f"and {len(rehearsal.findings) - _MOST_FINDINGS} more findings: see --html", "dim")
