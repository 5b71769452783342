"""The data check: which rows and values each revision removed or changed, on tables of any size."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import quoted_name
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.factory import migration_connection
from ..engine.url import DatabaseURL
from ..engine.version_table import version_table
from .data_queries import TABLES_SQL, summary_sql


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


@dataclass(frozen=True)
class Loss:
    """Something that was there before and is no more. `is_lost` is False for what only changed."""

    table: str
    message: str
    is_lost: bool


Data = Mapping[int, TableSummary]  # by the table's oid


class LossLog:
    """The losses of a run, by revision: its tables are read before it and after each revision.

    What a declaration excuses is judged by whoever reads the log, revision by revision.
    """

    def __init__(self, url: DatabaseURL) -> None:
        self._url = url
        self._data: Data = {}
        self._read_last: set[int] = set()
        self.losses: dict[str, list[Loss]] = {}

    async def start(self) -> None:
        """Read every table as it is before the run.

        Raises:
            ConfigurationError, ConnectionFailedError: the database cannot be reached.
        """
        self._data = await summarize_data(self._url)

    @property
    def row_counts(self) -> Mapping[int, int]:
        """The rows of each table, by its oid, when it was last read."""
        return {oid: table.rows for oid, table in self._data.items()}

    async def record(self, revision: str, untouched: Collection[int] = ()) -> None:
        """Note what `revision`, which was just committed, removed or changed.

        Tables whose oids are in `untouched` are not read again, so that a revision costs what it
        touched.

        Raises: as `start` does.
        """
        known = {oid: table for oid, table in self._data.items() if oid in untouched}
        now = await summarize_data(self._url, known)
        self.losses[revision] = find_losses(self._data, now)
        self._data, self._read_last = now, now.keys() - known.keys()

    async def finish(self) -> list[Loss]:
        """Return the losses in tables that were taken for untouched; no revision is known for them.

        Raises: as `start` does.
        """
        known = {oid: table for oid, table in self._data.items() if oid in self._read_last}
        return find_losses(self._data, await summarize_data(self._url, known))


async def summarize_data(url: DatabaseURL, known: Data | None = None) -> Data:
    """Read every table of the database at `url` once, in full, but those in `known`.

    Raises:
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    known = known or {}
    async with migration_connection(url) as connection:
        tables = (await connection.exec_driver_sql(TABLES_SQL, version_table().parameters)).all()
        return {row.oid: known.get(row.oid) or await _summarize(connection, row) for row in tables}


async def _summarize(connection: AsyncConnection, row: object) -> TableSummary:
    quote = connection.dialect.identifier_preparer.quote_identifier
    schema, name = row.schema, row.name  # type: ignore[attr-defined]
    table = f"{quote(schema)}.{quote(name)}"
    columns: list[str] = row.columns  # type: ignore[attr-defined]
    sql = summary_sql(table, [quote(quoted_name(each, True)) for each in columns])
    found = (await connection.exec_driver_sql(sql)).one()
    summaries = {}
    described = zip(row.numbers, columns, row.types, strict=True)  # type: ignore[attr-defined]
    for position, (number, column, kind) in enumerate(described):
        values, checksum = found[1 + 2 * position], found[2 + 2 * position]
        summaries[number] = ColumnSummary(column, kind, values, checksum)
    return TableSummary(f"{schema}.{name}", found[0], summaries)


def find_losses(before: Data, after: Data) -> list[Loss]:
    """Return what `after` lacks or has otherwise, table by table.

    A table is the same one by its oid, or by its name where it was made anew; a column by its
    number or its name. Values are compared as text, in tables of as many rows: those of a column
    whose type changed may be cut or rounded, which a person has to judge.
    """
    by_name = {summary.name: summary for summary in after.values()}
    losses: list[Loss] = []
    for oid, was in before.items():
        now = after.get(oid) or by_name.get(was.name)
        if now is None:
            if was.rows:
                losses.append(Loss(was.name, f"dropped, with {was.rows} rows", is_lost=True))
        else:
            losses += _losses_of_table(was, now, is_same=oid in after)
    return losses


def _losses_of_table(was: TableSummary, now: TableSummary, *, is_same: bool) -> Iterator[Loss]:
    if now.rows < was.rows:
        yield Loss(was.name, f"{was.rows - now.rows} of {was.rows} rows are gone", is_lost=True)
    names = {column.name: column for column in now.columns.values()}
    for number, column in was.columns.items():
        later = now.columns.get(number) if is_same else names.get(column.name)
        if later is None:
            if column.values:
                message = f"column {column.name} dropped, with {column.values} values"
                yield Loss(was.name, message, is_lost=True)
        elif later.values < column.values and now.rows >= was.rows:
            gone = column.values - later.values
            message = f"{gone} of {column.values} values of column {column.name} are gone"
            yield Loss(was.name, message, is_lost=True)
        elif now.rows == was.rows and later.checksum != column.checksum:
            what = "changed" if later.type == column.type else f"read otherwise as {later.type}"
            yield Loss(was.name, f"values of column {column.name} {what}", is_lost=False)
