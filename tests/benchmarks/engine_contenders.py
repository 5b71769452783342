"""The ways to talk to PostgreSQL that tests/benchmarks/engine.py compares, behind one face."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import pytest
from alembic_neon import create_engine, run_transaction
from alembic_neon.engine.settings import Settings
from neon.plain import plain_engine
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    create_async_engine,
)

# A request: a transaction of one statement, on the row with this id.
Request = Callable[[int], Awaitable[None]]
Opened = dict[str, Request]

SETUP_SQL: Final = (
    "CREATE TABLE items (id int PRIMARY KEY, n int NOT NULL, body text NOT NULL)",
    "INSERT INTO items SELECT i, 0, repeat('x', 100) FROM generate_series(0, 999) i",
)
_SQL: Final = {
    "read": ("SELECT id, n, body FROM items WHERE id = {}", True),
    "write": ("UPDATE items SET n = n + 1 WHERE id = {}", False),
}
POOL_SIZE: Final = 20
MAX_OVERFLOW: Final = 10


@dataclass(frozen=True)
class Endpoint:
    """Where a contender connects: the URL as a person has it, and what asyncpg takes for TLS."""

    url: str
    is_pooled: bool
    tls: Any

    @property
    def arguments(self) -> dict[str, Any]:
        """asyncpg's arguments without which a statement fails behind the pooler."""
        caches_off = {"statement_cache_size": 0} if self.is_pooled else {}
        return {"ssl": self.tls} | caches_off


@asynccontextmanager
async def raw_asyncpg(endpoint: Endpoint) -> AsyncIterator[Opened]:
    """The driver and its own pool."""
    parts = make_url(endpoint.url)
    pool = await asyncpg.create_pool(
        host=parts.host or parts.query["host"],
        port=parts.port or 5432,
        user=parts.username,
        password=parts.password,
        database=parts.database,
        min_size=POOL_SIZE,
        max_size=POOL_SIZE,
        **endpoint.arguments,
    )

    def request(kind: str) -> Request:
        sql, returns = _SQL[kind]
        statement = sql.format("$1")

        async def run(number: int) -> None:
            async with pool.acquire() as connection, connection.transaction():
                await (connection.fetchrow if returns else connection.execute)(statement, number)

        return run

    yield {kind: request(kind) for kind in _SQL}
    await pool.close()


Work = Callable[[Any], Awaitable[None]]
Unit = Callable[[AsyncEngine, Work], Awaitable[None]]


async def in_connection(engine: AsyncEngine, work: Work) -> None:
    """A unit of work in SQLAlchemy Core."""
    async with engine.begin() as connection:
        await work(connection)


async def in_session(engine: AsyncEngine, work: Work) -> None:
    """A unit of work in a session, as SQLAlchemy's documentation has it."""
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        await work(session)


async def in_run_transaction(engine: AsyncEngine, work: Work) -> None:
    """A unit of work that a retry may save."""
    await run_transaction(work, engine=engine)


def _requests(engine: AsyncEngine, unit: Unit) -> Opened:
    def request(kind: str) -> Request:
        sql, returns = _SQL[kind]
        statement = text(sql.format(":id"))

        async def run(number: int) -> None:
            async def work(connection: AsyncConnection | AsyncSession) -> None:
                result = await connection.execute(statement, {"id": number})
                if returns:
                    result.one()

            await unit(engine, work)

        return run

    return {kind: request(kind) for kind in _SQL}


def bare_engine(endpoint: Endpoint) -> AsyncEngine:
    """SQLAlchemy with a pool as large as the others' and nothing else that may cost time."""
    arguments = endpoint.arguments
    if endpoint.is_pooled:
        arguments["prepared_statement_cache_size"] = 0
    parts = make_url(endpoint.url).set(drivername="postgresql+asyncpg")
    query = {name: parts.query[name] for name in ("host",) if name in parts.query}
    return create_async_engine(
        parts.set(query=query),
        connect_args=arguments,
        pool_size=POOL_SIZE,
        max_overflow=MAX_OVERFLOW,
    )


def common_engine(endpoint: Endpoint) -> AsyncEngine:
    """What guides recommend: 20+10, pre_ping, recycle 1800, the caches as they are by default."""
    if "host" in make_url(endpoint.url).query:  # a Unix socket, where the URL's query is needed
        return plain_engine(endpoint.url, keep_query=True, connect_args={})
    return plain_engine(endpoint.url)


def our_settings(endpoint: Endpoint, **values: Any) -> Settings:
    """Ours, on an endpoint; the pool is the default one, which is as large as the others'."""
    url = SecretStr(endpoint.url)
    return Settings(database_url=url, db_application_name="benchmark", **values)


def our_engine(endpoint: Endpoint) -> AsyncEngine:
    """Ours, as it comes: without the extra `otel`, whose package these tests have installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alembic_neon.engine.factory.trace_if_installed", lambda _: None)
        return create_engine(our_settings(endpoint))


def our_traced_engine(endpoint: Endpoint) -> AsyncEngine:
    """Ours with the extra `otel`, and nobody who takes the spans."""
    return create_engine(our_settings(endpoint))


def _with_engine(make: Callable[[Endpoint], AsyncEngine], unit: Unit = in_connection) -> Any:
    @asynccontextmanager
    async def opened(endpoint: Endpoint) -> AsyncIterator[Opened]:
        async with AsyncExitStack() as stack:
            engine = make(endpoint)
            stack.push_async_callback(engine.dispose)
            yield _requests(engine, unit)

    return opened


# The second is what the others are measured by.
CONTENDERS: Final[dict[str, Any]] = {
    "raw asyncpg": raw_asyncpg,
    "bare AsyncEngine": _with_engine(bare_engine),
    "commonly recommended": _with_engine(common_engine),
    "ours": _with_engine(our_engine),
    "ours, extra otel": _with_engine(our_traced_engine),
    "bare AsyncSession": _with_engine(bare_engine, in_session),
    "ours, run_transaction": _with_engine(our_engine, in_run_transaction),
}
