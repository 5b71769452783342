"""Projects that adopted the toolkit before it was a package: what an update makes of them."""

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from existing_projects import ExistingProject, bare_project, declarative_project, fastapi_project
from forked_runs import check_module
from lived_in import replace
from releases import PRESENT, Release
from rendering import ROOT, Template, check, commit_all, files, run
from updating import changed, stored_answers, unmerged, update

# The last commit that adopted by a folder in the package; no release did.
ADOPTING: Final = Release("0.2.9", "bd7e7ce6de7f37a7b173354b41f4d87f1bfaef10", date(2026, 11, 27))
SHIM: Final = ROOT / "template/{{ former_toolkit }}"
DECLARATIVE: Final = {
    "metadata": "store.sales:Base, store.stock:Base",
    "version_table_schema": "ops",
}
CASES: Final[list[tuple[Callable[[Path], ExistingProject], dict[str, Any]]]] = [
    (fastapi_project, {"toolkit_path": "app/db"}),
    (fastapi_project, {"toolkit_path": "app/neon/db", "ci": "github"}),
    (declarative_project, DECLARATIVE | {"toolkit_path": "src/store/db"}),
    (bare_project, {"toolkit_path": "notes/db"}),
]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template as it adopted then, and the present one."""
    folder = tmp_path_factory.mktemp("both")
    ADOPTING.extract(folder)
    template = Template(folder)
    template.release(ADOPTING.tag)
    check("git", "rm", "-r", "--quiet", ".", cwd=folder)
    Template.of_working_tree(folder).release(PRESENT)
    return template


def adopt(template: Template, project: ExistingProject, **answers: Any) -> None:
    """Bring the toolkit in as it was then, import it in a file of the user's, edit settings."""
    options = [part for name, value in answers.items() for part in ("-d", f"{name}={value}")]
    command = ("copier", "copy", "--defaults", "--vcs-ref", ADOPTING.tag, *options)
    check_module(*command, str(template.folder), ".", cwd=project.folder)
    settings = project.folder / "db.toml"
    settings.write_text(settings.read_text() + "\n[tool.db.rehearsal]\nmax_lock_ms = 200\n")
    toolkit = answers["toolkit_path"].removeprefix("src/").replace("/", ".")
    project.write({"jobs.py": f"from {toolkit} import session_scope, ToolkitError\n"})
    commit_all(project.folder, "Adopt")


@pytest.mark.parametrize(("make", "answers"), CASES)
def test_the_toolkit_moves_and_nothing_of_the_users_changes(
    both: Template,
    tmp_path: Path,
    make: Callable[[Path], ExistingProject],
    answers: dict[str, Any],
) -> None:
    project = make(tmp_path / "mine")
    adopt(both, project, **answers)
    before = files(project.folder)
    update(project.folder)
    assert unmerged(project.folder) == ""
    former = answers["toolkit_path"]
    now = files(project.folder)
    assert files(project.folder / former) == files(SHIM)
    assert not (project.folder / "tests/migrations").exists()
    assert "max_lock_ms = 200" in now["db.toml"]
    templates = (f"{former}/", "toolkit/", "tests/migrations/", ".copier-answers.yml", "db.toml")
    environment = ("db_environment/", "migrations/", ".github/workflows/")
    differing = {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}
    assert [path for path in differing if not path.startswith((*templates, *environment))] == []
    found = stored_answers(project.folder)
    assert found["former_toolkit"] == former
    assert "toolkit_path" not in found
    commit_all(project.folder, "Update")
    update(project.folder)
    assert changed(project.folder) == ""


@pytest.mark.xdist_group("adopted")
def test_it_migrates_by_its_old_command_and_the_message_says_what_to_add(
    both: Template, tmp_path: Path
) -> None:
    project = fastapi_project(tmp_path / "shop")
    adopt(both, project, toolkit_path="app/db")
    message = check_module("copier", "update", "--defaults", cwd=project.folder).stderr
    assert "add the dependency, as db_environment/README.md shows it" in message
    readme = (project.folder / "db_environment/README.md").read_text()
    assert 'uv add --editable "./toolkit' in readme

    toolkit = str(project.folder / "toolkit/src")  # as it is installed
    try:
        for command in (("app.db", "upgrade"), ("alembic_neon", "check")):
            check(sys.executable, "-m", *command, cwd=project.folder, PYTHONPATH=toolkit)
        check(sys.executable, "jobs.py", cwd=project.folder, PYTHONPATH=toolkit)
    finally:
        run(sys.executable, "-m", "app.db", "stop", cwd=project.folder, PYTHONPATH=toolkit)


def test_given_up_it_leaves_nothing(both: Template, tmp_path: Path) -> None:
    project = fastapi_project(tmp_path / "shop")
    adopt(both, project, toolkit_path="app/db")
    update(project.folder)
    commit_all(project.folder, "Update")
    update(project.folder, former_toolkit="", toolkit="package")
    assert not (project.folder / "app/db").exists()
    assert not (project.folder / "toolkit").exists()
    assert "former_toolkit" not in stored_answers(project.folder)


def test_an_edit_of_what_went_is_named(both: Template, tmp_path: Path) -> None:
    project = fastapi_project(tmp_path / "shop")
    adopt(both, project, toolkit_path="app/db")
    replace(project.folder / "tests/migrations/test_round_trip.py", '"""', '"""Ours. ')
    commit_all(project.folder, "Edit")
    message = check_module("copier", "update", "--defaults", cwd=project.folder).stderr
    command = message.partition("`git log ")[2].partition("`")[0]
    assert "Ours." in check("git", "log", *command.split(), cwd=project.folder)
