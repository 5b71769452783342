"""What a rehearsal costs: `uv run python tests/benchmarks/rehearse.py [--gib 1]`.

It rehearses 10 revisions on a database of 50 tables, on the local provider, and counts the calls of
a rehearsal and a promotion on the stand-in for Neon's API, whose answers come 20 ms later. It
prints Markdown. Times are of one machine: trust the ratios.
"""

import argparse
import asyncio
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

TESTS: Final = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "template/toolkit/src")]

from alembic_neon.branches.local import LocalProvider  # noqa: E402
from alembic_neon.branches.neon import NeonProvider  # noqa: E402
from alembic_neon.branches.neon_client import NeonClient  # noqa: E402
from alembic_neon.branches.provider import BranchProvider, NewBranch  # noqa: E402
from alembic_neon.embedded.server import LocalServer  # noqa: E402
from alembic_neon.migration.runner.progress import Progress  # noqa: E402
from alembic_neon.migration.runner.run import upgrade  # noqa: E402
from alembic_neon.migration.trace.tracer import Tracer  # noqa: E402
from alembic_neon.rehearsal.promote import promote  # noqa: E402
from alembic_neon.rehearsal.result import Rehearsal, RehearsedPlan  # noqa: E402
from alembic_neon.rehearsal.run import Options, rehearse  # noqa: E402
from neon.api.server import KEY, NeonApi  # noqa: E402
from pydantic import SecretStr  # noqa: E402
from queries import first_column  # noqa: E402
from scratch_project import ScratchProject  # noqa: E402

TABLES: Final = 50
REVISIONS: Final = 10
ROUND_TRIP_SECONDS: Final = 0.02
ROW_BYTES: Final = 136  # of the rows below, as PostgreSQL stores them


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=1.0, help="size of the database")
    parser.add_argument("--rounds", type=int, default=5, help="upgrades with and without the trace")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    for name in list(os.environ):
        if name.startswith(("DATABASE_URL", "DB_", "NEON_API", "NEON_PROJECT", "APP_ENV")):
            del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        project = ScratchProject.make(Path(folder) / "project")
        os.chdir(project.folder)
        write_revisions(project)
        server = LocalServer(Path(folder) / ".neon-local", "development", 18)
        with server.in_use():
            asyncio.run(report_local(LocalProvider(server), options.gib, options.rounds))
            with NeonApi(server) as api:
                asyncio.run(report_calls(api))


def write_revisions(project: ScratchProject) -> None:
    """Write a revision that makes the tables, and ten that are pending, two of each kind."""
    create = "\n".join(
        f'op.execute("CREATE TABLE t{number} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, '
        f'a int, b text)")'
        for number in range(TABLES)
    )
    project.revision("r00", up=create)
    steps = [
        ('op.execute("ALTER TABLE t{n} ADD COLUMN c int")', "ALTER TABLE t{n} DROP COLUMN c"),
        ('op.execute("CREATE TABLE u{n} (id int)")', "DROP TABLE u{n}"),
        ('op.execute("UPDATE t{n} SET a = a + 1 WHERE id < 1000")', "SELECT 1"),
        ('op.execute("CREATE INDEX i{n} ON t{n} (a)")', "DROP INDEX i{n}"),
        ('op.execute("ALTER TABLE t{n} ALTER a TYPE bigint")', "ALTER TABLE t{n} ALTER a TYPE int"),
    ]
    for number in range(1, REVISIONS + 1):
        up, undo = steps[number % len(steps)]
        project.revision(
            f"r{number:02}",
            f"r{number - 1:02}",
            up=up.format(n=number),
            undo=f'op.execute("{undo.format(n=number)}")',
        )


async def report_local(provider: LocalProvider, gib: float, rounds: int) -> None:
    """Fill `main`, upgrade copies of it with and without the trace, and rehearse."""
    url = await provider.url("main")
    await upgrade(url, "r00")
    rows = int(gib * 1024**3 / TABLES / ROW_BYTES)
    for number in range(TABLES):
        fill = f"INSERT INTO t{number} (a, b) SELECT g, repeat(md5(g::text), 2) "
        await first_column(url, fill + f"FROM generate_series(1, {rows}) g")
    gib = (await provider.get("main")).size_bytes / 1024**3
    plain, traced = [], []
    for _ in range(rounds):  # one after the other, so that a slow minute meets both
        plain.append(await timed_upgrade(provider, None))
        traced.append(await timed_upgrade(provider, Tracer()))
    started = time.perf_counter()
    found = await rehearse(provider, Options(), lambda _: None)
    whole = time.perf_counter() - started
    assert len(found.revisions) == REVISIONS, found.reasons
    cost = median(traced) / median(plain) - 1
    print(f"Local provider: {REVISIONS} revisions, {TABLES} tables, {gib:.2f} GiB\n")
    print("| | seconds |\n|---|--:|")
    for name in ("branch", "inspection", "upgrade", "verification", "deletion"):
        print(f"| {name} | {found.phases_ms[name] / 1000:.2f} |")
    print(f"| **whole rehearsal** | {whole:.2f} |")
    print(f"| upgrade without the trace, median of {rounds} | {median(plain):.3f} |")
    print(f"| upgrade with the trace, median of {rounds} | {median(traced):.3f} |")
    print(f"\nThe trace costs {cost:+.1%}.\n")


async def timed_upgrade(provider: BranchProvider, tracer: Tracer | None) -> float:
    """Upgrade a fresh branch, and return the seconds that took."""
    await provider.create(NewBranch("try-it"))
    url = await provider.url("try-it")
    started = time.perf_counter()
    await upgrade(url, tracer=tracer)
    seconds = time.perf_counter() - started
    await provider.delete("try-it", force=True)
    return seconds


async def report_calls(api: NeonApi) -> None:
    """Rehearse and promote on the stand-in, and print the calls with their number."""
    client = NeonClient.connect(api.host, api.project.id, SecretStr(KEY))
    send = client.http.request

    async def send_late(*arguments: Any, **more: Any) -> Any:
        await asyncio.sleep(ROUND_TRIP_SECONDS)
        return await send(*arguments, **more)

    client.http.request = send_late  # type: ignore[method-assign]
    async with client.http:
        provider = NeonProvider(client)
        await upgrade(await provider.url("main"), "r00")

        async def promoting() -> None:
            plan = {name: str(report[name]) for name in RehearsedPlan.__dataclass_fields__}
            plan["verdict"] = "review"  # the sample is written to be judged, not to be promoted
            await promote(provider, RehearsedPlan(**plan), Progress(), lambda _: None)

        calls, seconds, found = await counted(
            api, lambda: rehearse(provider, Options(), lambda _: None)
        )
        assert isinstance(found, Rehearsal)
        report = found.as_json()
        promotion_calls, promotion_seconds, _ = await counted(api, promoting)
    print(f"Neon's stand-in, {ROUND_TRIP_SECONDS * 1000:.0f} ms a round trip:\n")
    print("| call | rehearsal | promotion |\n|---|--:|--:|")
    for call in sorted(calls | promotion_calls):
        print(f"| `{call}` | {calls[call]} | {promotion_calls[call]} |")
    print(f"| **all** | {calls.total()} | {promotion_calls.total()} |")
    print(f"| seconds | {seconds:.1f} | {promotion_seconds:.1f} |")


async def counted(
    api: NeonApi, work: Callable[[], Awaitable[object]]
) -> tuple[Counter[str], float, object]:
    """Do something, and return the calls it made, the seconds it took, and its result."""
    before = len(api.gate.calls)
    started = time.perf_counter()
    result = await work()
    seconds = time.perf_counter() - started
    made = [call.replace("/projects/{project_id}", "") for call in api.gate.calls[before:]]
    return Counter(made), seconds, result


if __name__ == "__main__":
    main()
