"""Revisions from changes of models: `uv run python tests/benchmarks/revision.py`.

Each case of `corpus/` goes through Alembic's own autogenerate, through that with
alembic-postgresql-enum, and through `db revision`. All have the same judge: right is what imports,
upgrades on tables with rows, goes down and up again, makes what `metadata.create_all` makes, and
leaves nothing for a second run; safe is what `db check` has no error for.
`--only TEXT` runs the cases whose kind or name has it, `--tool` one tool.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "template/toolkit/src")]

from benchmarks.corpus import KINDS, all_cases  # noqa: E402

# The judge is imported by the tools' processes alone: one of them must not have the enum plugin.
TOOLS: Final = {"stock": "Alembic", "plugin": "with the enum plugin", "ours": "`db revision`"}
OUTCOMES: Final = ("right and safe", "right, not safe", "refused", "wrong")


def main() -> None:
    """Run what the command line asks for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tool", choices=TOOLS, action="append")
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", choices=TOOLS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        run_worker(arguments.worker, arguments.only)
        return
    found = {tool: run_tool(tool, arguments.only) for tool in arguments.tool or TOOLS}
    print_tables(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1, ensure_ascii=False))


def run_tool(tool: str, only: str) -> list[dict[str, str]]:
    """Run all cases through one tool, in a process of its own; return what came of each."""
    command = [sys.executable, __file__, "--worker", tool, "--only", only]
    found = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            found.append(json.loads(line))
            print(tool, *found[-1].values(), sep=" | ", file=sys.stderr, flush=True)
    if process.returncode:
        sys.exit(f"{tool} ended with {process.returncode}")
    return found


def run_worker(tool: str, only: str) -> None:
    """Print what comes of each case, a line of JSON each."""
    from benchmarks.corpus.judge import Bench

    with tempfile.TemporaryDirectory() as folder, Bench.open(Path(folder), tool) as bench:
        Path(folder).chmod(0o755)
        for case in all_cases():
            if only in f"{case.kind}: {case.name}":
                outcome, reason = bench.run(case)
                line = {"kind": case.kind, "style": case.style, "name": case.name}
                print(json.dumps(line | {"outcome": outcome, "reason": reason}), flush=True)


def print_tables(found: dict[str, list[dict[str, str]]]) -> None:
    """Print the sums of each tool, and those of each kind."""
    tools = [TOOLS[tool] for tool in found]
    print(_row("", *tools), _row("---", *("--:" for _ in tools)), sep="\n")
    for outcome in OUTCOMES:
        print(_row(outcome, *(str(_count(cases, outcome)) for cases in found.values())))
    print(_row("cases", *(str(len(cases)) for cases in found.values())), end="\n\n")
    print(_row("right and safe, by kind", *tools), _row("---", *("--:" for _ in tools)), sep="\n")
    for kind in KINDS:
        of_kind = [[each for each in cases if each["kind"] == kind] for cases in found.values()]
        if any(of_kind):
            sums = (f"{_count(cases, OUTCOMES[0])} of {len(cases)}" for cases in of_kind)
            print(_row(kind, *sums))


def _count(cases: Sequence[dict[str, str]], outcome: str) -> int:
    return Counter(each["outcome"] for each in cases)[outcome]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
