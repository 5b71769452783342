"""The workflows of a project: valid, pinned to commits, and with no more rights than needed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from rendering import ROOT, Template

AUDIT: Final = ("--offline", "--no-progress", "--persona=auditor")


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
    result = program("zizmor", *AUDIT, workflows.parent.parent)
    assert result.returncode == 0, result.stdout


def test_those_of_the_template_itself_are_valid_and_safe() -> None:
    own = sorted((ROOT / ".github/workflows").glob("*.yml"))
    result = program("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *own)
    assert result.returncode == 0, result.stdout
    result = program("zizmor", *AUDIT, *own)
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


COMMIT: Final = "c0ffee" + "0" * 34
REPORT: Final[dict[str, Any]] = {
    **dict.fromkeys(("files_hash", "catalog_before", "catalog_after", "server", "host"), "x"),
    **dict.fromkeys(("database", "role", "project", "commit", "parent_branch", "branch"), "main"),
    **{"base_revision": "a1", "target_revision": "b2", "provider": "local", "load": None},
    **{"started_at": "2026-01-01T00:00:00Z", "postgres_version": "18.4", "phases_ms": {}},
    **{each: [] for each in ("revisions", "not_tried", "relations", "findings", "changes")},
    "round_trip": {},
}
# Stands for GitHub's program: hands the artifact out, knows one pull request, keeps what is sent.
GH: Final = """#!{python}
import json, os, sys
from pathlib import Path
here, arguments = Path(__file__).parent, sys.argv[1:]
if arguments[:2] == ["run", "download"]:
    folder = Path(arguments[arguments.index("--dir") + 1])
    folder.mkdir(exist_ok=True)
    for name in ("plan.json", "pull-request"):
        (folder / name).write_bytes((here / name).read_bytes())
elif any(each.startswith("repos/shop/shop/pulls/") for each in arguments):
    number = arguments[1].rpartition("/")[2]
    print((here / f"pull-{{number}}").read_text())
elif "--paginate" in arguments:
    print((here / "comments").read_text(), end="")
else:
    body = Path(next(each for each in arguments if each.startswith("body=@"))[6:])
    target = arguments[3]
    (here / "sent").write_text(json.dumps([arguments[2], target, body.read_text()]))
"""


@pytest.fixture
def comment(workflows: Path, tmp_path: Path) -> Callable[..., list[str] | None]:
    """Run the steps of the comment's workflow; returns the method, the address and the body."""
    steps = yaml.safe_load((workflows / "migrations-comment.yml").read_text())["jobs"]["comment"][
        "steps"
    ]
    scripts = {step["name"]: step["run"] for step in steps if "name" in step}

    def run(number: str, head: str, *, fork: bool = False, comments: str = "") -> list[str] | None:
        programs = {
            "gh": GH.format(python=sys.executable),
            "uv": f'#!/bin/sh\nshift 3\nexec "{Path(sys.executable).with_name("db")}" "$@"\n',
        }
        for name, text in programs.items():
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o755)
        (tmp_path / "plan.json").write_text(json.dumps(REPORT))
        (tmp_path / "pull-request").write_text(number)
        (tmp_path / "pull-7").write_text(head)
        (tmp_path / "comments").write_text(comments)
        variables = {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "GH_REPO": "shop/shop",
            "RUN": "1",
            "COMMIT": COMMIT,
            "HEAD": "someone/shop",
            "FOLDER": str(tmp_path / "rehearsal"),
            "COMMENT": str(tmp_path / "rehearsal/comment.md"),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "FROM_FORK": "--unreviewed" if fork else "",
            "NUMBER": "7",
        }
        (tmp_path / "output").touch()
        for script in scripts.values():
            subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", script],
                cwd=workflows.parent.parent,
                env=variables,
                check=True,
                capture_output=True,
                stdin=subprocess.DEVNULL,
            )
            if (tmp_path / "output").read_text() != "number=7\n":
                return None
        sent: list[str] = json.loads((tmp_path / "sent").read_text())
        return sent

    return run


def test_the_comment_goes_to_the_pull_request_of_the_run(
    comment: Callable[..., list[str] | None],
) -> None:
    sent = comment("7\n", f"{COMMIT} someone/shop open")
    assert sent is not None
    assert sent[:2] == ["POST", "repos/shop/shop/issues/7/comments"]
    assert sent[2].startswith("<!-- db rehearse -->\n## ✅ Safe: no errors or warnings\n")


def test_a_later_run_replaces_the_comment(comment: Callable[..., list[str] | None]) -> None:
    sent = comment("7", f"{COMMIT} someone/shop open", comments="42\n43\n")
    assert sent is not None
    assert sent[:2] == ["PATCH", "repos/shop/shop/issues/comments/42"]


def test_a_fork_gives_itself_no_verdict(comment: Callable[..., list[str] | None]) -> None:
    sent = comment("7", f"{COMMIT} someone/shop open", fork=True)
    assert sent is not None
    assert sent[2].startswith("<!-- db rehearse -->\n## Not verified")


@pytest.mark.parametrize(
    "head", [f"{COMMIT} shop/shop open", f"{'0' * 40} someone/shop open", f"{COMMIT} x closed"]
)
def test_a_run_cannot_name_the_pull_request_of_another(
    comment: Callable[..., list[str] | None], head: str
) -> None:
    assert comment("7", head) is None
