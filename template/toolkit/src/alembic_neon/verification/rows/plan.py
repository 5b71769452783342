"""The rows that are tried for a table: an ordinary one, its NULLs, a duplicate, its edges."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from .catalog import ForeignKey, Table, Types
from .order import Group, needed
from .server import Job, JobQueue, quoted
from .solver import CandidateRows, Combination, Problem, Solution, differing, solve
from .values import Value, boundary_values

_KEYS: Final = 40  # of a parent, that rows may refer to
_SPARE: Final = 25  # rows more than are asked for, where some do not fit
_MOST_ROWS: Final = 24  # where a column has many values to show
_SHOWN: Final = 8  # values of a column that are shown in turn, beside every label of an enum
_FEW: Final = 2  # rows that came in, where more are tried with care

Row = dict[int, Value]


@dataclass(frozen=True)
class FillRequest:
    """What is asked for: how many rows, by which seed, and the parents that have none yet."""

    types: Types
    row_count: int
    seed: str
    is_first: bool
    unfilled_parents: frozenset[int]
    validate_values: bool = False  # each value is judged before it is tried
    include_generated: bool = False  # values for serial and identity columns too


class _NoRowsError(Exception):
    """There are no rows to try; the message says why."""


async def fill_group(group: Group, request: FillRequest, queue: JobQueue) -> dict[str, str]:
    """Put rows into tables that need each other, or into one that stands alone.

    Returns for each table why it has no rows, or nothing where it got some.
    """
    if request.is_first:
        shown = max(_shown(table, request.types) + 3 for table in group)
        request = replace(request, row_count=max(request.row_count, shown))
    made, reason = await _try(group, request, queue)
    if made <= _FEW and request.is_first:
        # A value that the server refuses may have spoiled the rows, or a sequence that lags behind.
        careful = replace(
            request,
            row_count=request.row_count - made,
            seed=f"{request.seed}/careful",
            validate_values=True,
            include_generated=made == 0,
        )
        more, again = await _try(group, careful, queue)
        made, reason = made + more, reason or again
    return {table.name: "" if made else reason or "no row was tried" for table in group}


async def _try(group: Group, request: FillRequest, queue: JobQueue) -> tuple[int, str]:
    """Try rows, and return how many came in and what kept the first other one out."""
    ring = {table.oid for table in group}
    if len(group) == 1 and group[0].oid not in needed(group[0]):
        ring = set()
    try:
        planned = [await _plan_rows(table, request, ring, queue) for table in group]
    except _NoRowsError as error:
        return 0, str(error)
    tuples = list(zip(*planned, strict=False))
    for rows in tuples:
        _link(list(zip(group, rows, strict=True)), ring)
    columns = [list(row) for row in tuples[0]]
    values = [
        [row[n] for row, ns in zip(rows, columns, strict=True) for n in ns] for rows in tuples
    ]
    job = {
        "kind": "insert",
        "sql": _insert(group, columns),
        "rows": values,
        "row_count": request.row_count,
        "tables": [table.oid for table in group],
    }
    [(made, failure)] = await queue.run([job])
    return made, failure or ""


async def _plan_rows(
    table: Table, request: FillRequest, ring: set[int], queue: JobQueue
) -> list[Row]:
    """Plan rows for a table.

    Raises:
        _NoRowsError: nothing fits.
    """
    rng = random.Random(f"{request.seed}/{table.name}")  # noqa: S311  reproducible, not secret
    columns = _columns_to_fill(table, ring, request.include_generated)
    bound = [
        each
        for each in await _bound_by_parents(table, request, ring, queue)
        if each.columns and set(each.columns) <= set(columns)
    ]
    problem = Problem(table, request.types, columns, bound, request.validate_values)
    solutions = await solve(problem, rng, queue)
    for each in solutions:
        if not each.rows:
            raise _NoRowsError(each.why)
    show = max(_SHOWN, _shown(table, request.types))
    attempts = _Attempts(solutions, differing(table), rng)
    return attempts.first(show) if request.is_first else attempts.more()


async def _bound_by_parents(
    table: Table, request: FillRequest, ring: set[int], queue: JobQueue
) -> list[CandidateRows]:
    """Return what the columns of each foreign key may be; NULL where the parent has no rows yet.

    Raises:
        _NoRowsError: a parent that is needed has no rows, and will get none.
    """
    keys = [key for key in table.foreign_keys if key.parent not in ring]
    present = [key for key in keys if key.parent not in request.unfilled_parents]
    bound = [_none(table, key) for key in keys if key.parent in request.unfilled_parents]
    answers = await queue.run([_keys_job(key) for key in present])
    for key, (found, failure) in zip(present, answers, strict=True):
        combinations = [tuple(each) for each in found or ()]
        if request.is_first and set(key.columns) & differing(table):
            # Where a parent has one row here at most, some are left for columns that come later.
            combinations = combinations[: (2 * len(combinations) + 2) // 3]
        candidates = _references(table, key, combinations)
        if not candidates.rows:
            reason = failure or f"{key.parent_name}, which it refers to, has no rows"
            raise _NoRowsError(reason)
        bound.append(candidates)
    return bound


def _columns_to_fill(table: Table, ring: set[int], include_generated: bool) -> list[int]:
    """Return the columns that get a value from here; the server gives the others theirs."""
    named = {number for key in table.foreign_keys for number in key.columns}
    named |= {number for check in table.checks for number in check.columns}
    if table.oid in ring:
        named |= {number for numbers in table.unique for number in numbers}
    if include_generated:
        named |= {column.number for column in table.columns}
    return [
        c.number for c in table.columns if not c.computed and (not c.given or c.number in named)
    ]


def _keys_job(key: ForeignKey) -> Job:
    names = ", ".join(quoted(name) for _, name in key.parent_columns)
    texts = ", ".join(f"{quoted(name)}::text" for _, name in key.parent_columns)
    some = " AND ".join(f"{quoted(name)} IS NOT NULL" for _, name in key.parent_columns)
    sql = (
        f"SELECT jsonb_agg(k) FROM (SELECT to_jsonb(ARRAY[{texts}]) AS k FROM {key.parent_name} "  # noqa: S608
        f"WHERE {some} ORDER BY {names} LIMIT {_KEYS}) AS keys"
    )
    return {"kind": "ask", "sql": sql, "rows": []}


def _references(table: Table, key: ForeignKey, found: list[Combination]) -> CandidateRows:
    """Return what the columns of a foreign key may be: a parent's key, or NULL."""
    none = _none(table, key).columns
    if not none or not table.may_be_null(key):
        return CandidateRows(key.columns, found)
    without = [
        tuple(
            None if number in none else value
            for number, value in zip(key.columns, row, strict=True)
        )
        for row in (found or [(None,) * len(key.columns)])
    ]
    return CandidateRows(key.columns, list(dict.fromkeys([*found, *without])))


def _none(table: Table, key: ForeignKey) -> CandidateRows:
    numbers = tuple(number for number in key.columns if not table.column(number).not_null)
    return CandidateRows(numbers, [(None,) * len(numbers)])


class _Attempts:
    """The rows to try, of the solutions for all columns of a table, in the order to try them."""

    def __init__(self, solutions: Sequence[Solution], differ: set[int], rng: random.Random) -> None:
        self._solutions = solutions
        self._differ = differ
        self._rng = rng
        self._full = [sorted(each.rows, key=lambda row: row.count(None)) for each in solutions]
        self._without_nulls = [
            [row for row in rows if None not in row] or rows for rows in self._full
        ]
        self._ordinary = [rows[0] for rows in self._full]
        self._nulls = [rows[-1] for rows in self._full]
        self._again = [
            rng.choice(rows) if self._must_differ(each) else ordinary
            for each, rows, ordinary in zip(
                solutions, self._without_nulls, self._ordinary, strict=True
            )
        ]

    def first(self, show: int) -> list[Row]:
        """Return rows for an empty table, in which each column shows up to `show` values."""
        turns = [self._turns(at, show) for at in range(len(self._solutions))]
        first = [self._row(self._ordinary), self._row(self._nulls), self._row(self._again)]
        shown = [
            self._row([values[turn % len(values)] for values in turns])
            for turn in range(_MOST_ROWS)
        ]
        return [*first, *shown, *self._any_rows()]

    def more(self) -> list[Row]:
        """Return rows for a table that has some."""
        return [self._row(self._again), *self._any_rows()]

    def _turns(self, at: int, show: int) -> list[Combination]:
        """Return the values that the columns of one solution show in turn."""
        rows = self._without_nulls[at]
        shown = rows[:show]
        shift = self._rng.randrange(len(shown))
        shown = shown[shift:] + shown[:shift]
        if self._must_differ(self._solutions[at]):
            shown += rows[show:]
            # These are in the first rows, and what else is in a row that fails would not be shown.
            used = (self._ordinary[at], self._again[at], self._nulls[at])
            shown = [values for values in shown if values not in used] or shown
        return shown

    def _must_differ(self, solution: Solution) -> bool:
        return bool(self._differ & set(solution.columns))

    def _any_rows(self) -> list[Row]:
        return [
            self._row([self._rng.choice(each.rows) for each in self._solutions])
            for _ in range(_SPARE)
        ]

    def _row(self, picked: Sequence[Combination]) -> Row:
        return {
            number: value
            for each, values in zip(self._solutions, picked, strict=True)
            for number, value in zip(each.columns, values, strict=True)
        }


def _shown(table: Table, types: Types) -> int:
    """Return how many rows show the edges of each column, and every label of the enums."""
    counts = (
        len(types[c.type].labels) or min(len(boundary_values(c.type, c.modifier, types)), _SHOWN)
        for c in table.columns
    )
    return min(max(counts, default=0), _MOST_ROWS)


def _link(rows: Sequence[tuple[Table, Row]], ring: set[int]) -> None:
    """Let rows of a ring refer to each other. A key may hold one: so it is done once for each."""
    by_oid = {table.oid: row for table, row in rows}
    for _ in rows:
        for table, row in rows:
            for key in table.foreign_keys:
                if key.parent not in ring:
                    continue
                for number, (parent_number, _name) in zip(
                    key.columns, key.parent_columns, strict=True
                ):
                    row[number] = by_oid[key.parent].get(parent_number)


def _insert(group: Group, columns: Sequence[Sequence[int]]) -> str:
    """Return the statement that puts one row into each table; its values are one array of texts."""
    parts, at = [], 0
    for table, numbers in zip(group, columns, strict=True):
        chosen = [table.column(number) for number in numbers]
        values = []
        for column in chosen:
            at += 1
            values.append(f"($1)[{at}]::{column.type_name}")
        names = ", ".join(quoted(column.name) for column in chosen)
        override = " OVERRIDING SYSTEM VALUE" if any(column.always for column in chosen) else ""
        given = f"({names}){override} VALUES ({', '.join(values)})" if chosen else "DEFAULT VALUES"
        parts.append(f"INSERT INTO {table.name} {given}")
    if len(parts) == 1:
        return parts[0]
    # In one statement, as foreign keys are checked at the end of it.
    with_ = ", ".join(f"step{n} AS ({part})" for n, part in enumerate(parts[:-1]))
    return f"WITH {with_} {parts[-1]}"
