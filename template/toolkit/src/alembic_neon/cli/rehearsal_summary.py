"""The report on the terminal: the statements, the findings, and the verdict as the last line."""

from ..migration.sql_line import shortened
from ..rehearsal.report.words import (
    VERDICT_WORDS,
    duration,
    effects,
    lock_words,
    round_trip_words,
    strong_locks,
    summary,
)
from ..rehearsal.result import Rehearsal
from .console import echo, print_table

_STYLES = {"safe": "bold green", "review": "bold yellow", "blocked": "bold red"}
_SEVERITY_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


def say_rehearsal(rehearsal: Rehearsal) -> None:
    """Print the report to standard error."""
    echo(summary(rehearsal), "bold")
    print_table(
        ("revision", "statement", "took", "who waits, and work"),
        [
            (
                revision.revision,
                shortened(statement.sql, 60),
                duration(statement.duration_ms),
                "\n".join(
                    [*map(lock_words, strong_locks(statement)), *filter(None, [effects(statement)])]
                ),
            )
            for revision in rehearsal.revisions
            for statement in revision.statements
        ],
    )
    echo(f"round trip  {round_trip_words(rehearsal)}")
    if rehearsal.load is not None:
        load = rehearsal.load
        echo(
            f"load        {load.reads} reads, the longest {duration(load.longest_read_ms)}; "
            f"{load.writes} writes, the longest {duration(load.longest_write_ms)}; "
            f"{load.failures} failed"
        )
    for finding in rehearsal.findings:
        place = f" ({finding.place})" if finding.place else ""
        revision = f", {finding.revision}" if finding.revision else ""
        style = _SEVERITY_STYLES[finding.severity]
        echo(f"{finding.severity}: {finding.rule}{revision}{place}", style)
        echo(f"    {finding.message} {finding.hint}".rstrip())
    echo(VERDICT_WORDS[rehearsal.verdict], _STYLES[rehearsal.verdict])
