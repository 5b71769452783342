"""What the safe runner costs beside Alembic's own: `uv run python tests/benchmarks/upgrade.py`.

Each cell is a process from start to end: `db upgrade`, `alembic upgrade head` in a project as
`alembic init -t pyproject_async` makes it, `db upgrade` of version 0.2.0, and psql with the SQL of
the same revisions: the limit.
All in one run on one machine, in an order that rotates, so trust the ratios.
A short run is `--counts 50 --far-counts 50 --rounds 1`.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

TESTS: Final = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "template/toolkit/src")]

from alembic import command  # noqa: E402
from alembic.config import Config  # noqa: E402
from alembic_neon.embedded.binaries import EmbeddedBinaries  # noqa: E402
from alembic_neon.embedded.server import LocalServer  # noqa: E402
from alembic_neon.engine.url import DatabaseURL  # noqa: E402
from alembic_neon.verification.databases import TestDatabases  # noqa: E402
from benchmarks.released_toolkit import VERSION, write_released  # noqa: E402
from benchmarks.slow_line import slow_line  # noqa: E402
from lived_in import replace  # noqa: E402
from rendering import TOOLKIT_PARENT  # noqa: E402
from scratch_project import ScratchProject  # noqa: E402

STOCK, OURS, LIMIT = "alembic, stock", "db upgrade", "psql, same SQL"
RELEASED: Final = f"db upgrade of {VERSION}"
UP: Final = """
op.create_table(
    "t{number}",
    sa.Column("id", sa.Integer(), nullable=False),
    sa.Column("name", sa.String(length=80), nullable=True),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_t{number}")),
)
"""
MODEL: Final = """
from sqlmodel import Field, SQLModel


class Thing(SQLModel, table=True):
    id: int = Field(primary_key=True)


metadata = SQLModel.metadata
"""


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default="50,200,1000", help="revisions, on a near server")
    parser.add_argument("--far-counts", default="50,200", help="revisions, on a far server")
    parser.add_argument("--rounds", type=int, default=5, help="on a near server")
    parser.add_argument("--far-rounds", type=int, default=1, help="on a far server")
    parser.add_argument("--models", action="store_true", help="both have a model, of SQLModel")
    parser.add_argument("--delay", type=float, default=0.02, help="round trip to it, in seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        # As in a project: what is committed waits for the disk.
        server = LocalServer(Path(scratch) / ".neon-local", "development", 18)
        server.ensure_running()
        try:
            bench = Bench(Path(scratch), server, with_model=options.models)
            for count in numbers(options.counts):
                bench.report(count, options.rounds)
            for count in numbers(options.far_counts):
                bench.report(count, options.far_rounds, options.delay)
        finally:
            server.stop()


def numbers(text: str) -> list[int]:
    """Read "50,200"."""
    return [int(part) for part in text.split(",") if part]


class Bench:
    """Two projects of the same revisions on one server."""

    def __init__(self, folder: Path, server: LocalServer, *, with_model: bool) -> None:
        self.folder = folder
        self.with_model = with_model
        self.databases = TestDatabases(server)
        self.psql = EmbeddedBinaries.find(server.major_version).folder / "psql"

    def report(self, count: int, rounds: int, delay_seconds: float = 0.0) -> None:
        """Print the table of a history's length and a distance."""
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            projects = make_projects(Path(scratch), count, with_model=self.with_model)
            found: dict[str, list[Cost]] = {}
            for number in range(-1, rounds):
                # The first round fills the caches of byte code: that needs no distance.
                delay = delay_seconds if number >= 0 else 0.0
                order = [STOCK, OURS, RELEASED, LIMIT]
                order = order[number % 4 :] + order[: number % 4]
                for name in order:
                    costs = self.measure(name, projects, delay)
                    for kind, cost in zip(("to head", "at head"), costs, strict=False):
                        if number >= 0:
                            found.setdefault(f"{name}, {kind}", []).append(cost)
        print_table(count, rounds, delay_seconds, found)

    def measure(self, name: str, projects: dict[str, Path], delay_seconds: float) -> list[Cost]:
        """Run to head on a new database, and once more."""
        url = self.databases.create()
        folder = projects[name]
        try:
            with slow_line(url, delay_seconds) as reached:
                if name == LIMIT:
                    uri = reached.render()
                    return [timed([str(self.psql), "-Xq", "-f", "all.sql", uri], folder)]
                if name == OURS:
                    arguments = [sys.executable, "-m", "alembic_neon", "upgrade"]
                elif name == RELEASED:
                    arguments = [sys.executable, "-m", "released.db", "upgrade"]
                else:
                    arguments = [sys.executable, "-m", "alembic", "upgrade", "head"]
                return [timed(arguments, folder, reached) for _ in range(2)]
        finally:
            self.databases.drop(url)


def make_projects(folder: Path, count: int, *, with_model: bool) -> dict[str, Path]:
    """Write the stock project, ours, and the SQL; return the folder of each.

    Without a model, stock's env.py loads none, which is less than any project does.
    """
    stock, limit = folder / "stock", folder / "limit"
    limit.mkdir()
    ours = ScratchProject.make(folder / "ours")
    for number in range(count):
        down = f"r{number - 1:04}" if number else None
        ours.revision(f"r{number:04}", down, up=UP.format(number=number))
    stock.mkdir()
    with inside(stock), redirect_stdout(io.StringIO()):
        config = Config("alembic.ini", toml_file="pyproject.toml", stdout=io.StringIO())
        command.init(config, str(stock / "migrations"), template="pyproject_async")
    # Its own way of reading the URL, but for a place that a test can write to.
    environment = stock / "migrations/env.py"
    replace(
        environment,
        "config = context.config",
        "import os\nconfig = context.config\n"
        'config.set_main_option("sqlalchemy.url", os.environ["STOCK_URL"])',
    )
    if with_model:
        ours.models(MODEL)
        (stock / "models.py").write_text(MODEL)
        replace(
            environment,
            "target_metadata = None",
            "from models import metadata\ntarget_metadata = metadata",
        )
    for file in ours.versions.glob("*.py"):
        (stock / "migrations/versions" / file.name).write_text(file.read_text())
    with inside(ours.folder), open(limit / "all.sql", "w") as sql:
        subprocess.run(
            [sys.executable, "-m", "alembic_neon", "upgrade", "--sql"],
            env=environment_of(),
            stdout=sql,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    released = folder / "released"
    shutil.copytree(ours.folder, released)
    write_released(released)  # a command is run in its project's folder, which Python looks into
    replace(released / "migrations/env.py", "alembic_neon.migration", "released.db.migration")
    return {STOCK: stock, OURS: ours.folder, RELEASED: released, LIMIT: limit}


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Make a folder the working directory."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def environment_of(url: DatabaseURL | None = None) -> dict[str, str]:
    """Return the environment of a command; both ways of naming the database."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TOOLKIT_PARENT)}
    if url is not None:
        stock = url.sqlalchemy.render_as_string(hide_password=False)
        environment |= {"DATABASE_URL": url.render(), "STOCK_URL": stock.replace("%", "%%")}
    return environment


def timed(arguments: list[str], folder: Path, url: DatabaseURL | None = None) -> Cost:
    """Run a program to its good end, and return what it took."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            arguments, cwd=folder, env=environment_of(url), stdout=output, stderr=output
        )
        # What wait4 says of memory begins with this process's own, from before the exec.
        peak_kib = 0
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            peak_kib = max(peak_kib, peak_memory(process.pid))
            time.sleep(0.005)
        _, status, usage = ended
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            raise SystemExit(f"{arguments} failed: {output.read().decode()}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak_kib / 1024)


def peak_memory(pid: int) -> int:
    """Return the most memory that a process has had so far, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next((int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line), 0)


def print_table(
    count: int, rounds: int, delay_seconds: float, found: dict[str, list[Cost]]
) -> None:
    """Print medians and spreads, and the median of the ratios to stock within each round."""
    print(f"\n**{count} revisions, round trip + {delay_seconds * 1000:.0f} ms, {rounds} rounds**\n")
    print("| | seconds | lowest to highest | of stock | CPU s | of stock | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for name in sorted(found, key=lambda name: name.endswith("at head")):
        costs, kind = found[name], name.rpartition(", ")[2]
        stock = found[f"{STOCK}, {kind}"]
        pairs = list(zip(costs, stock, strict=True))
        ratio = median(cost.seconds / base.seconds for cost, base in pairs)
        cpu_ratio = median(cost.cpu_seconds / base.cpu_seconds for cost, base in pairs)
        seconds = [cost.seconds for cost in costs]
        print(
            f"| {name} | {median(seconds):.2f} | {min(seconds):.2f} to {max(seconds):.2f}"
            f" | {ratio:.2f} | {median(cost.cpu_seconds for cost in costs):.2f}"
            f" | {cpu_ratio:.2f} | {max(cost.peak_mib for cost in costs):.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
