"""The workflows of a project: valid, pinned to commits, and with no more rights than needed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from rendering import ROOT, Template


@pytest.fixture(scope="module")
def workflows(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a rendered project's workflows."""
    project = template.render(tmp_path_factory.mktemp("workflows") / "project", ci="github")
    return project / ".github/workflows"


def program(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment that runs these tests."""
    path = Path(sys.executable).with_name(name)
    return subprocess.run(
        [path, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_they_are_valid(workflows: Path) -> None:
    schema = ("--builtin-schema", "vendor.github-workflows")
    result = program("check-jsonschema", *schema, *sorted(workflows.glob("*.yml")))
    assert result.returncode == 0, result.stdout


def test_they_are_safe(workflows: Path) -> None:
    result = program("zizmor", "--offline", "--no-progress", workflows.parent.parent)
    assert result.returncode == 0, result.stdout


def test_those_of_the_template_itself_are_valid_and_safe() -> None:
    own = sorted((ROOT / ".github/workflows").glob("*.yml"))
    result = program("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *own)
    assert result.returncode == 0, result.stdout
    result = program("zizmor", "--offline", "--no-progress", *own)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("schema", "pattern"), [("forms", "[!c]*.yml"), ("config", "config.yml")])
def test_the_forms_for_issues_are_valid(schema: str, pattern: str) -> None:
    forms = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob(pattern))
    assert forms
    result = program(
        "check-jsonschema", "--builtin-schema", f"vendor.github-issue-{schema}", *forms
    )
    assert result.returncode == 0, result.stdout


def test_every_action_is_pinned_to_a_commit(workflows: Path) -> None:
    used = [
        line.strip()
        for folder in (workflows, ROOT / ".github/workflows")
        for path in folder.glob("*.yml")
        for line in path.read_text().splitlines()
        if "uses:" in line
    ]
    assert used
    pinned = re.compile(r"-? ?uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [line for line in used if not pinned.fullmatch(line)] == []
