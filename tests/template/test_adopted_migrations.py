"""Adopted projects are migrated to the end by the commands that their pages name."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from adopting import (
    DECLARATIVE,
    adopt,
    copy_and_read_message,
    new_files,
)
from existing_projects import ExistingProject, bare_project, declarative_project, fastapi_project
from page_commands import blocks
from rendering import ROOT, Template, check, commit_all, run, uv


class Adopted:
    """An adopted project, and how its toolkit is called."""

    def __init__(self, project: ExistingProject, *command: str, **environment: str) -> None:
        self.project = project
        self.command = command
        self.environment = environment

    def db(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the toolkit's."""
        return run(*self.command, *arguments, cwd=self.project.folder, **self.environment)

    def good(self, *arguments: str) -> str:
        """Run a command of the toolkit's that must succeed, and return its output."""
        result = self.db(*arguments)
        assert result.returncode == 0, f"{arguments}:\n{result.stdout}\n{result.stderr}"
        return result.stdout


@pytest.mark.xdist_group("adopted")
def test_a_fastapi_project_is_migrated_after_four_commands(
    adoptable: Template, tmp_path: Path
) -> None:
    """Copier, the two that it tells, and the upgrade: each is run as a user types it."""
    project = fastapi_project(tmp_path / "shop")
    check(uv(), "sync", "--quiet", "--python", sys.executable, cwd=project.folder)
    project.write({".gitignore": ".venv\n__pycache__\n.pytest_cache\nuv.lock\n"})
    commit_all(project.folder, "Sync")
    message = copy_and_read_message(adoptable, project)
    new_files(project)
    page = blocks((ROOT / "docs/adopting.md").read_text())
    copy, *others = page[:4]
    assert copy == "uvx copier copy TEMPLATE ."
    shown_lines = [line.strip() for line in message.splitlines() if line.startswith("    ")]
    for shown in others:
        start = shown.removeprefix("uv run ").partition("...")[0]
        typed = next(line for line in shown_lines if line.removeprefix("uv run ").startswith(start))
        assert typed.startswith("uv ")
        check(uv(), *shlex.split(typed)[1:], cwd=project.folder)
    changed = check("git", "diff", "--name-only", cwd=project.folder).split()
    assert changed == ["pyproject.toml"]  # by uv add, as the user asked
    assert any("db check" in command for command in page[4:8])
    for command in page[4:8]:
        check(uv(), *shlex.split(command)[1:], cwd=project.folder)

    adopted = Adopted(project, uv(), "run", "--no-sync", "db")
    try:
        status = json.loads(adopted.good("status", "--json", "-"))
        assert status["current"] == status["heads"] == ["9c0a54914c78"]
        model = project.folder / "app/models.py"
        model.write_text(
            model.read_text().replace("True\n", "True\n    nick: str | None = None\n", 1)
        )
        adopted.good("revision", "-m", "add nick")
        (written,) = (project.folder / "alembic/versions").glob("*_add_nick.py")
        assert "'9c0a54914c78'" in written.read_text().replace('"', "'")
        adopted.good("rehearse")
        adopted.good("upgrade")
        adopted.good("check")
        tested = adopted.good("test", "-q")
        assert re.search(r"\b8 passed", tested), tested  # five of the history, 3 revisions
        ours = check("git", "status", "--porcelain", "--untracked-files=all", cwd=project.folder)
        assert ".neon-local" not in ours
    finally:
        adopted.db("stop")


@pytest.mark.xdist_group("adopted")
def test_two_bases_and_a_schema_are_migrated_to_the_end(
    adoptable: Template, tmp_path: Path
) -> None:
    project = declarative_project(tmp_path / "store")
    adopt(adoptable, project, **DECLARATIVE)
    adopted = Adopted(project, sys.executable, "-m", "alembic_neon")
    try:
        adopted.good("upgrade")
        status = json.loads(adopted.good("status", "--json", "-"))
        assert status["current"] == status["heads"] == ["b51f7a9d1c02"]
        adopted.good("check")
        adopted.good("downgrade", "base")
        adopted.good("rehearse")
    finally:
        adopted.db("stop")


@pytest.mark.xdist_group("adopted")
def test_a_project_without_alembic_gets_its_first_revision(
    adoptable: Template, tmp_path: Path
) -> None:
    project = bare_project(tmp_path / "notes")
    adopt(adoptable, project)
    adopted = Adopted(project, sys.executable, "-m", "alembic_neon")
    try:
        adopted.good("revision", "-m", "create notes")
        adopted.good("upgrade")
        adopted.good("check")
    finally:
        adopted.db("stop")
