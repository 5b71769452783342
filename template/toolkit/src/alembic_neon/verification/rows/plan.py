"""The rows that are tried for a table: an ordinary one, its NULLs, a duplicate, its edges."""

import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from .catalog import ForeignKey, Table, Types
from .fitting import Combination, Fit, Relation, differing, fit
from .order import Group, needed
from .server import Job, quoted
from .values import Value, edges

_KEYS: Final = 40  # of a parent, that rows may refer to
_SPARE: Final = 25  # rows more than are wanted, where some do not fit
_MOST_ROWS: Final = 24  # where a column has many values to show
_SHOWN: Final = 8  # values of a column that are shown in turn, beside every label of an enum

Row = dict[int, Value]
# Work for the server is yielded, its answers come back.
Answers = list[tuple[Any, str | None]]
# The result: for each table why it has no rows, or nothing where it got some.
Steps = Generator[list[Job], Answers, dict[str, str]]


@dataclass(frozen=True)
class Order:
    """What is asked for: how many rows, by which seed, and the parents that have none yet."""

    wanted: int
    seed: str
    is_first: bool
    later: frozenset[int]
    is_careful: bool = False  # each value is judged before it is tried
    with_given: bool = False  # values for serial and identity columns too


def fill_group(group: Group, types: Types, order: Order) -> Steps:
    """Put rows into tables that need each other, or into one that stands alone."""
    if order.is_first:
        wanted = max(order.wanted, *(_shown(table, types) + 3 for table in group))
        order = replace(order, wanted=wanted)
    made, reason = yield from _try(group, types, order)
    if made <= 2 and order.is_first:
        # A value that the server refuses may have spoiled the rows, or a sequence that lags behind.
        wanted, seed = order.wanted - made, f"{order.seed}/careful"
        careful = replace(order, wanted=wanted, seed=seed, is_careful=True, with_given=made == 0)
        more, again = yield from _try(group, types, careful)
        made, reason = made + more, reason or again
    return {table.name: "" if made else reason or "no row was tried" for table in group}


def _try(
    group: Group, types: Types, order: Order
) -> Generator[list[Job], Answers, tuple[int, str]]:
    """Try rows, and return how many came in and what kept the first other one out."""
    ring = {table.oid for table in group}
    if len(group) == 1 and group[0].oid not in needed(group[0]):
        ring = set()
    planned: list[tuple[Table, list[Row]]] = []
    for table in group:
        own = yield from _rows(table, types, order, ring)
        if isinstance(own, str):
            return 0, own
        planned.append((table, own))
    tuples = list(zip(*(own for _, own in planned), strict=False))
    for rows in tuples:
        _link(list(zip(group, rows, strict=True)), ring)
    columns = [list(row) for row in tuples[0]]
    values = [
        [row[n] for row, ns in zip(rows, columns, strict=True) for n in ns] for rows in tuples
    ]
    sql = _insert(group, columns)
    [(made, failure)] = yield [
        {"kind": "insert", "sql": sql, "rows": values, "wanted": order.wanted}
    ]
    return made, failure or ""


def _rows(
    table: Table, types: Types, order: Order, ring: set[int]
) -> Generator[list[Job], Answers, list[Row] | str]:
    """Plan rows for a table, or tell why there are none."""
    rng = random.Random(f"{order.seed}/{table.name}")  # noqa: S311  reproducible, not secret
    keys = [key for key in table.foreign_keys if key.parent not in ring]
    present = [key for key in keys if key.parent not in order.later]
    relations = [_none(table, key) for key in keys if key.parent in order.later]
    answers = (yield [_keys_job(key) for key in present]) if present else []
    for key, (found, failure) in zip(present, answers, strict=True):
        keys_found = [tuple(each) for each in found or ()]
        if order.is_first and set(key.columns) & differing(table):
            # Where a parent has one row here at most, some are left for columns that come later.
            keys_found = keys_found[: (2 * len(keys_found) + 2) // 3]
        relation = _references(table, key, keys_found)
        if not relation.rows:
            return failure or f"{key.parent_name}, which it refers to, has no rows"
        relations.append(relation)
    wished = _wished(table, ring, order.with_given)
    relations = [each for each in relations if each.columns and set(each.columns) <= set(wished)]
    fits = yield from fit(table, types, wished, relations, rng, is_careful=order.is_careful)
    for each in fits:
        if not each.rows:
            return each.why
    return _attempts(table, fits, order, rng, max(_SHOWN, _shown(table, types)))


def _wished(table: Table, ring: set[int], with_given: bool) -> list[int]:
    """Return the columns that get a value from here; the server gives the others theirs."""
    named = {number for key in table.foreign_keys for number in key.columns}
    named |= {number for check in table.checks for number in check.columns}
    if table.oid in ring:
        named |= {number for numbers in table.unique for number in numbers}
    if with_given:
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


def _references(table: Table, key: ForeignKey, found: list[Combination]) -> Relation:
    """Return what the columns of a foreign key may be: a parent's key, or NULL."""
    none = _none(table, key).columns
    if not none or not table.may_be_null(key):
        return Relation(key.columns, found)
    without = [
        tuple(
            None if number in none else value
            for number, value in zip(key.columns, row, strict=True)
        )
        for row in (found or [(None,) * len(key.columns)])
    ]
    return Relation(key.columns, list(dict.fromkeys([*found, *without])))


def _none(table: Table, key: ForeignKey) -> Relation:
    numbers = tuple(number for number in key.columns if not table.column(number).not_null)
    return Relation(numbers, [(None,) * len(numbers)])


def _attempts(
    table: Table, fits: Sequence[Fit], order: Order, rng: random.Random, show: int
) -> list[Row]:
    """Return the rows to try, in the order to try them."""
    differ = differing(table)
    full = [sorted(each.rows, key=lambda row: row.count(None)) for each in fits]
    some = [[row for row in rows if None not in row] or rows for rows in full]

    def row(pick: Mapping[int, Combination]) -> Row:
        return {
            number: value
            for at, each in enumerate(fits)
            for number, value in zip(each.columns, pick[at], strict=True)
        }

    def any_row() -> Row:
        return row({at: rng.choice(each.rows) for at, each in enumerate(fits)})

    everywhere = range(len(fits))
    nulls = {at: full[at][-1] for at in everywhere}
    ordinary = {at: full[at][0] for at in everywhere}
    again = {
        at: rng.choice(some[at]) if differ & set(fits[at].columns) else ordinary[at]
        for at in everywhere
    }
    if not order.is_first:
        return [row(again), *(any_row() for _ in range(_SPARE))]
    turns = []
    for at in everywhere:
        shown = some[at][:show]
        shift = rng.randrange(len(shown))
        shown = shown[shift:] + shown[:shift]
        if differ & set(fits[at].columns):
            shown += some[at][show:]
            # These are in the first rows, and what else is in a row that fails would not be shown.
            used = (ordinary[at], again[at], nulls[at])
            shown = [values for values in shown if values not in used] or shown
        turns.append(shown)
    first = [row(ordinary), row(nulls), row(again)]
    shown_rows = (
        row({at: turns[at][turn % len(turns[at])] for at in everywhere})
        for turn in range(_MOST_ROWS)
    )
    return [*first, *shown_rows, *(any_row() for _ in range(_SPARE))]


def _shown(table: Table, types: Types) -> int:
    """Return how many rows show the edges of each column, and every label of the enums."""
    counts = (
        len(types[c.type].labels) or min(len(edges(c.type, c.modifier, types)), _SHOWN)
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
