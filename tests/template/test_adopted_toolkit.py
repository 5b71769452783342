"""The toolkit of an adopted project: updates keep what is the user's, workflows find it."""

import re
import shlex
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import copier
import pytest
import yaml
from adopting import (
    DECLARATIVE,
    FIRST,
    LATER,
    SECOND,
    TOOLKIT,
    adopt,
    copy_and_read_message,
    stored,
    update,
)
from existing_projects import ExistingProject, bare_project, declarative_project, fastapi_project
from rendering import ROOT, Template, check, commit_all, files


@pytest.mark.parametrize("make", [fastapi_project, declarative_project, bare_project])
def test_an_update_keeps_the_answers_and_the_users_files(
    adoptable: Template, tmp_path: Path, make: Callable[[Path], ExistingProject]
) -> None:
    project = make(tmp_path / "mine")
    found = adopt(adoptable, project, **(DECLARATIVE if make is declarative_project else {}))
    settings = project.folder / "db.toml"
    settings.write_text(settings.read_text() + "\n[tool.db.rehearsal]\nmax_lock_ms = 200\n")
    commit_all(project.folder, "Adopt")
    update(project, FIRST)
    assert project.status() == []
    update(project, SECOND)
    assert {line[3:] for line in project.status()} == {
        ".copier-answers.yml",
        "db.toml",
        LATER,
    }
    assert settings.read_text().startswith("# The settings of")
    assert "max_lock_ms = 200" in settings.read_text()
    assert stored(project) == found
    commit_all(project.folder, "Update")
    copier.run_recopy(project.folder, defaults=True, overwrite=True, quiet=True, vcs_ref=SECOND)
    assert {line[3:] for line in project.status()} <= {"db.toml"}


@pytest.mark.parametrize("toolkit", ["folder", "package"])
@pytest.mark.parametrize(
    ("lock", "command", "run"),
    [
        ("uv.lock", "uv add", "uv run db "),
        ("../uv.lock", "uv add", "uv run db "),
        ("poetry.lock", "poetry add", "poetry run db "),
        ("", "pip install", "db "),
    ],
)
def test_one_line_adds_the_toolkit(
    template: Template, tmp_path: Path, toolkit: str, lock: str, command: str, run: str
) -> None:
    project = fastapi_project(tmp_path / "shop")
    if lock:
        project.write({lock: ""})
    message = copy_and_read_message(template, project, "-d", f"toolkit={toolkit}")
    lines = [line.strip() for line in message.splitlines() if line.startswith("    ")]
    assert [line for line in lines if line.startswith(run)] == [
        f"{run}status",
        f"{run}upgrade",
        f"{run}test",
    ]
    added, *in_pyproject = (line for line in lines if not line.startswith(run))
    requirement = shlex.split(added)[-1]
    if toolkit == "folder" and lock == "poetry.lock":
        requirement = in_pyproject[-1]
        settings = tomllib.loads(requirement)
        assert settings["alembic-neon"]["path"] == "toolkit"
    else:
        assert added.startswith(command)
        assert in_pyproject == []
    if toolkit == "folder" and lock != "poetry.lock":
        assert requirement == "./toolkit[embedded,lint,test]"
    elif toolkit == "package":
        commit = check("git", "rev-parse", "HEAD", cwd=template.folder).strip()
        assert requirement == (
            f"alembic-neon[embedded,lint,test] @ git+file://{template.folder}@{commit}"
            "#subdirectory=template/toolkit"
        )
    assert requirement in (project.folder / "db_environment/README.md").read_text()


def test_workflows_run_the_toolkit_where_it_is(adoptable: Template, tmp_path: Path) -> None:
    project = fastapi_project(tmp_path / "shop")
    adopt(adoptable, project, ci="github")
    folder = project.folder / ".github/workflows"
    names = ["migrations-comment.yml", "migrations.yml", "promote.yml"]
    assert sorted(path.name for path in folder.iterdir()) == names
    text = "".join(path.read_text() for path in folder.iterdir())
    assert "uv run --locked db rehearse" in text
    promote = yaml.safe_load((folder / "promote.yml").read_text())
    assert promote[True]["push"]["paths"] == ["alembic/versions/**"]
    schema = ("--builtin-schema", "vendor.github-workflows")
    program = str(Path(sys.executable).with_name("check-jsonschema"))
    check(program, *schema, *folder.iterdir(), cwd=project.folder)


def test_the_toolkit_is_checked_alike_everywhere() -> None:
    settings = tomllib.loads((ROOT / TOOLKIT / "pyproject.toml").read_text())["tool"]["ruff"]
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]
    assert settings["line-length"] == ours["line-length"]
    assert settings["lint"]["select"] == ours["lint"]["select"]


@pytest.mark.parametrize("make", [fastapi_project, declarative_project, bare_project])
def test_what_is_rendered_is_clean_under_the_rules_of_a_user_who_has_none(
    adoptable: Template, tmp_path: Path, make: Callable[[Path], ExistingProject]
) -> None:
    project = make(tmp_path / "mine")
    adopt(adoptable, project, **(DECLARATIVE if make is declarative_project else {}))
    ours = [line[3:] for line in project.status() if line.endswith(".py")]
    check(sys.executable, "-m", "ruff", "check", *ours, cwd=project.folder)
    check(sys.executable, "-m", "ruff", "format", "--check", *ours, cwd=project.folder)
    for path, text in files(project.folder).items():
        if path.endswith((".md", ".toml", "env.py")) and not path.startswith("pyproject"):
            assert not re.search(r"[ \t]+$|\n\n\n\n", text, re.MULTILINE), path
            assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), path
