"""The repository itself: linted, typed, and free of what belongs to one machine or one registry."""

import re
import subprocess
import sys

import pytest
from rendering import QUESTIONS, ROOT, check

TRACKED = check(
    "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT
).split("\0")
TEXTS = {
    name: (ROOT / name).read_text()
    for name in filter(None, TRACKED)
    if (ROOT / name).is_file() and not name.endswith(".png")
}


@pytest.mark.parametrize(
    "command",
    # mypy beside what it knows of the projects, which have other settings.
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "--cache-dir", ".mypy_cache"]],
    ids=["lint", "format", "types"],
)
def test_it_is_clean(command: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "pattern",
    [r"files\.pythonhosted\.org", r"pypi\.org/simple", r"registry\.npmjs", r"(?<![\w.])/root/"],
)
def test_no_file_names_a_registry_or_a_folder_of_a_machine(pattern: str) -> None:
    here = "tests/test_repository.py"
    assert [name for name, text in TEXTS.items() if re.search(pattern, text) and name != here] == []


def test_there_is_no_lock_file() -> None:
    assert not [name for name in TEXTS if name.endswith(("uv.lock", "requirements.txt"))]


def test_the_readme_names_every_question_and_only_those() -> None:
    section = TEXTS["README.md"].partition("## Questions")[2].partition("\n## ")[0]
    asked = {name for name, question in QUESTIONS.items() if question.get("ask", True)}
    assert set(re.findall(r"^\| `(\w+)`[ *+]* \|", section, re.MULTILINE)) == asked


def test_every_link_between_files_leads_somewhere() -> None:
    for name, text in TEXTS.items():
        if name.endswith(".md"):
            for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
                assert ((ROOT / name).parent / target).exists(), f"{name} links to {target}"
