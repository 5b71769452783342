"""How long a reader or a writer waits: `uv run python tests/benchmarks/locks.py [--rows 1000000]`.

Each change of a table with a million rows is written by `db revision` in steps, and as one revision
(`--single`: what stock autogenerate writes), and both are applied under pgbench, which reads and
writes the table by four clients each. It prints Markdown. The first line is the load alone.
"""

# ruff: noqa: S608 - the number of rows is ours

import argparse
import asyncio
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

TESTS: Final = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "template/toolkit/src")]

from alembic_neon.branches.local import LocalProvider  # noqa: E402
from alembic_neon.branches.provider import NewBranch  # noqa: E402
from alembic_neon.branches.revision_writing import Request, write_revisions  # noqa: E402
from alembic_neon.embedded.server import LocalServer  # noqa: E402
from alembic_neon.engine.url import DatabaseURL  # noqa: E402
from alembic_neon.errors import ToolkitError  # noqa: E402
from alembic_neon.migration.runner.run import upgrade  # noqa: E402
from alembic_neon.migration.steps.options import StepOptions  # noqa: E402
from alembic_neon.rehearsal.load import read_load  # noqa: E402
from queries import first_column  # noqa: E402
from scratch_project import ScratchProject  # noqa: E402

MODELS: Final = """
import sqlalchemy as sa
metadata = sa.MetaData()
sa.Table("users", metadata, sa.Column("id", sa.BigInteger, primary_key=True))
sa.Table("tasks", metadata, sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("touched", sa.BigInteger),
    {columns})
"""
BEFORE: Final = {
    "owner": 'sa.Column("owner_id", sa.BigInteger)',
    "n": 'sa.Column("n", sa.Integer)',
    "old": 'sa.Column("old", sa.Text)',
}


class Change(NamedTuple):
    """What becomes of the columns, and how it is asked for."""

    name: str
    columns: dict[str, str]
    fills: dict[str, str] = {}  # noqa: RUF012 - nobody changes it
    online: bool = False


CHANGES: Final = [
    Change(
        "a required column, filled",
        {"more": 'sa.Column("reviewer_id", sa.BigInteger, nullable=False)'},
        {"tasks.reviewer_id": "owner_id"},
    ),
    Change("an index", {"n": 'sa.Column("n", sa.Integer, index=True)'}),
    Change(
        "a foreign key",
        {
            "owner": 'sa.Column("owner_id", sa.BigInteger,'
            ' sa.ForeignKey("users.id", name="fk_owner"))'
        },
    ),
    Change("a CHECK", {"more": 'sa.CheckConstraint("n >= 0", name="n_positive")'}),
    Change("a unique constraint", {"more": 'sa.UniqueConstraint("n", "id", name="uq_n")'}),
    Change(
        "NOT NULL", {"owner": 'sa.Column("owner_id", sa.BigInteger, nullable=False)'},
        {"tasks.owner_id": "1"},
    ),
    Change("int to bigint, --online", {"n": 'sa.Column("n", sa.BigInteger)'}, online=True),
    Change("a column that goes", {"old": ""}),
]  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", default="", help="a part of a change's name")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    for name in list(os.environ):
        if name.startswith(("DATABASE_URL", "DB_", "NEON_API", "NEON_PROJECT", "APP_ENV")):
            del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        Path(folder).chmod(0o755)
        project = ScratchProject.make(Path(folder) / "project")
        os.chdir(project.folder)
        server = LocalServer(project.folder / ".neon-local", "development", 18)
        with server.in_use():
            asyncio.run(report(LocalProvider(server), project, options.rows, options.only))


async def report(provider: LocalProvider, project: ScratchProject, rows: int, only: str) -> None:
    """Fill the table, and print a line for each change."""
    main_url = await provider.url("main")
    project.models(MODELS.format(columns=", ".join(BEFORE.values())))
    await write_revisions(Request("tables", proof=False), project.config)
    await upgrade(main_url, config=project.config)
    await first_column(
        main_url,
        "INSERT INTO users SELECT g FROM generate_series(1, 1000) g",
        "INSERT INTO tasks SELECT g, 0, 1 + g % 1000, g, md5(g::text)"
        f" FROM generate_series(1, {rows}) g",
    )
    print("| change | revisions | longest read, write (ms) | seconds | in one: read, write |")
    print("|---|---|---|---|---|")
    scripts = write_scripts(project.folder, rows)
    read, write, _ = await measured(provider, project, scripts, is_alone=True)
    print(f"| none: the load alone | | {read:.0f}, {write:.0f} | | |", flush=True)
    for change in CHANGES:
        if only in change.name:
            await report_change(provider, project, scripts, change)


async def report_change(
    provider: LocalProvider, project: ScratchProject, scripts: list[Path], change: Change
) -> None:
    """Apply a change in steps and in one revision, and print how long others waited."""
    columns = [each for each in (BEFORE | change.columns).values() if each]
    project.models(MODELS.format(columns=", ".join(columns)))
    steps = StepOptions(online=change.online, fills=change.fills)
    known = set(project.revision_files)
    found: list[str] = []
    for options in (steps, StepOptions(single=True)):
        try:
            await write_revisions(Request("it", proof=False, steps=options), project.config)
            count = len(set(project.revision_files) - known)
            read, write, seconds = await measured(provider, project, scripts)
            waits = f"{read:.0f}, {write:.0f}"
            found += [str(count), waits, f"{seconds:.1f}"] if options is steps else [waits]
        except ToolkitError as error:
            found.append(f"fails: {error.message[:60]}")
        for path in set(project.revision_files) - known:
            path.unlink()
    print(f"| {change.name} | {' | '.join(found)} |", flush=True)


def write_scripts(folder: Path, rows: int) -> list[Path]:
    """Write what reads and what writes."""
    pick = f"\\set id random(1, {rows})\n"
    read, write = folder / "read.pgbench", folder / "write.pgbench"
    read.write_text(f"{pick}SELECT n FROM tasks WHERE id = :id;\n")
    write.write_text(f"{pick}UPDATE tasks SET touched = touched + 1 WHERE id = :id;\n")
    return [read, write]


async def measured(
    provider: LocalProvider, project: ScratchProject, scripts: list[Path], *, is_alone: bool = False
) -> tuple[float, float, float]:
    """Return the longest read and write in milliseconds, and the seconds of the upgrade."""
    await provider.create(NewBranch("load", "main", force=True))
    url = await provider.url("load")
    try:
        reads, writes = (read_load(script) for script in scripts)
        async with reads.running(url) as reading, writes.running(url) as writing:
            started = time.perf_counter()
            await (asyncio.sleep(5) if is_alone else applied(url, project))
            seconds = time.perf_counter() - started
        return reading.result().longest_read_ms, writing.result().longest_write_ms, seconds
    finally:
        await provider.delete("load", force=True)


async def applied(url: DatabaseURL, project: ScratchProject) -> None:
    """Upgrade the copy."""
    await upgrade(url, config=project.config)


if __name__ == "__main__":
    main()
