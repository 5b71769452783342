"""Every profile of answers that matters, installed and put through its own checks.

Of five, any two of the first four questions meet in all combinations.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from rendering import ROOT, Template, check, run, run_mypy, uv

PROFILES = {
    "sqlmodel-fastapi-github-18": ("sqlmodel", "fastapi", "github", 18, True, "folder"),
    "sqlmodel-none-none-16": ("sqlmodel", "none", "none", 16, False, "folder"),
    "sqlalchemy-fastapi-none-16": ("sqlalchemy", "fastapi", "none", 16, False, "package"),
    "sqlalchemy-none-github-16": ("sqlalchemy", "none", "github", 16, True, "package"),
    "sqlalchemy-none-none-18": ("sqlalchemy", "none", "none", 18, True, "folder"),
}


@dataclass(frozen=True)
class Project:
    """An installed project."""

    folder: Path
    has_sample: bool

    def uv_run(self, *command: str) -> str:
        """Run a command in the project's environment; it must succeed."""
        return check(uv(), "run", "--no-sync", *command, cwd=self.folder)

    def refused(self, *command: str) -> str:
        """Run a command that must end with 2, and return its error."""
        result = run(uv(), "run", "--no-sync", *command, cwd=self.folder)
        assert result.returncode == 2, result.stdout + result.stderr
        return result.stderr


# A group is run by one worker: a project is installed, and its server started, once.
GROUPS = [
    pytest.param(answers, id=name, marks=pytest.mark.xdist_group(f"profiles-{number % 2}"))
    for number, (name, answers) in enumerate(PROFILES.items())
]


@pytest.fixture(scope="module", params=GROUPS)
def project(
    request: pytest.FixtureRequest, template: Template, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """A project of one profile; all tests of the profile share it."""
    names = ("model_style", "web_framework", "ci", "postgres_version", "sample", "toolkit")
    folder = tmp_path_factory.mktemp("profile") / "my-app"
    template.render(folder, **dict(zip(names, request.param, strict=True)))
    check(uv(), "sync", "--quiet", "--python", sys.executable, cwd=folder)
    project = Project(folder, has_sample=request.param[4])
    yield project
    project.uv_run("db", "stop")


def test_it_is_clean_under_its_own_lint_and_format(project: Project) -> None:
    project.uv_run("ruff", "check")
    project.uv_run("ruff", "format", "--check")


def test_no_package_may_be_called_like_one_that_it_depends_on(project: Project) -> None:
    (installed,) = project.folder.glob(".venv/lib/python*/site-packages")
    modules = {path.name.partition(".")[0] for path in installed.iterdir()}
    names = {name for name in modules if re.fullmatch(r"[a-z][a-z0-9_]*", name)}
    reserved = yaml.safe_load((ROOT / "copier.yml").read_text())["dependency_names"]["default"]
    assert names <= set(reserved.split())


def test_it_passes_its_own_strict_type_check(project: Project) -> None:
    run_mypy(project.folder)


def test_its_own_tests_pass(project: Project) -> None:
    assert " passed" in project.uv_run("pytest", "-q")


def test_its_database_goes_up_down_and_up(project: Project) -> None:
    for command, is_upgrade in (("upgrade", True), ("downgrade", False), ("upgrade", True)):
        revision = ["base"] if command == "downgrade" else []
        steps = json.loads(project.uv_run("db", command, *revision, "--json", "-"))
        assert [step["is_upgrade"] for step in steps] == [is_upgrade] * project.has_sample
    status = json.loads(project.uv_run("db", "status", "--json", "-"))
    assert status["pending"] == []
    assert status["current"] == status["heads"]


def test_its_first_revision_is_what_the_toolkit_writes(project: Project) -> None:
    """Without the sample's revision, autogenerate writes the same one again."""
    versions = project.folder / "migrations" / "versions"
    shipped = {path: path.read_text() for path in versions.glob("*.py")}
    assert len(shipped) == project.has_sample
    for path in shipped:
        path.unlink()
    if not project.has_sample:
        assert "has no table" in project.refused("db", "revision", "-m", "nothing")
        return
    try:
        project.uv_run("db", "revision", "-m", "create users and tasks")
        (written,) = versions.glob("*.py")
        assert _body(written.read_text()) == _body(*shipped.values())
        written.unlink()
    finally:
        for path, text in shipped.items():
            path.write_text(text)


def _body(text: str) -> str:
    return text.partition("def upgrade")[2]


def test_a_second_revision_without_a_change_is_not_written(project: Project) -> None:
    if project.has_sample:
        project.uv_run("db", "revision", "-m", "nothing")
    written = list((project.folder / "migrations" / "versions").glob("*.py"))
    assert len(written) == project.has_sample
