"""A bank: transfers as retried units of work, of which none may be lost, doubled or half done."""

import asyncio
import random
import time
from collections import Counter
from contextlib import suppress
from typing import Any, Final
from uuid import UUID, uuid4

from alembic_neon import CommitOutcomeUnknownError, run_transaction
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from .world import World

ACCOUNTS: Final = 60
START: Final = 1000
CLIENTS: Final = 8
_PAUSE_SECONDS: Final = 0.02
_DEADLINE_SECONDS: Final = 15.0

SETUP_SQL: Final = (
    "CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL)",
    f"INSERT INTO accounts SELECT g, {START} FROM generate_series(0, {ACCOUNTS - 1}) g",  # noqa: S608
    "CREATE TABLE transfers (op uuid NOT NULL, source int, target int, amount bigint)",
    "CREATE TABLE keys (op uuid PRIMARY KEY)",
)
_KEY: Final = text("INSERT INTO keys VALUES (:op) ON CONFLICT DO NOTHING RETURNING op")
_TRANSFER: Final = text("INSERT INTO transfers VALUES (:op, :source, :target, :amount)")
_TAKE: Final = text("UPDATE accounts SET balance = balance - :amount WHERE id = :source")
_GIVE: Final = text("UPDATE accounts SET balance = balance + :amount WHERE id = :target")
_BALANCES: Final = """
SELECT id FROM accounts a WHERE balance <> %d
    + (SELECT coalesce(sum(amount), 0) FROM transfers WHERE target = a.id)
    - (SELECT coalesce(sum(amount), 0) FROM transfers WHERE source = a.id)
"""


class Bank:
    """Clients that transfer, and what each of them was answered."""

    def __init__(self, engine: AsyncEngine, rng: random.Random) -> None:
        self.done: set[UUID] = set()
        self.failed: dict[UUID, str] = {}
        self.unknown: set[UUID] = set()
        self._engine = engine
        self._random = rng

    async def serve(self, deadline: float) -> None:
        """Let the clients work until then."""
        await asyncio.gather(*(self._client(deadline) for _ in range(CLIENTS)))

    async def _client(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            await self._transfer(has_key=self._random.random() < 0.5)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _transfer(self, *, has_key: bool) -> None:
        """Transfer once: work with a key may be repeated always, and without one never blindly."""
        source, target = self._random.sample(range(ACCOUNTS), 2)
        values: dict[str, Any] = {"op": uuid4(), "source": source, "target": target, "amount": 1}
        moves = self._random.sample([_TAKE, _GIVE], 2)  # so that deadlocks happen

        async def work(session: AsyncSession) -> None:
            if has_key and await session.scalar(_KEY, values) is None:
                return
            await _move(session, [_TRANSFER, *moves], values)

        try:
            await run_transaction(
                work,
                idempotent=has_key,
                deadline_seconds=_DEADLINE_SECONDS,
                isolation_level=self._random.choice([None, "SERIALIZABLE"]),
                engine=self._engine,
            )
            self.done.add(values["op"])
        except CommitOutcomeUnknownError:
            self.unknown.add(values["op"])
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be stored
            self.failed[values["op"]] = repr(error)

    async def judge(self, world: World, database: str) -> None:
        """Compare what is stored with what the clients were answered."""
        await world.without_sessions(database)
        stored = Counter(await world.fetch("SELECT op FROM transfers", database))
        fail = world.figures.fail
        for op in self.done - stored.keys():
            fail("data", f"the transfer {op} is lost")
        for op in stored.keys() & self.failed.keys():
            fail("data", f"the transfer {op} is stored, but failed: {self.failed[op]}")
        for op, count in stored.items():
            if count > 1:
                fail("data", f"the transfer {op} was done {count} times")
        for account in await world.fetch(_BALANCES % START, database):
            fail("data", f"the account {account} is not what its transfers make of it")
        total = await world.fetch("SELECT sum(balance)::bigint FROM accounts", database)
        if total != [ACCOUNTS * START]:
            fail("data", f"the sum is {total}")
        world.figures.done += Counter(
            {
                "transfers": len(self.done),
                "transfers of unknown outcome": len(self.unknown),
                "transfers that failed": len(self.failed),
            }
        )


async def _move(session: AsyncSession, moves: list[TextClause], values: dict[str, Any]) -> None:
    for move in moves:
        await session.execute(move, values)


async def closed(engine: AsyncEngine) -> None:
    """Close the engine, whatever its connections have come to."""
    with suppress(Exception):
        await asyncio.wait_for(engine.dispose(), 20)
