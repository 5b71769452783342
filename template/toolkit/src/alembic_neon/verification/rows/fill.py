"""Fills the tables of one database with rows, level by level, in few round trips."""

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from .catalog import Table, Types, read_tables, read_types
from .contents import Contents, read_contents
from .order import Group, levels
from .plan import FillRequest, fill_group
from .server import Job, run, run_batched

# Gets a table's quoted name with its schema; returns whether it filled the table.
Hook = Callable[[str, AsyncConnection], Awaitable[bool | None] | bool | None]

_MORE: Final = 2  # rows for a table that has some already

# What a transaction holds a stronger lock on than a reader's: the tables whose rows or columns it
# may have changed, and what else there is. To be asked just before its end.
TOUCHED_SQL: Final = """
SELECT DISTINCT relation::bigint FROM pg_locks
WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation >= 16384
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND mode NOT IN ('AccessShareLock', 'RowShareLock')
"""


@dataclass(frozen=True)
class Unfilled:
    """A table that has no rows, by its quoted name with its schema, and why."""

    table: str
    reason: str

    def __str__(self) -> str:
        return f"{self.table} has no rows: {self.reason}"


class Rows:
    """Fills the tables of one database with rows that fit, and tells which values were lost.

    It works in the transaction that the connection is in, and does not end it; a transaction that
    it filled tables in is to be committed, or the next one is to use a new object.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        *,
        seed: int = 0,
        rows_per_table: int = 8,
        hook: Hook | None = None,
    ) -> None:
        self._connection = connection
        self._seed = seed
        self._rows_per_table = rows_per_table
        self._hook = hook
        self._shapes: dict[int, frozenset[tuple[int, str]]] = {}
        self._turns: dict[int, int] = {}
        self._postponed: set[int] = set()
        self._unfilled: dict[int, Unfilled] = {}
        self._reasons: dict[str, str] = {}
        self._contents = Contents({})

    async def fill(
        self, touched: Collection[int] | None = None, *, more: bool = True
    ) -> list[Unfilled]:
        """Put rows into each table that has none, and some more where columns came or changed.

        `touched` are the oids of the only tables to look at, by `TOUCHED_SQL`; all, if None.
        Without `more` a table that has rows gets none until a later call.
        Returns the tables without rows, those of earlier calls too.
        """
        # Functions of triggers and CHECKs may need the path that a session has outside of here.
        await self._connection.exec_driver_sql("SET LOCAL search_path TO DEFAULT")
        if touched is not None:
            touched = {*touched, *self._postponed}
        tables = await read_tables(self._connection, touched)
        gone = set(self._shapes) if touched is None else set(touched)
        for oid in gone - {table.oid for table in tables}:
            self._shapes.pop(oid, None)
            self._unfilled.pop(oid, None)
        waiting = await self._waiting(tables, more=more)
        if waiting:
            types = await read_types(self._connection, waiting)
            later = frozenset(table.oid for table in waiting)
            for level in levels(waiting):
                await self._fill_level(level, types, later)
                later -= {table.oid for group in level for table in group}
            await self._fill_deferred_references(waiting, types)
        await self._record_unfilled(waiting)
        return sorted(self._unfilled.values(), key=lambda each: each.table)

    async def read(self, touched: Collection[int] | None = None) -> Contents:
        """Return what the tables hold. With `touched` only these are read, and others as before."""
        self._contents = await read_contents(self._connection, self._contents, touched)
        return self._contents

    async def _waiting(self, tables: Sequence[Table], *, more: bool) -> list[Table]:
        """Return the tables that need rows; without `more` the others are kept for later."""
        fillable = [table for table in tables if table.kind != "f"]
        for table in tables:
            if table.kind == "f":
                self._unfilled[table.oid] = Unfilled(table.name, "it is a foreign table")
        changed = {t.oid for t in fillable if not t.shape <= self._shapes.get(t.oid, frozenset())}
        known = [t for t in fillable if not more or t.oid not in changed]
        counts = await run(self._connection, [_has_rows(table) for table in known])
        full = {table.oid for table, (found, _) in zip(known, counts, strict=True) if found}
        self._postponed = full & changed
        return [table for table in fillable if table.oid not in full]

    async def _fill_level(
        self, level: Sequence[Group], types: Types, later: frozenset[int]
    ) -> None:
        groups = []
        for group in level:
            if not [table for table in group if not await self._by_hook(table)]:
                continue
            if group[0].kind != "p":
                groups.append(group)
        for reasons in await self._fill_groups(groups, types, later):
            self._reasons |= reasons

    async def _fill_groups(
        self, groups: Sequence[Group], types: Types, unfilled: frozenset[int]
    ) -> list[dict[str, str]]:
        """Fill groups that do not need each other; return for each why its tables have no rows."""
        requests = [self._request(group, types, unfilled) for group in groups]
        works = [
            partial(fill_group, group, request)
            for group, request in zip(groups, requests, strict=True)
        ]
        return await run_batched(self._connection, works)

    def _request(self, group: Group, types: Types, unfilled: frozenset[int]) -> FillRequest:
        turn = max(self._turns.get(table.oid, 0) for table in group)
        self._turns |= {table.oid: turn + 1 for table in group}
        row_count = self._rows_per_table if turn == 0 else _MORE
        return FillRequest(types, row_count, f"{self._seed}/{turn}", turn == 0, unfilled)

    async def _fill_deferred_references(self, tables: Sequence[Table], types: Types) -> None:
        """Let rows refer to tables that were still empty when theirs was filled."""
        seen: set[int] = set()
        groups: list[Group] = []
        for level in levels(tables):
            seen |= {table.oid for group in level for table in group}
            groups += [
                group
                for group in level
                if len(group) == 1
                and any(
                    key.parent == table.oid or key.parent not in seen
                    for table in group
                    for key in table.foreign_keys
                )
            ]
        await self._fill_groups(groups, types, frozenset())

    async def _by_hook(self, table: Table) -> bool:
        if self._hook is None:
            return False
        try:
            async with self._connection.begin_nested():
                answer = self._hook(table.name, self._connection)
                return bool(await answer if inspect.isawaitable(answer) else answer)
        except Exception as error:  # noqa: BLE001  the code is the user's
            self._reasons[table.name] = f"the hook failed: {error}"
            return True

    async def _record_unfilled(self, tables: Sequence[Table]) -> None:
        """Record which tables have no rows now, and the others' columns."""
        for table in tables:
            self._shapes[table.oid] = table.shape
            self._unfilled.pop(table.oid, None)
        doubtful = [table for table in tables if self._reasons.get(table.name) != ""]
        counts = await run(self._connection, [_has_rows(table) for table in doubtful])
        for table, (found, failure) in zip(doubtful, counts, strict=True):
            if not found:
                fallback = "it has no partition that takes rows" if table.kind == "p" else "no rows"
                reason = failure or self._reasons.get(table.name, fallback)
                self._unfilled[table.oid] = Unfilled(table.name, reason)
        self._reasons.clear()


def hook_from(functions: Mapping[str, Any]) -> Hook:
    """Return a hook that calls the function that has the table's name, without its schema.

    Each takes the connection, and may be a coroutine: `hook_from(vars(module))`.
    """

    async def hook(table: str, connection: AsyncConnection) -> bool:
        function = functions.get(table.rpartition(".")[2].strip('"'))
        if not callable(function):
            return False
        answer = function(connection)
        if inspect.isawaitable(answer):
            await answer
        return True

    return hook


def _has_rows(table: Table) -> Job:
    sql = f"SELECT to_jsonb(EXISTS (SELECT FROM {table.name}))"  # noqa: S608  the name is quoted
    return {"kind": "ask", "sql": sql, "rows": []}
