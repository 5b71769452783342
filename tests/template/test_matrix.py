"""A project on the oldest and the newest versions that its bounds allow, on each Python.

Each cell installs a project with nothing cached of its environment and runs all of its tests, so
they are left out by default: `uv run pytest -m matrix -n 2`. What is cheap runs always.
"""

import os
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rendering import ROOT, Template, check, run, uv

PYTHONS = ("3.11", "3.12", "3.13")
RESOLUTIONS = ("lowest-direct", "highest")
TOOLKIT = "alembic-neon"
# The root has these bounds for what a project takes through FastAPI.
NOT_IN_ROOT = {"fastapi"}


def requirements(path: Path) -> dict[str, Requirement]:
    """Return what a `pyproject.toml` asks for, in all of its groups and extras, by name."""
    document = tomllib.loads(path.read_text())
    project = document["project"]
    lists = [
        project.get("dependencies", []),
        *project.get("optional-dependencies", {}).values(),
        *document.get("dependency-groups", {}).values(),
    ]
    found = [Requirement(line) for each in lists for line in each]
    named = {canonicalize_name(requirement.name): requirement for requirement in found}
    return {name: requirement for name, requirement in named.items() if name != TOOLKIT}


def all_requirements(project: Path) -> dict[str, Requirement]:
    """Return what a project and the toolkit in it ask for."""
    return requirements(project / "toolkit/pyproject.toml") | requirements(
        project / "pyproject.toml"
    )


@pytest.fixture(scope="module")
def project(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has every dependency that a profile can have."""
    return template.render(tmp_path_factory.mktemp("bounds") / "my-app")


def test_the_bounds_are_the_same_here_and_in_a_project(project: Path) -> None:
    here = requirements(ROOT / "pyproject.toml")
    theirs = requirements(project / "pyproject.toml")
    assert {name for name in theirs if name not in here} == NOT_IN_ROOT
    both = {name for name in theirs if name in here}
    assert {name: str(theirs[name]) for name in both} == {name: str(here[name]) for name in both}


def test_every_dependency_has_both_bounds(project: Path) -> None:
    for requirement in all_requirements(project).values():
        operators = {specifier.operator for specifier in requirement.specifier}
        assert operators == {">=", "<"}, f"{requirement} lacks a bound"


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lower_bounds_can_be_met_together(project: Path, python: str) -> None:
    """Resolved only: whether the code runs on those versions is what the cells below tell."""
    resolved = check(
        *(uv(), "pip", "compile", "--quiet", "--no-header", "--no-annotate"),
        *("--resolution", "lowest-direct", "--python-version", python),
        *("--all-extras", "--group", "dev", "pyproject.toml", "toolkit/pyproject.toml"),
        cwd=project,
    )
    pinned = dict(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", resolved, re.MULTILINE))
    for name, requirement in all_requirements(project).items():
        assert pinned[name] in requirement.specifier, f"{name} {pinned[name]}: {requirement}"


@pytest.mark.matrix
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_its_own_tests_pass(
    template: Template, tmp_path: Path, python: str, resolution: str
) -> None:
    found = run(uv(), "python", "find", "--no-python-downloads", python, cwd=tmp_path)
    if found.returncode != 0:
        assert not os.environ.get("CI"), f"CI must have Python {python}"
        pytest.skip(f"this machine has no Python {python}")
    folder = template.render(tmp_path / "my-app")
    options = ("--quiet", "--all-extras", "--python", found.stdout.strip())
    check(uv(), "sync", "--resolution", resolution, *options, cwd=folder)
    try:
        versions = check(uv(), "run", "--no-sync", "python", "-V", cwd=folder)
        assert f"Python {python}." in versions
        assert " passed" in check(uv(), "run", "--no-sync", "pytest", "-q", cwd=folder)
        check(uv(), "run", "--no-sync", "db", "upgrade", cwd=folder)
    finally:
        run(uv(), "run", "--no-sync", "db", "stop", cwd=folder)
