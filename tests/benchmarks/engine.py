"""What the engine costs, and what it saves: `uv run python tests/benchmarks/engine.py`.

It prints the tables of docs/benchmarks-engine.md, from one run on one machine, so trust the ratios.
It needs PgBouncer. `--help` has the durations; a short run is `--rounds 5 --faults 5`.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from statistics import mean, quantiles, stdev
from typing import Final, NamedTuple

TESTS: Final = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "template/toolkit/src")]

from alembic_neon.embedded.server import OWNER, LocalServer  # noqa: E402
from alembic_neon.verification.databases import TestDatabases  # noqa: E402
from benchmarks.engine_contenders import CONTENDERS, SETUP_SQL, Endpoint  # noqa: E402
from benchmarks.engine_faults import report_faults  # noqa: E402
from benchmarks.engine_lag import report_lag  # noqa: E402
from neon.bouncer import find_pgbouncer, running_bouncer  # noqa: E402
from neon.certificates import POOLED_HOST, Certificates, resolving_to_loopback  # noqa: E402
from queries import first_column  # noqa: E402

CLIENTS: Final = 10
BASE: Final = "bare AsyncEngine"


class Burst(NamedTuple):
    """What all clients of a contender did in one turn."""

    rate: float
    failed: int


def main() -> None:
    """Measure and print, each part on databases of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.2, help="of a turn in the first table")
    parser.add_argument("--rounds", type=int, default=60, help="of the first table")
    parser.add_argument("--faults", type=float, default=60.0, help="seconds of a run with faults")
    parser.add_argument("--parts", default="throughput,lag,faults")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # each attempt is a line in the log
    parts = options.parts.split(",")
    with served() as (server, certificates):
        databases = TestDatabases(server)
        if "throughput" in parts:
            direct = new_database(databases)
            report_throughput(server, direct, certificates, options.seconds, options.rounds)
        if "lag" in parts:
            report_lag(new_database(databases))
        if "faults" in parts:
            report_faults(server, databases, certificates, options.faults)


@contextmanager
def served() -> Iterator[tuple[LocalServer, Certificates]]:
    """Run a server in a folder of its own; Neon's names lead to this machine."""
    if find_pgbouncer() is None:
        raise SystemExit("PgBouncer is not installed: apt install pgbouncer")
    with tempfile.TemporaryDirectory() as scratch, resolving_to_loopback():
        certificates = Certificates.make(Path(scratch))
        server = LocalServer(Path(scratch) / ".neon-local", "test", 18)
        with server.in_use():
            yield server, certificates


def new_database(databases: TestDatabases) -> Endpoint:
    """Make a database with the table of the requests, and return its direct endpoint."""
    url = databases.create()
    asyncio.run(first_column(url, *SETUP_SQL))
    return Endpoint(url.render(), is_pooled=False, tls=False)


def report_throughput(
    server: LocalServer, direct: Endpoint, certificates: Certificates, seconds: float, rounds: int
) -> None:
    """Print requests per second at both endpoints."""
    database = direct.url.partition("?")[0].rpartition("/")[2]
    program = find_pgbouncer() or ""
    with running_bouncer(program, server, certificates=certificates) as bouncer:
        address = f"{POOLED_HOST}:{bouncer.port}/{database}"
        url = f"postgresql://{OWNER}@{address}?sslmode=require&sslrootcert={certificates.file}"
        pooled = Endpoint(url, is_pooled=True, tls="require")
        print(f"\n### Requests per second, {CLIENTS} clients, {rounds} rounds of {seconds} s")
        for name, endpoint in (("direct, Unix socket", direct), ("PgBouncer, TLS", pooled)):
            for kind in ("read", "write"):
                found = asyncio.run(measured(endpoint, kind, seconds, rounds))
                print_throughput(f"{kind}, {name}", found)


async def measured(
    endpoint: Endpoint, kind: str, seconds: float, rounds: int
) -> dict[str, list[Burst]]:
    """Let the contenders take turns, all of them open, in an order that rotates.

    A turn is short, so that what slows the machine for a while slows all of them.
    """
    found: dict[str, list[Burst]] = {name: [] for name in CONTENDERS}
    async with AsyncExitStack() as stack:
        requests = {
            name: (await stack.enter_async_context(open_(endpoint)))[kind]
            for name, open_ in CONTENDERS.items()
        }
        for number in range(-1, rounds):
            order = list(CONTENDERS)
            order = order[number % len(order) :] + order[: number % len(order)]
            for name in order:
                burst = await run_clients(requests[name], seconds)
                if number >= 0:  # the first round connects, and fills the caches
                    found[name].append(burst)
    return found


async def run_clients(request: Callable[[int], Awaitable[None]], seconds: float) -> Burst:
    """Let the clients send requests one after the other."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    end = started + seconds

    async def client(number: int) -> tuple[int, int]:
        done = errors = 0
        while loop.time() < end:
            try:
                await request((number * 97 + done) % 1000)
                done += 1
            except Exception:  # noqa: BLE001 - every failure of a request counts
                errors += 1
        return done, errors

    each = await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    rate = sum(done for done, _ in each) / (loop.time() - started)
    return Burst(rate, sum(errors for _, errors in each))


def print_throughput(title: str, found: dict[str, list[Burst]]) -> None:
    """Print medians, the middle half of the rates, and the mean of the ratios within a round."""
    print(f"\n**{title}**\n\n| | requests/s | middle half | of bare | failed |")
    print("|---|---|---|---|---|")
    for name, bursts in found.items():
        rates = [burst.rate for burst in bursts]
        low, middle, high = quantiles(rates, n=4)
        ratios = [rate / base.rate for rate, base in zip(rates, found[BASE], strict=True)]
        error = 2 * stdev(ratios) / len(ratios) ** 0.5
        failed = sum(burst.failed for burst in bursts)
        spread = f"{low:.0f} to {high:.0f}"
        print(f"| {name} | {middle:.0f} | {spread} | {mean(ratios):.2f} ± {error:.2f} | {failed} |")


if __name__ == "__main__":
    main()
