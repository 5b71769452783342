# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "prefect==3.9.1",
#   "alembic-postgresql-enum>=1.11,<2",
#   "psutil>=7,<8",
#   "pydantic-settings>=2.16,<3",
#   "rich>=15,<16",
#   "sqlparse>=0.5.5,<0.7",
#   "tenacity>=9.1,<10",
# ]
# ///
"""Prefect's history, run by the toolkit and by Prefect: `uv run tests/real/prefect_upgrade.py URL`.

It compares the two catalogs. The URL is that of a server on which the role may make databases and
the extension pg_trgm, which Prefect's migrations need and the embedded server does not have; so it
is no test. The databases are `prefect_ours` and `prefect_own`; they are dropped first.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent.parent
TEMPLATE: Final = TESTS.parent / "template"
TOOLKIT: Final = TEMPLATE / "toolkit/src"
sys.path[:0] = [str(TESTS), str(TOOLKIT)]

ENVIRONMENT: Final = """
from alembic_neon.migration.environment import run_migrations
from prefect.server.database.orm_models import Base

run_migrations(Base.metadata)
"""


def main(given: str) -> None:
    """Upgrade twice, and print what differs."""
    from alembic_neon.engine.url import DatabaseURL
    from alembic_neon.verification.catalog import take_snapshot
    from queries import first_column

    server = DatabaseURL.parse(given)
    ours, own = (server.with_database(name) for name in ("prefect_ours", "prefect_own"))
    for url in (ours, own):
        asyncio.run(execute_alone(server, f"DROP DATABASE IF EXISTS {url.database}"))
        asyncio.run(execute_alone(server, f"CREATE DATABASE {url.database}"))
    folder = Path(str(import_module("prefect.server.database").__file__)).parent
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch)
        (project / "migrations").mkdir()
        versions = folder / "_migrations/versions/postgresql"
        ini = (TEMPLATE / "alembic.ini").read_text()
        ini = ini.replace("[alembic]", f"[alembic]\nversion_locations = {versions}", 1)
        (project / "alembic.ini").write_text(ini)
        (project / "pyproject.toml").write_text("[tool.db]\nallow_mixed_revisions = true\n")
        (project / "migrations/env.py").write_text(ENVIRONMENT)
        timed("db upgrade", project, "-m", "alembic_neon", "upgrade", DATABASE_URL=ours.render())
        connection = own.sqlalchemy.render_as_string(hide_password=False)
        timed(
            "prefect server database upgrade",
            project,
            *("-m", "prefect", "server", "database", "upgrade", "-y"),
            PREFECT_API_DATABASE_CONNECTION_URL=connection,
            PREFECT_HOME=scratch,
        )
        os.chdir(project)
        versions_sql = "SELECT version_num FROM alembic_version"
        for url in (ours, own):
            print(url.database, "is at", *asyncio.run(first_column(url, versions_sql)))
        difference = asyncio.run(take_snapshot(ours)).difference(asyncio.run(take_snapshot(own)))
    print(f"{len(difference)} differences between the catalogs")
    print(*difference, sep="\n")
    sys.exit(bool(difference))


def timed(title: str, project: Path, *arguments: str, **environment: str) -> None:
    """Run a program to its good end."""
    started = time.monotonic()
    settings = os.environ | {"PYTHONPATH": str(TOOLKIT)} | environment
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env=settings,
        text=True,
        capture_output=True,
        check=False,
    )
    print(f"{title}: exit code {result.returncode}, {time.monotonic() - started:.1f} s")
    if result.returncode != 0:
        sys.exit(result.stderr[-3000:])


async def execute_alone(server: object, statement: str) -> None:
    """Run a statement outside a transaction."""
    from alembic_neon.engine.factory import create_migration_engine
    from alembic_neon.engine.url import DatabaseURL

    assert isinstance(server, DatabaseURL)
    engine = create_migration_engine(server)
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql(statement)
    await engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1])
