"""The report as one HTML page that needs nothing beside it: a timeline of statements and locks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mako.template import Template

from ...migration.locks import blocks_reads, blocks_writes, strength
from ...migration.trace import Lock, Statement
from ..rehearsal import Rehearsal
from . import words

_TEMPLATE: Final = Path(__file__).with_name("page.html.mako")
_WIDTH: Final = 1000.0  # of the time axis, in the picture's own units
_LEAST_WIDTH: Final = 3.0  # a bar that nobody can see says nothing


@dataclass(frozen=True)
class Bar:
    """A statement or a lock on the time axis; `style` is its class in the style sheet."""

    left: float
    width: float
    style: str
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
        lanes=_lanes(rehearsal),
        ticks=_ticks(rehearsal),
        words=words,
        axis_width=_WIDTH,
    )
    return str(page)


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


def _lanes(rehearsal: Rehearsal) -> list[Lane]:
    start = _start_ms(rehearsal)
    scale = _WIDTH / max(_span_ms(rehearsal) - start, 0.001)

    def bar(from_ms: float, length_ms: float, style: str, title: str) -> Bar:
        left = min((from_ms - start) * scale, _WIDTH - _LEAST_WIDTH)
        width = min(max(length_ms * scale, _LEAST_WIDTH), _WIDTH - left)
        return Bar(round(left, 1), round(width, 1), style, title)

    lanes = [
        Lane(
            f"{revision.revision} {revision.message}",
            [
                bar(each.started_ms, each.duration_ms, _statement_style(each), _title(each))
                for each in revision.statements
            ],
        )
        for revision in rehearsal.revisions
    ]
    by_relation: dict[str, list[tuple[Statement, Lock]]] = {}
    for revision in rehearsal.revisions:
        for statement in revision.statements:
            for lock in statement.locks:
                by_relation.setdefault(lock.relation, []).append((statement, lock))
    for relation, held in sorted(by_relation.items()):
        # The strongest is drawn last, above the weaker ones.
        ordered = sorted(held, key=lambda pair: strength(pair[1].mode))
        lanes.append(
            Lane(
                relation,
                [
                    bar(statement.started_ms, lock.held_ms, _lock_style(lock), _lock_title(lock))
                    for statement, lock in ordered
                ],
            )
        )
    return lanes


def _statement_style(statement: Statement) -> str:
    return "statement failed" if statement.failed else "statement"


def _lock_style(lock: Lock) -> str:
    if blocks_reads(lock.mode):
        return "lock all"
    return "lock writes" if blocks_writes(lock.mode) else "lock none"


def _title(statement: Statement) -> str:
    parts = [words.shortened(statement.sql, 300), words.duration(statement.duration_ms)]
    return "\n".join([*parts, words.effects(statement)]).strip()


def _lock_title(lock: Lock) -> str:
    return f"{words.lock_words(lock)}: {words.who_waits(lock.mode)}"


def _ticks(rehearsal: Rehearsal) -> list[tuple[float, str]]:
    span = _span_ms(rehearsal) - _start_ms(rehearsal)
    return [(_WIDTH * part / 4, words.duration(span * part / 4)) for part in range(5)]
