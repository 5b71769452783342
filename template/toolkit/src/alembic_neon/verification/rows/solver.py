"""Values that fit together: what a table's CHECKs and foreign keys let pass, as the server judges.

Columns that stand in one condition belong together. For each such set of columns there is a list
of combinations: keys that the parents have, joined with candidates for the other columns, and of
these what each condition lets pass, one condition after the other.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Final

from .catalog import Check, Table, Types
from .mining import values_from_constraints
from .server import Job, JobQueue, quoted
from .values import Value, boundary_values, is_known, random_value

_RANDOM_VALUES: Final = 40  # for a column whose values must differ
_MOST: Final = 600  # combinations that are kept from one condition to the next
Combination = tuple[Value, ...]


@dataclass
class CandidateRows:
    """The combinations that some columns may have."""

    columns: tuple[int, ...]
    rows: list[Combination]


@dataclass
class Solution(CandidateRows):
    """Combinations that satisfy all conditions on their columns. `why` says why there are none."""

    why: str = ""
    checks: list[Check] = field(default_factory=list)
    candidates: dict[int, list[Value]] = field(default_factory=dict)
    numbers: set[int] = field(default_factory=set)  # of all its columns, joined yet or not

    def extend(self, numbers: Sequence[int], rng: random.Random) -> None:
        """Join the candidates of columns that are not in it yet."""
        for number in numbers:
            if number not in self.columns:
                values: list[Combination] = [(value,) for value in self.candidates[number]]
                joined = _joined(self, CandidateRows((number,), values), rng)
                self.columns, self.rows = joined.columns, joined.rows


@dataclass(frozen=True)
class Problem:
    """Which columns of a table need values, and what some of them are bound to by foreign keys."""

    table: Table
    types: Types
    columns: Sequence[int]
    bound: Sequence[CandidateRows]
    validate_values: bool  # each value is judged alone, before it is combined


async def solve(problem: Problem, rng: random.Random, queue: JobQueue) -> list[Solution]:
    """Find combinations for the columns of a problem, one solution for each set of them."""
    table, types = problem.table, problem.types
    candidates = {number: _candidates(table, types, number, rng) for number in problem.columns}
    checks = [
        check for check in table.checks if check.columns and set(check.columns) <= candidates.keys()
    ]
    solutions = _start(candidates, problem.bound, checks, rng)
    unknown = {
        number
        for number in problem.columns
        if problem.validate_values or not is_known(table.column(number).type, types)
    }
    for each in solutions:
        # A value of such a type may be none: then the cast fails.
        numbers = sorted(unknown & each.numbers)
        each.checks[:0] = [Check(_accepted(table, number), (number,)) for number in numbers]
    while waiting := [each for each in solutions if each.checks]:
        asked = [each.checks.pop(0) for each in waiting]
        for each, check in zip(waiting, asked, strict=True):
            each.extend(check.columns, rng)
        jobs = [_job(table, each, check) for each, check in zip(waiting, asked, strict=True)]
        answers = await queue.run(jobs)
        for each, check, (passed, failure) in zip(waiting, asked, answers, strict=True):
            _take(table, each, check, passed or [], failure)
    return solutions


def differing(table: Table) -> set[int]:
    """Return columns of which one must differ between any two rows: the last of each unique key."""
    if any(0 in numbers for numbers in table.unique):
        return {column.number for column in table.columns}  # an expression, of any of them
    return {numbers[-1] for numbers in table.unique}


def _take(
    table: Table, solution: Solution, check: Check, passed: list[int], failure: str | None
) -> None:
    solution.rows = [solution.rows[position - 1] for position in passed]
    if solution.rows:
        return
    solution.checks.clear()
    if check.expression == _accepted(table, check.columns[0]):
        solution.why = (
            f"no value tried is accepted by {table.column(check.columns[0]).name}: {failure}"
        )
    else:
        solution.why = f"no value tried satisfies CHECK {check.expression}"


def _candidates(table: Table, types: Types, number: int, rng: random.Random) -> list[Value]:
    column = table.column(number)
    conditions = [check.expression for check in table.checks if number in check.columns]
    domain = types[column.type]
    while domain.kind == "d":
        conditions.append(domain.check)
        domain = types[domain.base]
    if column.default:
        conditions.append(column.default)
    found: list[Value] = (
        list(values_from_constraints(column, types, conditions, rng)) if any(conditions) else []
    )
    ordinary = boundary_values(column.type, column.modifier, types)
    # Without a condition the ordinary value comes first, with one what was mined from it.
    is_free = not any(number in check.columns for check in table.checks) and not domain.check
    found = [*ordinary[:1], *found, *ordinary[1:]] if is_free else [*found, *ordinary]
    # A partition's condition may leave no trace to mine from.
    many = (
        _RANDOM_VALUES if number in differing(table) or "satisfies_hash" in str(table.checks) else 2
    )
    found += [random_value(column.type, column.modifier, types, rng) for _ in range(many)]
    if not column.not_null:
        found.append(None)
    return list(dict.fromkeys(found))


def _start(
    candidates: dict[int, list[Value]],
    bound: Sequence[CandidateRows],
    checks: Sequence[Check],
    rng: random.Random,
) -> list[Solution]:
    """Part the columns into sets that belong together, each with its combinations and checks."""
    sets: list[set[int]] = [{number} for number in candidates]
    for together in [*(r.columns for r in bound), *(c.columns for c in checks)]:
        touching = [each for each in sets if each & set(together)]
        sets = [each for each in sets if not each & set(together)] + [set().union(*touching)]
    solutions = []
    for numbers in sorted(sets, key=min):
        given = [r for r in bound if set(r.columns) <= numbers]
        start = CandidateRows((), [()])
        for relation in given:
            start = _joined(start, relation, rng)
        why = "" if start.rows else "no rows of its parents fit together"
        mine = sorted(
            (c for c in checks if set(c.columns) <= numbers), key=lambda c: len(c.columns)
        )
        found = Solution(
            start.columns, start.rows, why, mine if start.rows else [], candidates, numbers
        )
        if not mine:
            found.extend(sorted(numbers), rng)
        solutions.append(found)
    return solutions


def _joined(left: CandidateRows, right: CandidateRows, rng: random.Random) -> CandidateRows:
    """Join two relations on the columns that both have, and keep a sample of what that gives."""
    shared = [number for number in right.columns if number in left.columns]
    new = [at for at, number in enumerate(right.columns) if number not in shared]
    columns = left.columns + tuple(right.columns[at] for at in new)
    if not shared:
        pairs = _sample_of_product(left.rows, right.rows, rng)
        return CandidateRows(columns, [a + b for a, b in pairs])
    rows: list[Combination] = []
    for a, b in product(left.rows, right.rows):
        known = dict(zip(left.columns, a, strict=True))
        values = dict(zip(right.columns, b, strict=True))
        if all(known[number] == values[number] for number in shared):
            rows.append(a + tuple(b[at] for at in new))
    joined = list(dict.fromkeys(rows))
    return CandidateRows(columns, joined if len(joined) <= _MOST else rng.sample(joined, _MOST))


def _sample_of_product(
    left: list[Combination], right: list[Combination], rng: random.Random
) -> list[tuple[Combination, Combination]]:
    if prod((len(left), len(right))) <= _MOST:
        return list(product(left, right))
    # NULLs in every second pair: conditions on many columns often want but one that is none.
    nulls = [each for each in right if all(value is None for value in each)]
    picked = (
        (rng.choice(left), rng.choice(nulls if nulls and at % 2 else right)) for at in range(_MOST)
    )
    return list(dict.fromkeys(picked))


def _accepted(table: Table, number: int) -> str:
    name = quoted(table.column(number).name)
    return f"{name}::text IS NOT NULL OR {name} IS NULL"


def _job(table: Table, solution: Solution, check: Check) -> Job:
    casts = ", ".join(
        f"(v->>{at})::{table.column(number).type_name} AS {quoted(table.column(number).name)}"
        for at, number in enumerate(solution.columns)
    )
    # Names are quoted. Without OFFSET 0 the cast of a column that no condition names is left out.
    sql = (
        'SELECT coalesce(jsonb_agg("#" ORDER BY "#"), \'[]\') FROM ('  # noqa: S608
        f'SELECT n AS "#", {casts} '
        "FROM jsonb_array_elements($1) WITH ORDINALITY AS c(v, n) OFFSET 0"
        f") AS {quoted(table.plain_name)} WHERE ({check.expression}) IS NOT FALSE"
    )
    return {"kind": "fit", "sql": sql, "rows": solution.rows}
