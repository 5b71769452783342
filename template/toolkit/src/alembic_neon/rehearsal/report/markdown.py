"""The report for a pull request: a picture of the change, the statements, the findings folded."""

import re
from collections.abc import Iterator
from typing import Final

from ...migration.sql_line import shortened
from ...verification.catalog import CatalogObject, Difference
from ..result import Rehearsal
from .statements import group_statements, most_important
from .words import (
    SEVERITY_SIGNS,
    VERDICT_SIGNS,
    counted,
    duration,
    effects,
    group_duration,
    key_figures,
    lock_words,
    not_tried,
    origin,
    round_trip_words,
    summary,
    verdict_line,
)

# What finds the comment again that a later run of the workflow replaces.
MARKER: Final = "<!-- db rehearse -->"
_MOST_CHANGES: Final = 40
# A comment on GitHub holds 65 536 characters.
_MOST_STATEMENTS: Final = 50
_MOST_FINDINGS: Final = 40
_LONGEST: Final = 300
# What GitHub begins a mention, a reference to an issue, or a link with.
_LINKED: Final = re.compile(r"@|\\#|\bGH-|:(?=//)|\bwww(?=\.)", re.IGNORECASE)


def render_markdown(rehearsal: Rehearsal, *, is_unreviewed: bool = False) -> str:
    """Return the report as GitHub's Markdown, in which nothing foreign is a link or a mention.

    `is_unreviewed`: it was made by code that nobody has reviewed, a fork's, which can write
    whatever verdict it likes.
    """
    return "\n".join(_lines(rehearsal, is_unreviewed)) + "\n"


def _lines(rehearsal: Rehearsal, is_unreviewed: bool) -> Iterator[str]:
    yield MARKER
    if is_unreviewed:
        yield f"## Not verified; the fork's own run says: {verdict_line(rehearsal).lower()}"
        yield ""
        yield "Code of the fork made this report. What counts is the rehearsal before a promotion."
    else:
        yield f"## {VERDICT_SIGNS[rehearsal.verdict]} {verdict_line(rehearsal)}"
    yield ""
    yield f"Rehearsal of {_text(origin(rehearsal))}: {_text(summary(rehearsal))}."
    yield ""
    yield " · ".join(f"{name} **{figure}**" for name, figure in key_figures(rehearsal))
    if rehearsal.not_tried:
        yield ""
        yield _text(not_tried(rehearsal)) + "."
    yield from _reasons(rehearsal)
    yield from _findings(rehearsal)
    if rehearsal.changes:
        yield from _picture(rehearsal.changes)
    yield from _statements(rehearsal)
    yield ""
    yield f"Round trip: {_text(round_trip_words(rehearsal))}."
    if rehearsal.load is not None:
        load = rehearsal.load
        yield ""
        yield (
            f"Beside a load of {load.reads} reads and {load.writes} writes the longest read took "
            f"{duration(load.longest_read_ms)} and the longest write "
            f"{duration(load.longest_write_ms)}; {load.failures} failed."
        )
    yield ""
    yield f"<sub>plan {_code(rehearsal.plan.plan_id[:12])}</sub>"


def _reasons(rehearsal: Rehearsal) -> Iterator[str]:
    if rehearsal.reasons:
        yield ""
    for each in rehearsal.reasons[:_MOST_FINDINGS]:
        yield f"- **{_text(each.rule)}**: {_text(shortened(each.message, _LONGEST))}"
    yield from _more(len(rehearsal.reasons) - _MOST_FINDINGS, "finding")


def _more(count: int, noun: str) -> Iterator[str]:
    if count > 0:
        yield ""
        yield f"and {count} more {noun}{'s' * (count != 1)}."


def _statements(rehearsal: Rehearsal) -> Iterator[str]:
    groups = group_statements(rehearsal.revisions)
    if not groups:
        return
    yield ""
    yield "| revision | statement | duration | locks | effects |"
    yield "|---|---|--:|---|---|"
    for group in most_important(groups, _MOST_STATEMENTS):
        cells = (
            _code(group.revision.revision),
            _code(shortened(group.sql, 100)),
            group_duration(group).replace(" ", "&nbsp;"),
            "<br>".join(_text(lock_words(lock)) for lock in group.strong_locks),
            _text(effects(group)),
        )
        yield f"| {' | '.join(cells)} |"
    yield from _more(len(groups) - _MOST_STATEMENTS, "statement")


def _findings(rehearsal: Rehearsal) -> Iterator[str]:
    if not rehearsal.findings:
        return
    yield ""
    yield f"<details><summary>{counted(len(rehearsal.findings), 'finding')}</summary>"
    yield ""
    for finding in rehearsal.findings[:_MOST_FINDINGS]:
        location = f" {_code(finding.place)}" if finding.place else ""
        revision = f", {_code(finding.revision)}" if finding.revision else ""
        message = shortened(f"{finding.message} {finding.hint}".strip(), _LONGEST)
        yield (
            f"- {SEVERITY_SIGNS[finding.severity]} **{_text(finding.rule)}** ({finding.source}"
            f"{revision}){location}: {_text(message)}"
        )
    yield from _more(len(rehearsal.findings) - _MOST_FINDINGS, "finding")
    yield ""
    yield "</details>"


def _picture(changes: list[Difference]) -> Iterator[str]:
    """Draw the objects that come, go and change, each within the one that it belongs to."""
    groups: dict[str, list[Difference]] = {}
    for change in changes[:_MOST_CHANGES]:
        groups.setdefault(_owner(change), []).append(change)
    yield ""
    yield "```mermaid"
    yield "flowchart LR"
    number = 0
    for index, (owner, members) in enumerate(groups.items()):
        whole = _whole(owner, members)
        if whole is None:
            yield f'  subgraph g{index}["{_label(owner)}"]'
        for member in members if whole is None else [whole]:
            number += 1
            sign, style = _sign(member)
            name = _short_name(member.object) if whole is None else _with_columns(whole, members)
            yield f'    n{number}["{sign} {_label(name)}"]:::{style}'
        if whole is None:
            yield "  end"
    yield "  classDef added fill:#d3f5dc,stroke:#1a7f37,color:#0b3d1c"
    yield "  classDef removed fill:#ffdcd7,stroke:#cf222e,color:#5c0d12"
    yield "  classDef changed fill:#fff3c4,stroke:#9a6700,color:#4d3300"
    yield "```"
    if len(changes) > _MOST_CHANGES:
        yield f"and {len(changes) - _MOST_CHANGES} more."


def _whole(owner: str, members: list[Difference]) -> Difference | None:
    """Return the object itself, where all of it comes or goes, or nothing belongs to it."""
    for member in members:
        is_owner = not member.object.table and member.object.identity == owner
        if is_owner and (len(members) == 1 or None in (member.was, member.now)):
            return member
    return None


def _with_columns(whole: Difference, members: list[Difference]) -> str:
    columns = [each.object.sql_name for each in members if each.object.kind == "column"]
    label = whole.object.label
    return f"{label} ({', '.join(columns)})" if columns else label


def _sign(change: Difference) -> tuple[str, str]:
    if change.was is None:
        return "+", "added"
    return ("-", "removed") if change.now is None else ("~", "changed")


def _owner(change: Difference) -> str:
    """Return the table, or other object, that a catalog object belongs to."""
    return change.object.sql_table if change.object.table else change.object.identity


def _short_name(found: CatalogObject) -> str:
    return f"{found.kind} {found.sql_name if found.name else found.identity}"


def _label(text: str) -> str:
    """Escape what Mermaid would read as its own."""
    return re.sub(r'["#;<>&\[\]{}|`]', lambda match: f"#{ord(match[0])};", text)


def _code(text: str) -> str:
    """Return text as code inside a table's cell, whatever backticks and bars it holds."""
    text = " ".join(text.split())  # a line break would end the cell, and the code with it
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


def _text(text: str) -> str:
    """Escape what Markdown and HTML would read as their own, and what GitHub makes a link of.

    A backslash does not keep GitHub from a mention or a link, which it looks for in what Markdown
    has become; a space without width does.
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    escaped = re.sub(r"([\\`*_\[\]|#~!])", r"\\\1", escaped)
    return " ".join(_LINKED.sub(r"\g<0>&#8203;", escaped).split())
