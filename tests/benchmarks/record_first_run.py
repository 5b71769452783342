"""Record a real run as docs/first-run.svg: `uv run python tests/benchmarks/record_first_run.py`.

What uv says while it installs is left out: it names folders of the machine.
"""

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parent.parent))

from rendering import ROOT, Template

COLUMNS = 96
VERSION = "v0.1.0"

EDIT = "sed -i 's/^    title: .*/&\\n    due_on: date | None = None/' src/my_app/models/task.py"
IMPORT = "sed -i 's/import datetime$/import date, datetime/' src/my_app/models/task.py"
COMMANDS = [
    ('copier copy --quiet --defaults "$TEMPLATE" my-app && cd my-app && uv sync --quiet', ""),
    ("uv run db upgrade", ""),
    (f"{EDIT}; {IMPORT}", "# a model gets a column: due_on: date | None = None"),
    ('uv run db revision -m "add due date"', ""),
    ("uv run db upgrade", ""),
    ("uv run pytest -q tests/migrations", ""),
    ("uv run db branch create try-it && uv run db branch list", ""),
]


def main() -> None:
    """Run the commands, each in the folder that the one before left, and write the picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as released:
        folder = Path(scratch)
        template = Template.of_working_tree(Path(released))
        template.release(VERSION)
        for command, shown in COMMANDS:
            title = shown or command.replace("copier", "uvx copier").replace("$TEMPLATE", "$PWD")
            console.print(Text(f"$ {title}", style="bold"))
            output = in_terminal(command.replace("$TEMPLATE", released), folder)
            folder = folder / "my-app" if "cd my-app" in command else folder
            if output:
                console.print(Text.from_ansi(output))
        subprocess.run(["uv", "run", "db", "stop"], cwd=folder, check=True, capture_output=True)
    svg = console.export_svg(title="neon-migration-template")
    # The picture is looked at without a network: no font is fetched, the viewer's own is used.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    (ROOT / "docs/first-run.svg").write_text(svg)


def in_terminal(command: str, folder: Path) -> str:
    """Run a command as in a terminal and return what it printed, colours included."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": str(COLUMNS), "TERM": "xterm"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment.pop("VIRTUAL_ENV", None)
    process = subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=environment | {"PYTHONWARNINGS": "ignore", "UV_NO_PROGRESS": "1"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the terminal is gone when its last process ends
            break
        if not chunk:
            break
        output += chunk
    os.close(ours)
    if process.wait() != 0:
        raise SystemExit(f"{command} failed:\n{output.decode()}")
    return output.decode().replace("\r\n", "\n").strip("\n")


if __name__ == "__main__":
    main()
