"""How long `db revision` takes: `uv run python tests/benchmarks/revision_time.py`.

One column is added to models of many tables. Beside it, the same command of version 0.2.0 and ours
without the proof; each a process from start to end, in turns. `--counts 3000 --rounds 1` is the
large one, `--import-seconds 60` has models that take a minute to import.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from textwrap import dedent
from typing import Final

TESTS: Final = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "template/toolkit/src")]

from alembic_neon.embedded.server import LocalServer  # noqa: E402
from benchmarks.released_toolkit import VERSION, write_released  # noqa: E402
from lived_in import replace  # noqa: E402
from rendering import TOOLKIT_PARENT, inherited_environment  # noqa: E402
from scratch_project import ScratchProject  # noqa: E402

OURS: Final = "ours, with proof"
UNPROVEN: Final = "ours, --no-proof"
_MODELS: Final = """
    import time

    import sqlalchemy as sa
    from {toolkit} import NAMING_CONVENTION

    time.sleep({seconds})
    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
    for number in range({count}):
        sa.Table(
            f"t{{number}}", metadata,
            sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
            sa.Column("name", sa.String(80), nullable=False),
            sa.Column("amount", sa.Numeric(12, 2), server_default="0"),
            sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now()),
            sa.Column("before_id", sa.ForeignKey(f"t{{max(number - 1, 0)}}.id"), index=True),
            sa.CheckConstraint("amount >= 0", name="amount"),
        )
"""
_ADDED: Final = 'metadata.tables["t0"].append_column(sa.Column("note", sa.Text))'


def main() -> None:
    """Measure what the command line asks for, and print a row for each number of tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default="40,400")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--import-seconds", type=float, default=0)
    parser.add_argument("--ours-only", action="store_true")
    arguments = parser.parse_args()
    sides = (OURS, UNPROVEN) if arguments.ours_only else (OURS, UNPROVEN, VERSION)
    print(f"| tables | {' | '.join(sides)} |", f"|---{'|--:' * len(sides)}|", sep="\n")
    for count in map(int, arguments.counts.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            found = measure(Path(folder), count, arguments, sides)
        cells = (f"{median(found[side]):.1f} s" for side in sides)
        print(f"| {count} | {' | '.join(cells)} |", flush=True)


def measure(
    folder: Path, count: int, arguments: argparse.Namespace, sides: tuple[str, ...]
) -> dict[str, list[float]]:
    """Return the seconds of each side, a round each."""
    found: dict[str, list[float]] = {side: [] for side in sides}
    seconds = arguments.import_seconds
    projects = {side: _project(folder, side, count, seconds) for side in sides}
    for _ in range(arguments.rounds):
        for side, project in projects.items():
            found[side].append(_revise(project, side))
            for path in project.versions.glob("*_note*.py"):
                path.unlink()
    for project in projects.values():
        LocalServer(project.folder / ".neon-local", "development", 18).stop()
    return found


def _project(folder: Path, side: str, count: int, seconds: float) -> ScratchProject:
    """Make a project with the first revision, and one more column in its models."""
    project = ScratchProject.make(folder / re.sub(r"\W+", "_", side))
    toolkit = "alembic_neon"
    if side == VERSION:
        write_released(project.folder)
        toolkit = "released.db"
        replace(
            project.folder / "migrations/env.py", "alembic_neon.migration", f"{toolkit}.migration"
        )
    text = dedent(_MODELS).format(toolkit=toolkit, seconds=seconds, count=count)
    project.models(text)
    _run(project, side, "revision", "-m", "first")
    project.models(text + _ADDED)
    shutil.rmtree(project.versions / "__pycache__", ignore_errors=True)
    return project


def _revise(project: ScratchProject, side: str) -> float:
    started = time.perf_counter()
    _run(project, side, "revision", "-m", "note", *(["--no-proof"] if side == UNPROVEN else []))
    return time.perf_counter() - started


def _run(project: ScratchProject, side: str, *arguments: str) -> None:
    module = "released.db" if side == VERSION else "alembic_neon"
    environment = inherited_environment() | {"PYTHONPATH": str(TOOLKIT_PARENT)}
    result = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=project.folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode:
        sys.exit(f"{side}: {result.stdout}{result.stderr}")


if __name__ == "__main__":
    main()
