"""A small project for tests of the toolkit: models and revisions that a test writes."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent
from typing import Final

from alembic.config import Config
from alembic_neon.migration.configuration import alembic_config
from forked_runs import run_module
from rendering import ROOT

_ENVIRONMENT: Final = """
import runpy
from pathlib import Path

from alembic_neon.migration.environment import run_migrations

run_migrations(runpy.run_path(str(Path(__file__).parent / "models.py"))["metadata"])
"""
_NO_MODELS: Final = "from sqlalchemy import MetaData\n\nmetadata = MetaData()\n"

# The body of a revision that builds an index on the table `t` concurrently.
INDEX = (
    "with op.get_context().autocommit_block():\n"
    '    op.execute("CREATE INDEX CONCURRENTLY i ON t (v)")'
)


@dataclass(frozen=True)
class ScratchProject:
    """A folder with `alembic.ini`, models and revisions, around the toolkit where it lies."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, postgres_version: int = 18) -> "ScratchProject":
        """Write a project without a model and without a revision."""
        (folder / "migrations/versions").mkdir(parents=True)
        for name in ("alembic.ini", "migrations/script.py.mako"):
            source = name.replace("migrations", "{{ environment_folder }}")
            (folder / name).write_text((ROOT / "template" / source).read_text())
        (folder / "pyproject.toml").write_text(
            f'[project]\nname = "scratch"\n\n[tool.db]\npostgres_version = {postgres_version}\n\n'
            "[tool.ruff]\nline-length = 100\n"
        )
        (folder / "migrations/env.py").write_text(_ENVIRONMENT)
        project = cls(folder)
        project.models(_NO_MODELS)
        return project

    @property
    def versions(self) -> Path:
        """The folder of revision files."""
        return self.folder / "migrations/versions"

    @property
    def revision_files(self) -> list[Path]:
        """What lies in the folder of revision files, beside what Python compiled."""
        return [path for path in self.versions.iterdir() if path.name != "__pycache__"]

    @property
    def config(self) -> Config:
        """The project's Alembic configuration, read anew."""
        return alembic_config(self.folder)

    def models(self, text: str) -> None:
        """Replace the models; the text ends in a variable `metadata`."""
        (self.folder / "migrations/models.py").write_text(dedent(text))

    def revision(
        self,
        name: str,
        down: str | tuple[str, ...] | None = None,
        *,
        up: str = "pass",
        undo: str = "pass",
        extra: str = "",
    ) -> Path:
        """Write a revision whose id is its name, with the bodies of its two functions."""
        path = self.versions / f"2026_01_01_0000-{name}.py"
        path.write_text(
            f'"""{name} it is"""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
            f"revision = {name!r}\ndown_revision = {down!r}\n{extra}\n\n"
            f"def upgrade():\n{_body(up)}\n\ndef downgrade():\n{_body(undo)}"
        )
        return path

    def db(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run the command line in the project's folder."""
        return run_module("alembic_neon", *arguments, cwd=self.folder, **environment)


def _body(text: str) -> str:
    return indent(dedent(text).strip() + "\n", "    ")
