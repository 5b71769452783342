"""A history that nobody here wrote: Arize Phoenix's migrations, run by the toolkit's environment.

Its PostgreSQL migrations are made for asyncpg. They are installed from PyPI, into an environment of
their own, as Phoenix brings a hundred packages.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from rendering import Template, check, uv

PHOENIX = "arize-phoenix==20.26.1"
REVISIONS = 35

pytestmark = pytest.mark.xdist_group("phoenix")


@dataclass(frozen=True)
class Project:
    """A project whose models and revisions are Phoenix's."""

    folder: Path

    def db(self, *arguments: str, **environment: str) -> str:
        """Run a command of the toolkit; it must succeed."""
        python = self.folder / ".venv/bin/python"
        return check(
            python, "-m", "my_app.db", *arguments, cwd=self.folder, PYTHONPATH="src", **environment
        )

    def python(self, code: str, *arguments: str) -> str:
        """Run a program in the project's environment; it must succeed."""
        python = self.folder / ".venv/bin/python"
        return check(python, "-c", code, *arguments, cwd=self.folder, PYTHONPATH="src")


@pytest.fixture(scope="module")
def project(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A rendered project with its own models and revisions replaced by Phoenix's."""
    folder = template.render(tmp_path_factory.mktemp("phoenix") / "my-app", web_framework="none")
    check(uv(), "sync", "--quiet", "--python", sys.executable, cwd=folder)
    check(uv(), "pip", "install", "--quiet", PHOENIX, cwd=folder)
    (versions,) = folder.glob(".venv/lib/python*/site-packages/phoenix/db/migrations/versions")
    settings = (folder / "alembic.ini").read_text()
    locations = f"[alembic]\nversion_locations = {versions}"
    (folder / "alembic.ini").write_text(settings.replace("[alembic]", locations, 1))
    environment = (folder / "migrations/env.py").read_text()
    environment = environment.replace("from my_app.models import", "from phoenix.db.models import")
    environment = environment.replace("import metadata", "import Base")
    (folder / "migrations/env.py").write_text(
        environment.replace("run_migrations(metadata)", "run_migrations(Base.metadata)")
    )
    return Project(folder)


# One program, as Phoenix takes a while to import.
PROGRAM = """
import asyncio, json, sys
from my_app.db.connection.url import DatabaseURL
from my_app.db.migration.runner import downgrade, upgrade
from my_app.db.verification.catalog import take_snapshot
from phoenix.db.migrate import migrate
from sqlalchemy import NullPool, make_url
from sqlalchemy.ext.asyncio import create_async_engine

ours, own = (DatabaseURL.parse(each) for each in sys.argv[1:])

def difference():
    first, second = (asyncio.run(take_snapshot(each)) for each in (ours, own))
    return [str(change) for change in first.difference(second)]

def revisions(steps):
    return [step.revision for step in steps]

said = {"up": revisions(asyncio.run(upgrade(ours)))}
url = make_url(sys.argv[2]).set(drivername="postgresql+asyncpg")
migrate(create_async_engine(url, poolclass=NullPool))
said["differs"] = [difference()]
said["down"] = revisions(asyncio.run(downgrade(ours, "base")))
said["differs"].append(difference())
said["again"] = revisions(asyncio.run(upgrade(ours)))
said["differs"].append(difference())
print(json.dumps(said))
"""


def test_the_catalog_is_that_of_phoenixs_own_upgrade_also_after_a_way_down(
    project: Project,
) -> None:
    project.db("branch", "create", "own")
    ours, own = (project.db("branch", "url", name).strip() for name in ("main", "own"))
    said = json.loads(project.python(PROGRAM, ours, own).splitlines()[-1])
    assert len(said["up"]) == REVISIONS
    assert said["down"] == said["up"][::-1]
    assert said["again"] == said["up"]
    at_head, at_base, at_head_again = said["differs"]
    assert at_head == at_head_again == []
    assert len(at_base) > REVISIONS, "the comparison sees what is missing"
    project.db("stop")
