"""Published applications, adopted by the toolkit: see docs/findings-adoption.md.

    uv run python tests/real/adopt.py FOLDER [argilla|langflow|prefect …]

Each source distribution is fetched into FOLDER and unpacked into a repository there, with an
environment of its own that has the application and what Copier says that the toolkit needs. It is
brought in as docs/adopting.md says, and its commands are run on an embedded server. What they wrote
stays in FOLDER. It prints a table, and ends with 1 where a step did not come to its end.
"""

import ast
import json
import re
import shlex
import sys
import tarfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Final
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).parents[1]))

from lived_in import replace
from real.round_trips import PROJECTS
from rendering import Template, check, commit_all, run, uv

REHEARSED: Final = 3


@dataclass(frozen=True)
class Application:
    """A source distribution, and what its developer answers, adds and edits.

    `path` goes on Python's path. `needs` are packages besides its own.
    `overrides` replace bounds of its own, as the toolkit's requirements do. `settings` are edits of
    db.toml, `hooks` writes db_environment/hooks.py. `edits` change its revisions before all of it,
    where they need what the embedded server lacks. `round_trips` limits them to the last ones.
    """

    package: str
    answers: dict[str, str]
    path: str = ""
    needs: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    settings: tuple[tuple[str, str], ...] = ()
    hooks: Callable[[Path], str] | None = None
    edits: tuple[str, tuple[tuple[str, str], ...]] = ("", ())
    round_trips: int | None = None


def prefect_hooks(project: Path) -> str:
    """Return the filter of Prefect's own env.py, which cannot be imported."""
    text = (project / "src/prefect/server/database/_migrations/env.py").read_text()
    (own,) = (
        ast.get_source_segment(text, node)
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name == "include_object"
    )
    return (
        "from typing import Optional\n\nimport sqlalchemy\n"
        "from sqlalchemy.dialects import postgresql\n\n"
        f"dialect = postgresql.dialect()\n\n\n{own}\n"
    )


APPLICATIONS: Final = {
    "argilla": Application(
        "argilla-server==2.8.0",
        # The module that has all models; it imports the base class.
        {"metadata": "argilla_server.models.database:DatabaseModel"},
        path="src",
        needs=("psycopg[binary]",),
        overrides=("greenlet>=3.2",),
        # Importing the package makes its engines, and a listener that sends a PRAGMA to each.
        environment={"ARGILLA_DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1/nothing"},
    ),
    "langflow": Application(
        "langflow-base==0.0.96",
        {
            "package_path": "langflow",  # it has no __init__.py, so that it is not found
            "metadata": "langflow.services.database.service:SQLModel.metadata",
        },
        overrides=("sqlmodel>=0.0.50,<0.1",),
        # Its old revisions name a type that SQLModel has no more.
        edits=(
            "langflow/alembic/versions",
            (("sqlmodel.sql.sqltypes.GUID()", "sa.Uuid()"),),
        ),
    ),
    "phoenix": Application(
        "arize-phoenix==20.26.1",
        {"metadata": "phoenix.db.models:Base"},
        path="src",
    ),
    "prefect": Application(
        "prefect==3.9.1",
        {"metadata": "prefect.server.database.orm_models:Base"},
        path="src",
        settings=(
            ("_migrations/versions", "_migrations/versions/postgresql"),
            ("[tool.db]\n", "[tool.db]\nallow_mixed_revisions = true\n"),
        ),
        hooks=prefect_hooks,
        edits=(
            "src/prefect/server/database/_migrations/versions/postgresql",
            PROJECTS["prefect"].replaced,
        ),
        round_trips=10,
    ),
}


class Adoption:
    """One application on its way; `row` is what the table says of it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.application = APPLICATIONS[name]
        self.folder = folder
        self.project = folder / name
        self.python = self.project / ".venv/bin/python"
        self.row: dict[str, str] = {}
        self.failed: list[str] = []

    def unpack(self) -> None:
        """Fetch the source distribution, make a repository of it, and install the application."""
        package, _, version = self.application.package.partition("==")
        stem = f"{package.replace('-', '_')}-{version}"
        archive = self.folder / f"{stem}.tar.gz"
        if not archive.exists():
            options = ("--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(self.folder))
            pip = (uv(), "tool", "run", "--quiet", "pip", "download")
            check(*pip, *options, self.application.package, cwd=self.folder)
        check("rm", "-rf", self.project, cwd=self.folder)
        with tarfile.open(archive) as opened:
            opened.extractall(self.folder, filter="data")
        (self.folder / stem).rename(self.project)
        below, replaced = self.application.edits
        for file in sorted((self.project / below).glob("*.py")) if below else ():
            text = file.read_text()
            for old, new in replaced:
                text = text.replace(old, new)
            file.write_text(text)
        commit_all(self.project, "Start")
        check(uv(), "venv", "--quiet", "--python", sys.executable, cwd=self.project)
        self.install(self.application.package, *self.application.needs)

    def install(self, *packages: str, overrides: tuple[str, ...] = ()) -> None:
        """Install into the project's environment."""
        file = self.folder / f"{self.name}-overrides.txt"
        file.write_text("".join(f"{line}\n" for line in overrides))
        environment = {"VIRTUAL_ENV": str(self.project / ".venv")}
        options = ("--quiet", "--overrides", str(file))
        check(uv(), "pip", "install", *options, *packages, cwd=self.project, **environment)

    def adopt(self, template: Template) -> None:
        """Copy the template onto it, add what Copier names, and edit what docs/adopting.md says."""
        data = [
            part for pair in self.application.answers.items() for part in ("-d", "=".join(pair))
        ]
        copier = (sys.executable, "-m", "copier", "copy", "--defaults", *data)
        copied = run(*copier, template.folder, ".", cwd=self.project)
        self.keep("copier", copied)
        if copied.returncode:
            raise SystemExit(f"{self.name}: {copied.stderr[-2000:]}")
        (line,) = re.findall(r"^ +pip install (.+)$", copied.stderr, re.M)
        toolkit = tomllib.loads((self.project / "toolkit/pyproject.toml").read_text())["project"]
        # An installation with the application's own bounds often cannot be.
        bounds = [*toolkit["dependencies"], *chain(*toolkit["optional-dependencies"].values())]
        own = (self.application.package, *self.application.needs)
        overrides = (*bounds, *self.application.overrides)
        self.install(*own, *shlex.split(line), overrides=overrides)
        checked = run(uv(), "pip", "check", "--python", self.python, cwd=self.project)
        self.keep("bounds", checked)
        self.row["bounds exceeded"] = str(len(re.findall(r"^The package", checked.stderr, re.M)))
        self.row["own files"] = self.own_files()
        for old, new in self.application.settings:
            replace(self.project / "db.toml", old, new)
        if self.application.hooks:
            hooks = self.project / "db_environment/hooks.py"
            hooks.write_text(self.application.hooks(self.project))

    def own_files(self) -> str:
        """Say whether git sees anything but new files."""
        status = check("git", "status", "--porcelain", cwd=self.project).splitlines()
        difference = check("git", "diff", cwd=self.project)
        changed = [line for line in status if not line.startswith("?? ")]
        if changed or difference or not status:
            self.failed.append("own files")
        return "unchanged" if status and not changed and not difference else "CHANGED"

    def toolkit(self, *arguments: str, may_say: tuple[int, ...] = (0,), title: str = "") -> Any:
        """Run a command of the toolkit and return what it wrote as JSON."""
        name = f"{self.name}-{title or arguments[0]}"
        file = self.folder / f"{name}.json"
        file.unlink(missing_ok=True)
        json_argument = () if arguments[0] == "stop" else ("--json", str(file))
        command = (self.python, "-m", "alembic_neon", *arguments, *json_argument)
        result = run(*command, cwd=self.project, **self.environment())
        self.keep(title or arguments[0], result)
        if result.returncode not in may_say:
            self.failed.append(title or arguments[0])
        return json.loads(file.read_text()) if file.exists() else None

    def environment(self) -> dict[str, str]:
        """Return the variables of its programs; compiled files do not lie about the repository."""
        return {
            "PYTHONPATH": str(self.project / self.application.path),
            "PYTHONPYCACHEPREFIX": str(self.folder / "pycache" / self.name),
            "PYTHONWARNINGS": "ignore",
            "COLUMNS": "120",
        } | self.application.environment

    def keep(self, title: str, result: CompletedProcess[str]) -> None:
        """Write what a program said into the folder."""
        log = self.folder / f"{self.name}-{title}.log"
        log.write_text(f"exit code {result.returncode}\n{result.stdout}\n{result.stderr}")

    def migrate(self) -> None:
        """Upgrade to a few revisions before the head, rehearse these, and upgrade to the head."""
        status = self.toolkit("status")
        pending = [each["revision"] for each in status["pending"]] if status else []
        self.row["revisions"] = str(len(pending))
        if len(pending) <= REHEARSED:
            return
        self.toolkit("upgrade", pending[-REHEARSED - 1], title="upgrade-before")
        rehearsed = self.toolkit("rehearse", may_say=(0, 1))
        self.row["rehearsal"] = rehearsed["verdict"] if rehearsed else "FAILED"
        self.toolkit("upgrade", title="upgrade-head")
        status = self.toolkit("status", title="status-after")
        self.row["at head"] = "yes" if status and not status["pending"] else "NO"

    def check(self) -> None:
        """Compare models and migrations, and lint the whole history."""
        found = self.toolkit("check", "--all", may_say=(0, 1))
        if found is None:
            self.row["drift"] = self.row["lint"] = "FAILED"
            return
        lint = [each for each in found if each["revision"]]
        self.row["drift"] = str(len(found) - len(lint))
        counts = Counter(each["severity"] for each in lint)
        self.row["lint"] = " / ".join(str(counts[each]) for each in ("error", "warning", "info"))

    def round_trips(self) -> None:
        """Run `db test`, for the round trips alone."""
        revisions = [] if self.application.round_trips is None else self.last_revisions()
        report = self.folder / f"{self.name}-round-trips.xml"
        report.unlink(missing_ok=True)
        command = (self.python, "-m", "alembic_neon", "test", f"--junitxml={report}", "-q", "-rs")
        chosen = ("-k", " or ".join(revisions)) if revisions else ("-k", "round_trip")
        self.keep("round-trips", run(*command, *chosen, cwd=self.project, **self.environment()))
        cases = []
        if report.exists():
            cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - pytest's own
        wrong = [each for each in cases if each.find("failure") is not None]
        broken = [each for each in cases if each.find("error") is not None]
        if broken or not cases:
            self.failed.append("round trips")
        self.row["round trips"] = f"{len(wrong)} of {len(cases)} differ"

    def last_revisions(self) -> list[str]:
        """Return the last revisions of the history."""
        pending = json.loads((self.folder / f"{self.name}-status.json").read_text())["pending"]
        return [each["revision"] for each in pending[-(self.application.round_trips or 0) :]]


def main() -> None:
    """Adopt the applications that are named, by default all."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    check("rm", "-rf", "template", cwd=folder)
    template = Template.of_working_tree(folder / "template")
    rows, failed = [], False
    for name in sys.argv[2:] or APPLICATIONS:
        adoption = Adoption(name, folder)
        adoption.unpack()
        started = time.monotonic()
        try:
            adoption.adopt(template)
            adoption.migrate()
            adoption.check()
            adoption.round_trips()
            adoption.row["own files"] = adoption.own_files()
        finally:
            adoption.toolkit("stop", may_say=(0, 1, 2))
        seconds = str(round(time.monotonic() - started))
        rows.append({"application": adoption.application.package} | adoption.row | {"s": seconds})
        failed |= bool(adoption.failed)
        if adoption.failed:
            print(f"{name}: did not end well: {', '.join(adoption.failed)}")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    for line in (
        columns,
        ["---"] * len(columns),
        *([row.get(c, "") for c in columns] for row in rows),
    ):
        print("|", " | ".join(line), "|")
    sys.exit(failed)


if __name__ == "__main__":
    main()
