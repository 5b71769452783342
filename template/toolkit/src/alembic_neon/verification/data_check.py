"""The data check: which rows and values each revision removed or changed, on tables of any size."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ..engine.url import DatabaseURL
from .data_summary import Data, TableSummary, read_survivors, summarize_data


@dataclass(frozen=True)
class Loss:
    """Something that was there before and is no more. `is_lost` is False for what only changed."""

    table: str
    message: str
    is_lost: bool


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
        self.losses[revision] = await self._find_losses(now)
        self._data, self._read_last = now, now.keys() - known.keys()

    async def finish(self) -> list[Loss]:
        """Return the losses in tables that were taken for untouched; no revision is known for them.

        Raises: as `start` does.
        """
        known = {oid: table for oid, table in self._data.items() if oid in self._read_last}
        return await self._find_losses(await summarize_data(self._url, known))

    async def _find_losses(self, now: Data) -> list[Loss]:
        return find_losses(self._data, now, await read_survivors(self._url, self._data, now))


def find_losses(before: Data, after: Data, survivors: Data) -> list[Loss]:
    """Return what `after` lacks or has otherwise, table by table.

    A table is the same one by its oid, or by its name where it was made anew; a column by its
    number or its name. Where `survivors`, by the oid before, has the rows that were there before,
    these are compared: rows that came hide nothing. Values are compared as text; those of a column
    whose type changed may be cut or rounded, which a person has to judge.
    """
    by_name = {summary.name: summary for summary in after.values()}
    losses: list[Loss] = []
    for oid, was in before.items():
        now = survivors.get(oid) or after.get(oid) or by_name.get(was.name)
        if now is None:
            if was.rows:
                losses.append(Loss(was.name, f"dropped, with {was.rows} rows", is_lost=True))
        else:
            losses += _losses_of_table(was, now, is_same=oid in after)
    return losses


def _losses_of_table(was: TableSummary, now: TableSummary, *, is_same: bool) -> Iterator[Loss]:
    if now.rows < was.rows:
        yield Loss(was.name, _gone_rows(was, now), is_lost=True)
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


def _gone_rows(was: TableSummary, now: TableSummary) -> str:
    verb = "are gone" if was.has_primary_key else "are gone or changed"
    return f"{was.rows - now.rows} of {was.rows} rows {verb}"
