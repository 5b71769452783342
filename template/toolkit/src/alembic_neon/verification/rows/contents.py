"""What tables hold at one moment, and what a later moment has lost of it."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ...engine.version_table import version_table
from .catalog import _list
from .server import quoted

_MOST_ROWS: Final = 1_000  # of a table; where it has more, sums of hashes stand for them
_AT_ONCE: Final = 100  # tables read by one query

# The tables to read. A partitioned table stands for its partitions, so that a row that moves from
# one to another is not lost.
COLUMNS_SQL: Final = r"""
SELECT json_build_object('oid', c.oid::bigint,
    'name', quote_ident(s.nspname) || '.' || quote_ident(c.relname), 'kind', c.relkind,
    'columns', (SELECT json_agg(json_build_array(a.attnum, a.attname,
            format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'key', (SELECT k.conkey FROM pg_constraint k
        WHERE k.conrelid = c.oid AND k.contype = 'p'))::text
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition
  AND s.nspname <> 'information_schema' AND s.nspname !~ '^pg_'
  AND NOT (c.relname = ANY ($2) AND s.nspname = coalesce($3, s.nspname))
  AND ($1::oid[] IS NULL OR c.oid = ANY ($1::oid[])
       OR c.oid IN (SELECT pg_partition_root(touched) FROM unnest($1::oid[]) AS touched))
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass
                  AND objid = c.oid AND deptype = 'e')
ORDER BY 1
"""

Values = tuple[str | None, ...]


@dataclass(frozen=True)
class Loss:
    """A loss in a table, of a column or, where that is empty, of whole rows."""

    table: str
    column: str
    what: str

    def __str__(self) -> str:
        return f"{self.table}{'.' if self.column else ''}{self.column}: {self.what}"


@dataclass(frozen=True)
class TableContents:
    """The rows of a table as texts. Of one with very many rows `rows` holds one: of hashes."""

    oid: int
    name: str
    columns: Mapping[int, tuple[str, str]]  # number: name, type
    key: tuple[int, ...]
    count: int
    rows: tuple[Values, ...]

    @property
    def is_summed(self) -> bool:
        """Whether there are too many rows to keep them one by one."""
        return self.count > _MOST_ROWS


@dataclass(frozen=True)
class Contents:
    """The rows of all tables, by the tables' oids."""

    tables: Mapping[int, TableContents]

    def lost(self, later: "Contents") -> list[Loss]:
        """Return which rows and values a later state has lost or changed, by table and column.

        Only tables and columns that both states have are compared: what else is gone is the
        schema's difference. They are recognized by oid and number, so under a new name too, and by
        name where they were made anew. Of a column of another type only NULLs are a loss.
        """
        by_name = {table.name: table for table in later.tables.values()}
        found: list[Loss] = []
        for table in sorted(self.tables.values(), key=lambda each: each.name):
            now = later.tables.get(table.oid) or by_name.get(table.name)
            if now is not None and now is not table:
                found += _lost(table, now)
        return found


async def read_contents(
    connection: AsyncConnection, known: Contents, touched: Collection[int] | None
) -> Contents:
    """Read the tables that were touched, or all, and take the others from what is known."""
    found = await connection.exec_driver_sql(
        COLUMNS_SQL, (_list(touched), *version_table().parameters)
    )
    shapes = [json.loads(text) for text in found.scalars()]
    tables: dict[int, TableContents] = {}
    if touched is not None:
        tables = {oid: table for oid, table in known.tables.items() if oid not in touched}
    for at in range(0, len(shapes), _AT_ONCE):
        some = shapes[at : at + _AT_ONCE]
        for shape, (count, rows) in zip(
            some, await _ask(connection, [_rows_sql(shape) for shape in some]), strict=True
        ):
            if count > _MOST_ROWS:
                [(count, rows)] = await _ask(connection, [_sums_sql(shape)])
            tables[shape["oid"]] = _contents(shape, count, rows)
    return Contents(tables)


async def _ask(connection: AsyncConnection, queries: Sequence[str]) -> list[tuple[int, Any]]:
    if not queries:
        return []
    numbered = (f"SELECT {n}, * FROM ({query}) q" for n, query in enumerate(queries))  # noqa: S608
    union = " UNION ALL ".join(numbered)
    result = await connection.exec_driver_sql(union)
    found = sorted(tuple(row) for row in result.all())
    return [(each[1], json.loads(each[2] or "[]")) for each in found]


def _from(shape: dict[str, Any]) -> str:
    # ONLY leaves out the tables that inherit from this one, which are read as such.
    return shape["name"] if shape["kind"] == "p" else f"ONLY {shape['name']}"


def _rows_sql(shape: dict[str, Any]) -> str:
    texts = ", ".join(f"{quoted(name)}::text" for _, name, _ in shape["columns"] or ())
    return (
        f"SELECT count(*), jsonb_agg(to_jsonb(ARRAY[{texts}]::text[]))::text "  # noqa: S608
        f"FROM (SELECT * FROM {_from(shape)} LIMIT {_MOST_ROWS + 1}) t"
    )


def _sums_sql(shape: dict[str, Any]) -> str:
    sums = ", ".join(
        f"sum(hashtextextended({quoted(name)}::text, 0))::text" for _, name, _ in shape["columns"]
    )
    return (
        f"SELECT count(*), jsonb_build_array(ARRAY[{sums}])::text "  # noqa: S608
        f"FROM {_from(shape)}"
    )


def _contents(shape: dict[str, Any], count: int, rows: list[list[str | None]]) -> TableContents:
    return TableContents(
        shape["oid"],
        shape["name"],
        {number: (name, type_name) for number, name, type_name in shape["columns"] or ()},
        tuple(shape["key"] or ()),
        count,
        tuple(map(tuple, rows)),
    )


def _lost(was: TableContents, now: TableContents) -> Iterator[Loss]:
    pairs = list(_shared_columns(was, now))
    if was.is_summed or now.is_summed:
        yield from _lost_from_sums(was, now, pairs)
        return
    key = [pair for pair in pairs if was.columns[pair[0]] in _key_columns(was)]
    keyed = bool(was.key) and len(key) == len(was.key) and all(_same_type(was, now, p) for p in key)
    if keyed:
        yield from _lost_by_key(was, now, pairs, key)
    else:
        yield from _lost_without_key(was, now, pairs)


Pair = tuple[int, int]  # a column's number then and now


def _shared_columns(was: TableContents, now: TableContents) -> Iterator[Pair]:
    by_name = {name: number for number, (name, _) in now.columns.items()}
    for number, (name, _) in was.columns.items():
        if was.oid == now.oid and number in now.columns:
            yield number, number
        elif name in by_name:
            yield number, by_name[name]


def _key_columns(table: TableContents) -> list[tuple[str, str]]:
    return [table.columns[number] for number in table.key]


def _same_type(was: TableContents, now: TableContents, pair: Pair) -> bool:
    return was.columns[pair[0]][1] == now.columns[pair[1]][1]


def _cells(table: TableContents, numbers: Sequence[int]) -> Iterator[Values]:
    places = {number: at for at, number in enumerate(table.columns)}
    for row in table.rows:
        yield tuple(row[places[number]] for number in numbers)


def _lost_by_key(
    was: TableContents, now: TableContents, pairs: Sequence[Pair], key: Sequence[Pair]
) -> Iterator[Loss]:
    then = dict(
        zip(_cells(was, [a for a, _ in key]), _cells(was, [a for a, _ in pairs]), strict=True)
    )
    later = dict(
        zip(_cells(now, [b for _, b in key]), _cells(now, [b for _, b in pairs]), strict=True)
    )
    missing = [each for each in then if each not in later]
    if missing:
        which = "the one" if len(missing) == 1 else "one"
        first = ", ".join(str(value) for value in missing[0])
        yield Loss(was.name, "", f"{_many(len(missing), 'row')} lost, {which} with key {first}")
    for at, pair in enumerate(pairs):
        changed = [
            (then[each][at], later[each][at])
            for each in then
            if each in later
            and _is_lost(then[each][at], later[each][at], _same_type(was, now, pair))
        ]
        if changed:
            yield Loss(was.name, was.columns[pair[0]][0], _changed(len(changed), *changed[0]))


def _lost_without_key(
    was: TableContents, now: TableContents, pairs: Sequence[Pair]
) -> Iterator[Loss]:
    if was.count > now.count:
        yield Loss(was.name, "", f"{_many(was.count - now.count, 'row')} lost")
    same = [pair for pair in pairs if _same_type(was, now, pair)]
    then = Counter(_cells(was, [a for a, _ in same]))
    missing = then - Counter(_cells(now, [b for _, b in same]))
    changed = missing.total() - max(was.count - now.count, 0)
    named = False
    for pair in pairs:
        before = Counter(_cells(was, pair[:1]))
        after = Counter(_cells(now, pair[1:]))
        if not _same_type(was, now, pair):
            fewer = (was.count - before[(None,)]) - (now.count - after[(None,)])
            if fewer > 0 and was.count <= now.count:
                yield Loss(was.name, was.columns[pair[0]][0], f"{_many(fewer, 'value')} lost")
        elif changed > 0 and (gone := before - after):
            named = True
            del gone[(None,)]  # as above
            if gone:
                value = next(iter(gone))[0]
                lost = f"{_many(gone.total(), 'value')} lost: {_short(value)}"
                yield Loss(was.name, was.columns[pair[0]][0], lost)
    if changed > 0 and not named:
        yield Loss(was.name, "", f"values of {_many(changed, 'row')} are in other rows now")


def _lost_from_sums(
    was: TableContents, now: TableContents, pairs: Sequence[Pair]
) -> Iterator[Loss]:
    if was.count != now.count:
        if was.count > now.count:
            yield Loss(was.name, "", f"{_many(was.count - now.count, 'row')} lost")
        return
    then, later = next(_cells(was, [a for a, _ in pairs])), next(_cells(now, [b for _, b in pairs]))
    for pair, before, after in zip(pairs, then, later, strict=True):
        if before != after and _same_type(was, now, pair):
            yield Loss(was.name, was.columns[pair[0]][0], "some of its values changed")


def _is_lost(was: str | None, now: str | None, same_type: bool) -> bool:
    # A NULL that was filled is no loss: a downgrade cannot know which rows had one.
    return was is not None and (was != now if same_type else now is None)


def _changed(count: int, was: str | None, now: str | None) -> str:
    return f"{_many(count, 'value')} changed: {_short(was)} is {_short(now)} now"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _short(value: str | None) -> str:
    if value is None:
        return "NULL"
    return repr(value if len(value) <= 40 else f"{value[:40]}…")
