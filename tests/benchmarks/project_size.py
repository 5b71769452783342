"""How much a new project holds, whose it is, and what it costs: the last release beside this tree.

    uv run python tests/benchmarks/project_size.py

It renders both with their default answers and counts files and lines; then it installs both, and
times `uv run pytest` and the import of what an application uses (medians, taken in turns).
"""

import re
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent))


from releases import PRESENT, RELEASES, released_template
from rendering import check, commit_all, files, uv

RUNS: Final = 3
IMPORTS: Final = {"release": "my_app.db", "present": "alembic_neon"}
TABLE: Final = {
    "release": re.compile(
        r"src/my_app/(models|api|main|__init__)|migrations/versions/|tests/[^/]*\.py"
    ),
    "present": re.compile(r"src/my_app/|migrations/versions/|tests/[^/]*\.py|\.env\.example"),
}
TOOLKIT: Final = {"release": "src/my_app/db/", "present": "toolkit/"}


def owner(name: str, path: str) -> str:
    """Return whose a file is."""
    if path.startswith(TOOLKIT[name]):
        return "the toolkit"
    return "the user's" if TABLE[name].match(path) else "the template's, or both"


def sizes(name: str, folder: Path) -> dict[str, str]:
    """Return files and lines of Python by owner."""
    counts: dict[str, list[int]] = {}
    for path, text in files(folder).items():
        count = counts.setdefault(owner(name, path), [0, 0])
        count[0] += 1
        count[1] += text.count("\n") if path.endswith(".py") else 0
    return {whose: f"{number} files, {lines} lines" for whose, (number, lines) in counts.items()}


def timed(*command: str | Path, cwd: Path) -> float:
    """Return the seconds of a command that must succeed."""
    started = time.perf_counter()
    check(*command, cwd=cwd)
    return time.perf_counter() - started


def main() -> None:
    """Print the table."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch, "template")
        folder.mkdir()
        template = released_template(folder)
        projects = {
            "release": template.render(Path(scratch, "release/my-app"), RELEASES[-1].tag),
            "present": template.render(Path(scratch, "present/my-app"), PRESENT),
        }
        rows = {name: sizes(name, project) for name, project in projects.items()}
        for project in projects.values():
            commit_all(project, "Start")
            check(uv(), "sync", "--quiet", cwd=project)
        times: dict[str, dict[str, list[float]]] = {name: {} for name in projects}
        for _ in range(RUNS):
            for name, project in projects.items():
                python = project / ".venv/bin/python"
                code = f"import {IMPORTS[name]} as door; [getattr(door, n) for n in door.__all__]"
                kinds = {
                    "`uv run pytest`": (uv(), "run", "--no-sync", "pytest", "-q"),
                    "import of all that an application uses": (python, "-c", code),
                    "`import` alone": (python, "-c", f"import {IMPORTS[name]}"),
                }
                for kind, command in kinds.items():
                    times[name].setdefault(kind, []).append(timed(*command, cwd=project))
        for name in projects:
            rows[name] |= {kind: f"{median(each):.2f} s" for kind, each in times[name].items()}
    print(f"| | {RELEASES[-1].version} | this tree |\n|---|---|---|")
    for kind in rows["release"]:
        print(f"| {kind} | {rows['release'][kind]} | {rows['present'][kind]} |")


if __name__ == "__main__":
    main()
