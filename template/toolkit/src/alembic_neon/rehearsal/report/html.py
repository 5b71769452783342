"""The report as one HTML page that needs nothing beside it: a timeline of statements and locks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from mako.template import Template

from ...migration.sql_line import shortened
from ...migration.trace.lock_modes import blocks_reads, blocks_writes, strength
from ...migration.trace.tracer import Lock
from ..result import Rehearsal
from . import words
from .statements import StatementGroup, group_statements, most_important

_TEMPLATE: Final = Path(__file__).with_name("page.html.mako")
_LEAST_PERCENT: Final = 0.4  # a bar that nobody can see says nothing
_MOST_DRAWN: Final = 200
_MOST_LISTED: Final = 500


@dataclass(frozen=True)
class Bar:
    """A statement or a lock on the time axis, in percent of it; `style` is its class."""

    left: float
    width: float
    style: str
    text: str
    title: str


@dataclass(frozen=True)
class Lane:
    """A row of the timeline: the statements of a revision, or the locks on a relation."""

    label: str
    bars: list[Bar]


@dataclass(frozen=True)
class _Scale:
    """The time that the timeline spans, in milliseconds, computed once for all of its bars."""

    start_ms: float
    end_ms: float

    @classmethod
    def of(cls, groups: list[StatementGroup]) -> Self:
        starts = [group.started_ms for group in groups]
        ends = [group.ended_ms for group in groups]
        ends += [group.started_ms + lock.held_ms for group in groups for lock in group.locks]
        return cls(min(starts, default=0.0), max(ends, default=0.0) or 1.0)

    def bar(self, from_ms: float, length_ms: float, style: str, text: str, title: str) -> Bar:
        scale = 100 / max(self.end_ms - self.start_ms, 0.001)
        left = min((from_ms - self.start_ms) * scale, 100 - _LEAST_PERCENT)
        width = min(max(length_ms * scale, _LEAST_PERCENT), 100 - left)
        return Bar(round(left, 2), round(width, 2), style, text, title)

    @property
    def ticks(self) -> list[str]:
        return [words.duration((self.end_ms - self.start_ms) * part / 4) for part in range(5)]


def render_html(rehearsal: Rehearsal) -> str:
    """Return the page. Its size is bounded, whatever the number of statements."""
    # Mako escapes every expression, as the filter is the default of this template.
    template = Template(  # noqa: S702
        filename=str(_TEMPLATE), default_filters=["h"], strict_undefined=True
    )
    groups = group_statements(rehearsal.revisions)
    drawn, listed = most_important(groups, _MOST_DRAWN), most_important(groups, _MOST_LISTED)
    scale = _Scale.of(drawn)
    page = template.render(
        rehearsal=rehearsal,
        groups=listed,
        more_groups=len(groups) - len(listed),
        findings=rehearsal.findings[:_MOST_LISTED],
        changes=rehearsal.changes[:_MOST_LISTED],
        statement_lanes=_statement_lanes(drawn, scale),
        lock_lanes=_lock_lanes(drawn, scale),
        ticks=scale.ticks,
        words=words,
    )
    return str(page)


def _statement_lanes(groups: list[StatementGroup], scale: _Scale) -> list[Lane]:
    lanes: dict[str, Lane] = {}
    for group in groups:
        revision = group.revision
        lane = lanes.setdefault(
            revision.revision, Lane(f"{revision.revision} {revision.message}", [])
        )
        text = f"{group.number} {shortened(group.sql, 60)}"
        style = "statement failed" if group.failed else "statement"
        length_ms = group.ended_ms - group.started_ms
        lane.bars.append(scale.bar(group.started_ms, length_ms, style, text, _title(group)))
    return list(lanes.values())


def _lock_lanes(groups: list[StatementGroup], scale: _Scale) -> list[Lane]:
    held: dict[str, list[tuple[StatementGroup, Lock]]] = {}
    for group in groups:
        for lock in group.locks:
            held.setdefault(lock.relation, []).append((group, lock))
    return [
        Lane(
            relation,
            [
                scale.bar(
                    group.started_ms,
                    lock.held_ms,
                    _lock_style(lock),
                    f"{lock.mode.removesuffix('Lock')} {words.duration(lock.held_ms)}",
                    f"{words.lock_words(lock)}: {words.who_waits(lock.mode)}",
                )
                # The strongest is drawn last, above the weaker ones.
                for group, lock in sorted(pairs, key=lambda pair: strength(pair[1].mode))
            ],
        )
        for relation, pairs in sorted(held.items())
    ]


def _lock_style(lock: Lock) -> str:
    if blocks_reads(lock.mode):
        return "lock all"
    return "lock writes" if blocks_writes(lock.mode) else "lock none"


def _title(group: StatementGroup) -> str:
    first = f"{group.number} {shortened(group.sql, 300)}"
    parts = [first, words.group_duration(group), words.effects(group)]
    return "\n".join(part for part in parts if part)
