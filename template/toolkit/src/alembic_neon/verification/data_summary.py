"""What the data check reads of each table: its rows, its values, and which rows these are."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import quoted_name
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.factory import migration_connection
from ..engine.url import DatabaseURL
from ..engine.version_table import version_table
from .data_queries import TABLES_SQL, row_hashes_sql, summary_sql, survivors_sql

# Eight bytes a row are kept, so 80 MB for a table of this size.
MOST_ROWS: Final = 10_000_000


@dataclass(frozen=True)
class ColumnSummary:
    """A column's values: how many there are, and a sum of their hashes."""

    name: str
    type: str
    values: int
    checksum: str | None


@dataclass(frozen=True)
class TableSummary:
    """A table's rows; the columns by their number, which a renaming leaves as it is."""

    name: str
    rows: int
    columns: dict[int, ColumnSummary]
    key: tuple[int, ...] = ()  # the columns that identify a row: all of them without a primary key
    has_primary_key: bool = False
    row_hashes: bytes | None = None  # int8 of each row's key; None in tables of very many rows

    def numbers_of_key(self, later: "TableSummary", *, is_same: bool) -> tuple[int, ...] | None:
        """Return the numbers that the key's columns have in `later`; None where its text differs.

        A column is the same one by its number, in a table made anew by its name.
        """
        by_name = {column.name: number for number, column in later.columns.items()}
        numbers = []
        for number in self.key:
            column = self.columns[number]
            found = number if is_same else by_name.get(column.name)
            if found not in later.columns or later.columns[found].type != column.type:
                return None
            numbers.append(found)
        return tuple(numbers)


Data = Mapping[int, TableSummary]  # by the table's oid


async def summarize_data(url: DatabaseURL, known: Data | None = None) -> Data:
    """Read every table of the database at `url` once, in full, but those in `known`.

    Raises:
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    known = known or {}
    async with migration_connection(url) as connection:
        return {
            row.oid: known.get(row.oid) or await _summarize(connection, row)
            for row in await _tables(connection)
        }


async def read_survivors(url: DatabaseURL, before: Data, after: Data) -> Data:
    """Return, by the oid before, what is now in those rows that were there before.

    Only tables are read again in which something changed. Left out is what cannot be compared: a
    key of which a column went or has another type, and a table of more than `MOST_ROWS` rows.

    Raises: as `summarize_data` does.
    """
    by_name = {summary.name: oid for oid, summary in after.items()}
    changed = {}
    for oid, was in before.items():
        later = oid if oid in after else by_name.get(was.name)
        if later is not None and _may_hide_losses(was, after[later], is_same=later == oid):
            changed[later] = oid
    if not changed:
        return {}
    async with migration_connection(url) as connection:
        rows = [row for row in await _tables(connection) if row.oid in changed]
        return {
            changed[row.oid]: await _read_survivors(
                connection, row, before[changed[row.oid]], after[row.oid]
            )
            for row in rows
        }


def _may_hide_losses(was: TableSummary, now: TableSummary, *, is_same: bool) -> bool:
    """Tell whether rows that are new may stand where old ones went or were overwritten."""
    key = was.numbers_of_key(now, is_same=is_same)
    if not was.row_hashes or key is None:
        return False
    if was.rows != now.rows:
        return True
    if not was.has_primary_key:
        return False  # a row is its values: each change of one would be a row that is gone
    names = {column.name: column for column in now.columns.values()}
    for number, column in was.columns.items():
        later = now.columns.get(number) if is_same else names.get(column.name)
        if later is not None and number not in was.key and later.checksum != column.checksum:
            return True
    return False  # where the key alone changed, the rows were given other keys


async def _tables(connection: AsyncConnection) -> Any:
    return (await connection.exec_driver_sql(TABLES_SQL, version_table().parameters)).all()


async def _summarize(connection: AsyncConnection, row: Any) -> TableSummary:
    table, columns = _quoted(connection, row)
    sql = summary_sql(table, columns.values())
    found = (await connection.exec_driver_sql(sql)).one()
    key = tuple(row.key or row.numbers)
    hashes = None
    if found[0] <= MOST_ROWS:
        sql = row_hashes_sql(table, [columns[number] for number in key])
        hashes = (await connection.exec_driver_sql(sql)).scalar_one() or b""
    return TableSummary(
        f"{row.schema}.{row.name}",
        found[0],
        _column_summaries(row, found),
        key,
        row.key is not None,
        hashes,
    )


async def _read_survivors(
    connection: AsyncConnection, row: Any, was: TableSummary, now: TableSummary
) -> TableSummary:
    table, columns = _quoted(connection, row)
    key = was.numbers_of_key(now, is_same=all(number in row.numbers for number in was.key)) or ()
    sql = survivors_sql(table, columns.values(), [columns[number] for number in key])
    hashes = array("q", was.row_hashes or b"")
    hashes.byteswap()  # PostgreSQL sends the highest byte first
    found = (await connection.exec_driver_sql(sql, (list(hashes),))).one()
    return TableSummary(now.name, found[0], _column_summaries(row, found))


def _quoted(connection: AsyncConnection, row: Any) -> tuple[str, dict[int, str]]:
    """Return the table's name, and those of its columns by their number."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    names = [quote(quoted_name(name, True)) for name in row.columns]
    return f"{quote(row.schema)}.{quote(row.name)}", dict(zip(row.numbers, names, strict=True))


def _column_summaries(row: Any, found: Any) -> dict[int, ColumnSummary]:
    described = zip(row.numbers, row.columns, row.types, strict=True)
    return {
        number: ColumnSummary(name, kind, found[1 + 2 * position], found[2 + 2 * position])
        for position, (number, name, kind) in enumerate(described)
    }
