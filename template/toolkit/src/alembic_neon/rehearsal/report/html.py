"""The report as one HTML page that needs nothing beside it: a timeline of statements and locks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mako.template import Template

from ...migration.sql_line import shortened
from ...migration.trace.lock_modes import blocks_reads, blocks_writes, strength
from ...migration.trace.tracer import Lock, RevisionTrace, Statement
from ..result import Rehearsal
from . import words

_TEMPLATE: Final = Path(__file__).with_name("page.html.mako")
_LEAST_PERCENT: Final = 0.4  # a bar that nobody can see says nothing


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


def render_html(rehearsal: Rehearsal) -> str:
    """Return the page."""
    # Mako escapes every expression, as the filter is the default of this template.
    template = Template(  # noqa: S702
        filename=str(_TEMPLATE), default_filters=["h"], strict_undefined=True
    )
    page = template.render(
        rehearsal=rehearsal,
        statements=_numbered(rehearsal),
        statement_lanes=_statement_lanes(rehearsal),
        lock_lanes=_lock_lanes(rehearsal),
        ticks=_ticks(rehearsal),
        words=words,
    )
    return str(page)


def _numbered(rehearsal: Rehearsal) -> list[tuple[int, RevisionTrace, Statement]]:
    """Return all statements with the numbers that the timeline and the table share."""
    pairs = [(each, statement) for each in rehearsal.revisions for statement in each.statements]
    return [(number, *pair) for number, pair in enumerate(pairs, 1)]


def _span_ms(rehearsal: Rehearsal) -> float:
    ends = [
        statement.started_ms + max([statement.duration_ms, *(lock.held_ms for lock in locks)])
        for revision in rehearsal.revisions
        for statement in revision.statements
        for locks in [statement.locks]
    ]
    return max(ends, default=0.0) or 1.0


def _start_ms(rehearsal: Rehearsal) -> float:
    return min(
        (statement.started_ms for each in rehearsal.revisions for statement in each.statements),
        default=0.0,
    )


def _bar(
    rehearsal: Rehearsal, from_ms: float, length_ms: float, style: str, text: str, title: str
) -> Bar:
    start = _start_ms(rehearsal)
    scale = 100 / max(_span_ms(rehearsal) - start, 0.001)
    left = min((from_ms - start) * scale, 100 - _LEAST_PERCENT)
    width = min(max(length_ms * scale, _LEAST_PERCENT), 100 - left)
    return Bar(round(left, 2), round(width, 2), style, text, title)


def _statement_lanes(rehearsal: Rehearsal) -> list[Lane]:
    lanes: dict[str, Lane] = {}
    for number, revision, each in _numbered(rehearsal):
        label = f"{revision.revision} {revision.message}"
        lane = lanes.setdefault(revision.revision, Lane(label, []))
        text = f"{number} {shortened(each.sql, 60)}"
        style = _statement_style(each)
        title = f"{number} {_title(each)}"
        lane.bars.append(_bar(rehearsal, each.started_ms, each.duration_ms, style, text, title))
    return list(lanes.values())


def _lock_lanes(rehearsal: Rehearsal) -> list[Lane]:
    held: dict[str, list[tuple[Statement, Lock]]] = {}
    for _, _, statement in _numbered(rehearsal):
        for lock in statement.locks:
            held.setdefault(lock.relation, []).append((statement, lock))
    return [
        Lane(
            relation,
            [
                _bar(
                    rehearsal,
                    statement.started_ms,
                    lock.held_ms,
                    _lock_style(lock),
                    f"{lock.mode.removesuffix('Lock')} {words.duration(lock.held_ms)}",
                    _lock_title(lock),
                )
                # The strongest is drawn last, above the weaker ones.
                for statement, lock in sorted(pairs, key=lambda pair: strength(pair[1].mode))
            ],
        )
        for relation, pairs in sorted(held.items())
    ]


def _statement_style(statement: Statement) -> str:
    return "statement failed" if statement.failed else "statement"


def _lock_style(lock: Lock) -> str:
    if blocks_reads(lock.mode):
        return "lock all"
    return "lock writes" if blocks_writes(lock.mode) else "lock none"


def _title(statement: Statement) -> str:
    parts = [shortened(statement.sql, 300), words.duration(statement.duration_ms)]
    return "\n".join([*parts, words.effects(statement)]).strip()


def _lock_title(lock: Lock) -> str:
    return f"{words.lock_words(lock)}: {words.who_waits(lock.mode)}"


def _ticks(rehearsal: Rehearsal) -> list[str]:
    span = _span_ms(rehearsal) - _start_ms(rehearsal)
    return [words.duration(span * part / 4) for part in range(5)]
