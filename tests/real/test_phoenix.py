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

    def db(self, *arguments: str) -> str:
        """Run a command of the toolkit; it must succeed."""
        return self.python("-m", "alembic_neon", *arguments)

    def python(self, *arguments: str) -> str:
        """Run Python in the project's environment; it must succeed."""
        python = self.folder / ".venv/bin/python"
        return check(python, *arguments, cwd=self.folder, PYTHONPATH="src")


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
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.migration.runner.run import downgrade, upgrade
from alembic_neon.verification.catalog import take_snapshot
from phoenix.db.migrate import migrate
from sqlalchemy import NullPool, make_url
from sqlalchemy.ext.asyncio import create_async_engine

ours, own = (DatabaseURL.parse(each) for each in sys.argv[1:])
own_url = make_url(sys.argv[2]).set(drivername="postgresql+asyncpg")
migrate(create_async_engine(own_url, poolclass=NullPool))
wanted = asyncio.run(take_snapshot(own))
steps, differs = [], []
for function, revision in (
    (upgrade, "head"), (downgrade, "-1"), (downgrade, "base"), (upgrade, "head")
):
    steps.append([step.revision for step in asyncio.run(function(ours, revision))])
    found = asyncio.run(take_snapshot(ours))
    differs.append([str(change) for change in found.difference(wanted)])
print(json.dumps({"steps": steps, "differs": differs}))
"""


def test_the_catalog_is_that_of_phoenixs_own_upgrade_also_after_a_way_down(
    project: Project,
) -> None:
    project.db("branch", "create", "own")
    ours, own = (project.db("branch", "url", name).strip() for name in ("main", "own"))
    said = json.loads(project.python("-c", PROGRAM, ours, own).splitlines()[-1])
    up, last, rest, again = said["steps"]
    assert len(up) == REVISIONS
    assert last + rest == up[::-1]
    assert again == up
    at_head, one_less, at_base, at_head_again = said["differs"]
    assert at_head == at_head_again == []
    assert one_less, "the comparison sees a revision less"
    assert len(at_base) > REVISIONS, "the comparison sees what is missing"
    assert json.loads(project.db("status", "--json", "-"))["pending"] == []
    project.db("stop")
