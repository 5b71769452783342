"""Histories of published projects, checked as `db check --all` and `db test` check them.

    uv run python tests/real/histories.py FOLDER URL [onyx|warehouse|prefect|mealie|phoenix …]

docs/histories.md has what was found. URL is that of a server on which the role may make databases
and extensions, as Debian's PostgreSQL 15 with its contrib modules; the databases are dropped
afterwards. Each project is cloned into FOLDER at the commit named here and gets an environment of
its own. Findings go to FOLDER/NAME.json, a line for each to the terminal. None of the projects'
code comes into this repository.
"""

import asyncio
import importlib
import json
import os
import subprocess
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic_neon.engine.url import DatabaseURL

TOOLKIT: Final = Path(__file__).parents[2] / "template/toolkit"
# The toolkit's bounds, where a project asks for older ones.
OVERRIDES: Final = """
alembic>=1.20,<2
asyncpg>=0.32
greenlet>=3.2
psutil>=7
pydantic-settings>=2.16
rich>=15
sqlalchemy[asyncio]>=2.1.9,<2.2
sqlparse>=0.5.5
tenacity>=9.1,<10
typer>=0.29
"""
ENVIRONMENT: Final = """
from histories import metadata_of
from alembic_neon.migration.environment import run_migrations

run_migrations(metadata_of({name!r}))
"""
SETTINGS: Final = """
[alembic]
script_location = environment
version_locations = {versions}
path_separator = newline
# mealie's first revision reads it.
sqlalchemy.url = {url}
"""


@dataclass(frozen=True)
class Project:
    """A repository, where its revisions and models are, and what its revisions import.

    Without `root` they are the installed package's, of the version in `requirements`.
    `models`: modules to import, of which the last has the metadata under `metadata`.
    `edits`: texts of its files that are no Python 3.13, and what stands in for them.
    """

    repository: str
    commit: str
    root: str
    versions: str
    models: tuple[str, ...]
    metadata: str
    requirements: str
    environment: tuple[tuple[str, str], ...] = ()
    prepare: Callable[[Path], None] | None = None


def _postpone_annotations(folder: Path) -> None:
    """Let models written for Python 3.14, which evaluates annotations late, be imported before."""
    later = "from __future__ import annotations\n"
    for file in folder.glob("warehouse/**/models.py"):
        text = file.read_text()
        if later not in text:
            file.write_text(later + text)


PROJECTS: Final = {
    "onyx": Project(
        "https://github.com/onyx-dot-app/onyx",
        "a7d66a8b77",
        "backend",
        "alembic/versions",
        ("onyx.db.models",),
        "Base.metadata",
        "-e . psycopg2-binary==2.9.10",
    ),
    "warehouse": Project(
        "https://github.com/pypi/warehouse",
        "6b6215712",
        ".",
        "warehouse/migrations/versions",
        ("warehouse.config", "warehouse.db"),
        "metadata",
        "-r requirements/main.in",
        prepare=_postpone_annotations,
    ),
    "prefect": Project(
        "https://github.com/PrefectHQ/prefect",
        "ce79dd3d6c",
        "",
        "prefect/server/database/_migrations/versions/postgresql",
        ("prefect.server.database.orm_models",),
        "Base.metadata",
        "prefect==3.9.1",
    ),
    "mealie": Project(
        "https://github.com/mealie-recipes/mealie",
        "b5643a939",
        ".",
        "alembic/versions",
        ("mealie.db.models._all_models", "mealie.db.models._model_base"),
        "SqlAlchemyBase.metadata",
        "-e . psycopg[binary]",
        environment=(("PRODUCTION", "false"), ("TESTING", "true")),
    ),
    "phoenix": Project(
        "https://github.com/Arize-ai/phoenix",
        "9478f954bb",
        "",
        "phoenix/db/migrations/versions",
        ("phoenix.db.models",),
        "Base.metadata",
        "arize-phoenix==20.26.1 scikit-learn",
    ),
}


def install(name: str, folder: Path) -> Path:
    """Clone a project and make its environment, or take what is there; return its Python."""
    project = PROJECTS[name]
    checkout, python = folder / name, folder / "env" / name / "bin/python"
    if not checkout.exists():
        run("git", "clone", "--quiet", project.repository, str(checkout))
        run("git", "-C", str(checkout), "checkout", "--quiet", project.commit)
    if project.prepare:
        project.prepare(checkout)
    if not python.exists():
        overrides = folder / "overrides.txt"
        overrides.write_text(OVERRIDES)
        run("uv", "venv", "--quiet", "--python", sys.executable, str(folder / "env" / name))
        pip = ("uv", "pip", "install", "--quiet", "--python", str(python))
        own = f"{TOOLKIT}[embedded,lint,test]"
        options = ("--overrides", str(overrides), "-e", own)
        subprocess.run([*pip, *options, *project.requirements.split()], check=True, cwd=checkout)
    return python


def run(*command: str) -> None:
    """Run a program that must succeed."""
    subprocess.run(command, check=True)


def metadata_of(name: str) -> Any:
    """Import a project's models and return their metadata."""
    project = PROJECTS[name]
    found: Any = None
    for module in project.models:
        found = importlib.import_module(module)
    for part in project.metadata.split("."):
        found = getattr(found, part)
    return found


def check_history(name: str, folder: Path, url: str) -> None:
    """Check a project's history, in its environment; write what is found."""
    project = PROJECTS[name]
    root = folder / name / project.root if project.root else Path(sysconfig.get_path("purelib"))
    sys.path[:0] = [str(root), str(Path(__file__).parent)]
    os.environ.update(project.environment)
    place = folder / "run" / name
    (place / "environment").mkdir(parents=True, exist_ok=True)
    (place / "environment/env.py").write_text(ENVIRONMENT.format(name=name))
    (place / "alembic.ini").write_text(SETTINGS.format(versions=root / project.versions, url=url))
    (place / "pyproject.toml").write_text("[tool.db]\nallow_mixed_revisions = true\n")
    os.chdir(place)
    os.environ["DATABASE_URL"] = url
    result = asyncio.run(_findings(url))
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1))
    for finding in result["check"]:
        if finding["severity"] == "error":
            print(f"{finding['rule']}: {finding['revision'] or ''} {finding['message']}")
    for finding in result["round_trips"]:
        print(f"round-trip: {finding}")
    counts = Counter(finding["severity"] for finding in result["check"])
    print(f"{name}: {result['revisions']} revisions, {dict(counts)}, {result['seconds']} s")


async def _findings(url: str) -> dict[str, Any]:
    from alembic_neon.engine.url import DatabaseURL
    from alembic_neon.migration.configuration import alembic_config
    from alembic_neon.migration.lint import lint_revisions
    from alembic_neon.verification.history import History

    server, config = DatabaseURL.parse(url, "URL"), alembic_config()
    revisions = History.load(config).revisions
    started = time.monotonic()
    check = [asdict(each) for each in lint_revisions(config, revisions)]
    check += await _drift(server, config)
    checked = round(time.monotonic() - started)
    trips = [str(found) async for found in _round_trips(server, config)]
    return {
        "revisions": len(revisions),
        "check": check,
        "round_trips": trips,
        "seconds": {"check": checked, "all": round(time.monotonic() - started)},
    }


async def _drift(server: "DatabaseURL", config: "Config") -> list[dict[str, Any]]:
    """Compare models and migrations as `db check` does, on scratch databases of `server`."""
    from alembic_neon.branches import comparison
    from alembic_neon.errors import ToolkitError
    from alembic_neon.migration.runner.run import upgrade
    from alembic_neon.verification.databases import TestDatabases

    databases = TestDatabases(server)

    @asynccontextmanager
    async def scratch(*revisions: str) -> AsyncIterator["DatabaseURL"]:
        made = await databases.make()
        try:
            for revision in revisions:
                await upgrade(made, revision, config=config)
            yield made
        finally:
            await databases.remove(made)

    vars(comparison)["scratch_branch"] = scratch
    try:
        return [asdict(each) for each in await comparison.compare_all(config, server, None)]
    except ToolkitError as error:
        message = f"{error.message} {error.hint}"
        return [{"rule": "not-migrated", "severity": "error", "revision": None, "message": message}]


async def _round_trips(server: "DatabaseURL", config: "Config") -> AsyncIterator[Any]:
    from alembic_neon.errors import ToolkitError
    from alembic_neon.verification.round_trip import walk_history

    try:
        async for found in walk_history(server, config=config):
            if not found.ok:
                yield found
    except ToolkitError as error:
        yield f"stopped: {error.message}"


def main() -> None:
    """Install and check the projects that are named, by default all."""
    if sys.argv[1] == "--check":
        check_history(sys.argv[2], Path(sys.argv[3]), sys.argv[4])
        return
    folder, url = Path(sys.argv[1]).resolve(), sys.argv[2]
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[3:] or PROJECTS:
        python = install(name, folder)
        run(str(python), "-W", "ignore", __file__, "--check", name, str(folder), url)


if __name__ == "__main__":
    main()
