"""The round trips beside pytest-alembic's four tests: time, growth, memory, and faults found.

    uv run python tests/benchmarks/round_trip.py [REVISIONS MORE_REVISIONS]

It prints the tables of docs/benchmarks.md. By default histories of 200 and 1 000 revisions are run;
with smaller numbers it is quick, and says less. Both sides run under pytest, in one process, on the
same embedded server, one after the other.
"""

import asyncio
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
TOOLKIT: Final = ROOT / "template/toolkit/src"
sys.path[:0] = [str(TOOLKIT), str(ROOT / "tests")]

from alembic_neon.embedded.server import LocalServer  # noqa: E402
from alembic_neon.engine.factory import create_migration_engine  # noqa: E402
from alembic_neon.engine.url import DatabaseURL  # noqa: E402
from alembic_neon.verification.databases import TestDatabases  # noqa: E402
from alembic_neon.verification.round_trip import check_history  # noqa: E402
from faults import AS_SUPERUSER, HISTORIES, ROW_FAULTS  # noqa: E402
from faults.downgrades import KNOWN_FAULTS, MORE_FAULTS  # noqa: E402
from faults.writing import body, write_base, write_history  # noqa: E402
from pytest_alembic import Config as PytestAlembicConfig  # noqa: E402
from pytest_alembic import runner  # noqa: E402
from pytest_alembic.tests import test_up_down_consistency  # noqa: E402
from scratch_project import ScratchProject  # noqa: E402

SETTINGS: Final = '\n[tool.pytest.ini_options]\npytest_alembic_tests_path = "none"\n'
ROUND_TRIP: Final = "test_round_trip"
FOUR: Final = (
    "alembic_config, alembic_engine, test_model_definitions_match_ddl, test_single_head_revision, "
    "test_up_down_consistency, test_upgrade"
)
TURNS: Final = 4  # revisions of each table; histories are a multiple of it
# As the generated project's: the models are imported once in a process, not at each run of env.py.
ENVIRONMENT: Final = """
import sys
from pathlib import Path

from alembic_neon.migration.environment import run_migrations

sys.path.insert(0, str(Path(__file__).parent))
from models import metadata

sys.path.pop(0)
run_migrations(metadata)
"""
MODELS: Final = """
from sqlalchemy import Column, Index, Integer, MetaData, String, Table

metadata = MetaData()
for number in range({tables}):
    table = Table(f"t{{number}}", metadata, Column("id", Integer, primary_key=True),
                  Column("name", String(50), nullable=False),
                  Column("more", Integer, server_default="1"))
    Index(f"ix_t{{number}}_name", table.c.name)
"""


@dataclass(frozen=True)
class Run:
    """What a run of pytest took."""

    seconds: float
    peak_mib: float


def trivial_history(folder: Path, revisions: int) -> ScratchProject:
    """Write a history in which each table is made, extended, indexed and given a default."""
    project = ScratchProject.make(folder)
    for number in range(revisions):
        table, turn = divmod(number, TURNS)
        up, undo = (
            (
                f"op.create_table('t{table}', sa.Column('id', sa.Integer, primary_key=True), "
                "sa.Column('name', sa.String(50), nullable=False))",
                f"op.drop_table('t{table}')",
            ),
            (
                f"op.add_column('t{table}', sa.Column('more', sa.Integer))",
                f"op.drop_column('t{table}', 'more')",
            ),
            (
                f"op.create_index('ix_t{table}_name', 't{table}', ['name'])",
                f"op.drop_index('ix_t{table}_name')",
            ),
            (
                f"op.alter_column('t{table}', 'more', server_default='1')",
                f"op.alter_column('t{table}', 'more', server_default=None)",
            ),
        )[turn]
        down = f"r{number - 1:04}" if number else None
        project.revision(f"r{number:04}", down, up=up, undo=undo)
    project.models(MODELS.format(tables=revisions // TURNS))
    (project.folder / "migrations/env.py").write_text(ENVIRONMENT)
    tests = project.folder / "tests"
    tests.mkdir()
    (tests / "test_round_trip.py").write_text(f"from alembic_neon.testing import {ROUND_TRIP}\n")
    (tests / "test_pytest_alembic.py").write_text(f"from alembic_neon.testing import {FOUR}\n")
    settings = project.folder / "pyproject.toml"
    settings.write_text(settings.read_text() + SETTINGS)
    return project


def run_pytest(project: ScratchProject, server: DatabaseURL, file: str) -> Run:
    """Run a file of tests in a process of its own; all of them must pass."""
    environment = os.environ | {
        "PYTHONPATH": str(TOOLKIT),
        "TEST_DATABASE_URL": server.render(),
        "PYTEST_DEBUG_TEMPROOT": str(project.folder),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:xdist", f"tests/{file}"]
    started = time.perf_counter()
    with (project.folder / "output").open("w+") as output:
        process = subprocess.Popen(
            command, cwd=project.folder, env=environment, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        if process.returncode:
            output.seek(0)
            sys.exit(f"{file} failed:\n{output.read()[-3000:]}")
    return Run(seconds, usage.ru_maxrss / 1024)


def measure_time(folder: Path, server: DatabaseURL, few: int, many: int) -> None:
    """Print the table of times."""
    small, large = (trivial_history(folder / str(number), number) for number in (few, many))
    peer = run_pytest(small, server, "test_pytest_alembic.py")
    ours = run_pytest(small, server, "test_round_trip.py")
    ours_large = run_pytest(large, server, "test_round_trip.py")
    print("| | pytest-alembic's four tests | round trips, rows included |\n|---|---|---|")
    print(f"| {few} revisions | {peer.seconds:.1f} s | {ours.seconds:.1f} s |")
    print(f"| ratio | 1 | {ours.seconds / peer.seconds:.2f} |")
    print(f"| {many} revisions | not run | {ours_large.seconds:.1f} s |")
    print(f"| growth | | {ours_large.seconds / ours.seconds:.1f} times |")
    print(f"| peak memory, {few} revisions | {peer.peak_mib:.0f} MiB | {ours.peak_mib:.0f} MiB |")
    print(
        f"| peak memory, {many} revisions | not run | {ours_large.peak_mib:.0f} MiB |", flush=True
    )


def peer_finds(databases: TestDatabases, project: ScratchProject) -> bool:
    """Whether pytest-alembic's up_down_consistency fails on a project."""
    url = databases.create()
    engine: Any = create_migration_engine(url)  # pytest-alembic hands it to env.py as it is
    config = PytestAlembicConfig.from_raw_config(project.config)
    try:
        with contextlib.redirect_stdout(io.StringIO()), runner(config, engine) as alembic_runner:
            test_up_down_consistency(alembic_runner)
    except Exception:  # noqa: BLE001 - whatever it fails with, it is found
        return True
    finally:
        asyncio.run(engine.dispose())
        databases.drop(url)
    return False


def we_find(databases: TestDatabases, project: ScratchProject, sought: str = "") -> bool:
    """Whether a round trip fails and names what is wrong."""
    url = databases.create()
    try:
        found = asyncio.run(check_history(url, config=project.config))
    finally:
        databases.drop(url)
    return any(not each.ok and sought in str(each) for each in found)


def measure_faults(folder: Path, server: DatabaseURL) -> None:
    """Print the table of what is found."""
    ordinary = TestDatabases(server)
    superuser = TestDatabases(DatabaseURL(server.parts.set(username="postgres")))
    print("\n| | of | up_down_consistency | round trips |\n|---|---|---|---|")
    for title, faults in (
        ("wrong downgrades of the known kinds", KNOWN_FAULTS),
        ("wrong downgrades of further kinds", MORE_FAULTS),
        ("upgrades that break on rows", ROW_FAULTS),
    ):
        peer = ours = 0
        for name, fault in faults.items():
            project = ScratchProject.make(folder / title.replace(" ", "-") / name)
            write_base(project, getattr(fault, "before", ()))
            project.revision("b2", "a1", up=body(fault.up), undo=body(fault.down))
            databases = superuser if getattr(fault, "as_superuser", False) else ordinary
            os.chdir(project.folder)
            peer += peer_finds(databases, project)
            if we_find(databases, project, fault.object):
                ours += 1
            else:
                print(f"not found: {name}", file=sys.stderr)
        print(f"| {title} | {len(faults)} | {peer} | {ours} |", flush=True)
    peer = ours = 0
    for name, history in HISTORIES.items():
        project = ScratchProject.make(folder / "right" / name)
        write_history(project, history)
        os.chdir(project.folder)
        databases = superuser if name == AS_SUPERUSER else ordinary
        peer += peer_finds(databases, project)
        ours += we_find(databases, project)
    print(f"| false alarms on right histories | {len(HISTORIES)} | {peer} | {ours} |")


def main() -> None:
    """Run everything on one server."""
    few, many = (int(each) for each in sys.argv[1:3] or ("200", "1000"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with LocalServer(folder / ".neon-local", "test", 18).in_use() as embedded:
            server = embedded.url("postgres")
            os.chdir(ROOT)
            measure_time(folder, server, few, many)
            measure_faults(folder, server)
            os.chdir(ROOT)


if __name__ == "__main__":
    main()
