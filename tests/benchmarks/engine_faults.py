"""Requests that fail, and the longest stall, while the compute and the schema change below them."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final

from alembic_neon import close_db, init_db, run_transaction
from alembic_neon.embedded.server import OWNER, LocalServer
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.verification.databases import TestDatabases
from benchmarks.engine_contenders import SETUP_SQL
from neon.bouncer import find_pgbouncer, running_bouncer
from neon.certificates import Certificates
from neon.compute import Compute
from neon.edge import Edge
from neon.plain import plain_engine
from neon.stand_in import PASSWORD, StandIn
from queries import first_column
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

CLIENTS: Final = 50
PAUSE_SECONDS: Final = 0.05
WAKE_SECONDS: Final = 0.4
REFUSED_SECONDS: Final = 0.4

_READ: Final = text("SELECT * FROM items WHERE id = :id")  # a new column changes its result
_WRITE: Final = text("UPDATE items SET n = n + 1 WHERE id = :id")

Work = Callable[[AsyncSession], Awaitable[object]]
Run = Callable[[Work, bool], Awaitable[object]]  # the work, and whether it may be done twice


@dataclass
class Tally:
    """What became of the requests of one run."""

    done: int = 0
    written: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    longest_seconds: float = 0.0


@asynccontextmanager
async def ours(neon: StandIn, pooled: bool) -> AsyncIterator[Run]:
    """Our engine, and each request a unit of work that is retried where that is safe."""
    await init_db(neon.settings(pooled=pooled), require_head=False)

    async def run(work: Work, is_idempotent: bool) -> object:
        return await run_transaction(work, idempotent=is_idempotent)

    yield run
    await close_db()


@asynccontextmanager
async def common(neon: StandIn, pooled: bool) -> AsyncIterator[Run]:
    """The commonly recommended engine, and each request a session."""
    engine = plain_engine(neon.url(pooled=pooled))

    async def run(work: Work, is_idempotent: bool) -> object:
        async with AsyncSession(engine) as session, session.begin():
            return await work(session)

    yield run
    with contextlib.suppress(Exception):
        await engine.dispose()


def report_faults(
    server: LocalServer, databases: TestDatabases, certificates: Certificates, seconds: float
) -> None:
    """Print what failed: ours and the commonly recommended settings, direct and pooled."""
    print(f"\n### {CLIENTS} clients for {seconds:.0f} s, with faults\n")
    print("| | requests | failed | longest stall | writes lost | the failures |")
    print("|---|---|---|---|---|---|")
    for pooled in (False, True):
        for name, contender in (("commonly recommended", common), ("ours", ours)):
            with stand_in(server, databases, certificates) as (neon, url):
                tally = asyncio.run(measured(contender, neon, pooled, seconds))
                changed = asyncio.run(first_column(url, "SELECT sum(n) FROM items"))[0]
            where = "pooled" if pooled else "direct"
            failures = ", ".join(f"{n} {kind}" for kind, n in tally.failures.most_common())
            cells = [f"{name}, {where}", tally.done, tally.failures.total()]
            cells += [f"{tally.longest_seconds:.1f} s", max(0, tally.written - changed)]
            print("| " + " | ".join(map(str, cells)) + f" | {failures or 'none'} |")


@contextmanager
def stand_in(
    server: LocalServer, databases: TestDatabases, certificates: Certificates
) -> Iterator[tuple[StandIn, DatabaseURL]]:
    """Run an edge and a pooler; the URL leads past them."""
    url = databases.create()
    asyncio.run(first_column(url, *SETUP_SQL))
    with running_bouncer(find_pgbouncer() or "", server) as bouncer:
        edge = Edge(Compute(server, bouncer.socket, wake_seconds=WAKE_SECONDS), certificates)
        edge.passwords[OWNER] = PASSWORD
        with edge.running():
            yield StandIn(edge, certificates, url.database), url


async def measured(
    contender: Callable[[StandIn, bool], contextlib.AbstractAsyncContextManager[Run]],
    neon: StandIn,
    pooled: bool,
    seconds: float,
) -> Tally:
    """Let the clients work while one fault follows the other."""
    tally = Tally()
    async with contender(neon, pooled) as run:
        end = time.monotonic() + seconds
        clients = [client(run, number, end, tally) for number in range(CLIENTS)]
        await asyncio.gather(disturb(neon, seconds), *clients)
    return tally


async def client(run: Run, number: int, end: float, tally: Tally) -> None:
    """Read and write in turn, with a pause as of a person."""
    is_write = bool(number % 2)
    while time.monotonic() < end:
        started = time.monotonic()
        values = {"id": number}
        try:
            if is_write:
                await run(lambda session: session.execute(_WRITE, values), False)  # noqa: B023
            else:
                await run(lambda session: session.execute(_READ, values), True)  # noqa: B023
            tally.done += 1
            tally.written += is_write
        except Exception as error:  # noqa: BLE001 - every failure of a request counts
            tally.failures[kind_of(error)] += 1
        tally.longest_seconds = max(tally.longest_seconds, time.monotonic() - started)
        is_write = not is_write
        await asyncio.sleep(PAUSE_SECONDS)


def kind_of(error: BaseException) -> str:
    """Return the name of the driver's error below SQLAlchemy's."""
    cause = getattr(error, "orig", None)
    return type(getattr(cause, "__cause__", None) or cause or error).__name__


async def disturb(neon: StandIn, seconds: float) -> None:
    """Let each fault happen twice, evenly spread."""
    edge = neon.edge

    def cold_start() -> None:
        edge.suspend()
        edge.fail_while_waking(2, "compute")

    def refused() -> None:
        edge.refuse()
        time.sleep(REFUSED_SECONDS)
        edge.accept()

    faults = [edge.suspend, edge.restart, edge.kill_connections, edge.end_backends]
    faults += [cold_start, refused]
    changes = len(faults) + 1
    for number in range(2):
        for fault in faults:
            await asyncio.sleep(seconds / (2 * changes + 1))
            await asyncio.to_thread(fault)
        await asyncio.sleep(seconds / (2 * changes + 1))
        await migrate(neon, f"ALTER TABLE items ADD COLUMN more{number} int NOT NULL DEFAULT 0")


async def migrate(neon: StandIn, sql: str) -> None:
    """Change the table as a deploy does, past the edge, whatever the clients do."""
    folder = neon.edge.compute.server.url(neon.database)
    await first_column(folder, sql)
