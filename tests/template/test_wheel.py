"""The wheel, built from a clone, in a project that has nothing else of the template."""

import json
import os
import sys
import zipfile
from pathlib import Path

import pytest
from rendering import ROOT, check, run, uv

# What Alembic's own `init` writes, but for three lines of env.py.
ENVIRONMENT = """
from alembic_neon.migration.environment import run_migrations
from models import Base

run_migrations(Base)
"""
MODELS = """
from datetime import datetime

from alembic_neon import NAMING_CONVENTION
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    written_at: Mapped[datetime | None]
"""

pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the toolkit's folder."""
    folder = tmp_path_factory.mktemp("wheel")
    check(
        uv(),
        "build",
        "--quiet",
        "--wheel",
        "--out-dir",
        folder,
        ROOT / "template/toolkit",
        cwd=ROOT,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    folders = {name.partition("/")[0] for name in names}
    assert {folder.partition("-")[0] for folder in folders} == {"alembic_neon"}
    source = ROOT / "template/toolkit/src"
    shipped = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped <= set(names)


def test_a_project_that_alembic_made_is_migrated_with_it(wheel: Path, tmp_path: Path) -> None:
    project = tmp_path / "notes"
    project.mkdir()
    python = project / ".venv/bin/python"
    check(uv(), "venv", "--quiet", "--python", sys.executable, ".venv", cwd=project)
    installed = f"{wheel}[embedded,lint,test]"
    check(uv(), "pip", "install", "--quiet", "--python", python, installed, cwd=project)
    check(python, "-m", "alembic", "init", "migrations", cwd=project)
    (project / "migrations/env.py").write_text(ENVIRONMENT)
    (project / "models.py").write_text(MODELS)
    path = {"PATH": f"{python.parent}:{os.environ['PATH']}"}

    def db(*arguments: str) -> str:
        return check(python.with_name("db"), *arguments, cwd=project, **path)

    try:
        db("revision", "-m", "create notes")
        db("upgrade")
        assert json.loads(db("status", "--json", "-"))["pending"] == []
        db("check")
        assert " passed" in db("test", "-q")
        db("downgrade", "base")
    finally:
        run(python.with_name("db"), "stop", cwd=project, **path)
