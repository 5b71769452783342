"""Answers that change with an update: those that may, and those that files of the user's hold."""

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from releases import PRESENT, RELEASES
from rendering import Template, check, commit_all, uv
from updating import changed, make, stored_answers, unmerged, update

LATER = "v9999.1.0"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("package_name", "other"),
        ("web_framework", "none"),
        ("model_style", "sqlalchemy"),
        ("sample", False),
    ],
)
def test_what_is_in_files_of_the_users_is_refused(
    updated_project: Path, name: str, answer: Any
) -> None:
    before = stored_answers(updated_project)
    with pytest.raises(ValueError, match=f"write {name}: .* into .copier-answers.yml"):
        update(updated_project, **{name: answer})
    assert changed(updated_project) == ""
    assert stored_answers(updated_project) == before


def test_the_first_update_refuses_it_too(project: Path) -> None:
    with pytest.raises(ValueError, match="sample is in files that are yours"):
        update(project, sample=False)
    assert changed(project) == ""


def test_a_package_that_its_user_renamed_is_updated_on(updated_project: Path) -> None:
    (updated_project / "src/my_app").rename(updated_project / "src/shop")
    for path in check(
        "git", "grep", "-l", "my_app", "--", ":!toolkit", cwd=updated_project
    ).split():
        path = path.replace("src/my_app/", "src/shop/")
        text = (updated_project / path).read_text()
        (updated_project / path).write_text(text.replace("my_app", "shop"))
    commit_all(updated_project, "Rename the package")
    update(updated_project)
    assert changed(updated_project) == ""
    assert stored_answers(updated_project)["package_name"] == "shop"


@pytest.fixture(scope="module")
def two_versions(released: Template, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template with a version after the present one, which changes a file of the toolkit."""
    folder = tmp_path_factory.mktemp("two-versions")
    check("git", "clone", "--quiet", released.folder, folder, cwd=folder)
    path = folder / "template/toolkit/src/alembic_neon/errors.py"
    path.write_text(f"{path.read_text()}\n# Came later.\n")
    template = Template(folder)
    template.release(LATER)
    return template


def commit_of(template: Template, version: str) -> str:
    """Return the commit of a version."""
    return check("git", "rev-parse", f"{version}^{{commit}}", cwd=template.folder).strip()


def pin_of(project: Path) -> str:
    """Return the requirement of the toolkit."""
    settings = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    (found,) = (line for line in settings["dependencies"] if line.startswith("alembic-neon"))
    return str(found)


def test_an_update_moves_the_pin(two_versions: Template, tmp_path: Path) -> None:
    project = two_versions.render(tmp_path / "my-app", PRESENT, toolkit="package")
    commit_all(project, "Start")
    address = f"alembic-neon @ git+file://{two_versions.folder}@%s#subdirectory=template/toolkit"
    assert pin_of(project) == address % commit_of(two_versions, PRESENT)
    update(project, LATER)
    assert pin_of(project) == address % commit_of(two_versions, LATER)
    assert unmerged(project) == ""
    assert changed(project) == " M .copier-answers.yml\n M pyproject.toml\n"


def test_an_update_replaces_the_folder(two_versions: Template, tmp_path: Path) -> None:
    project = two_versions.render(tmp_path / "my-app", PRESENT)
    commit_all(project, "Start")
    update(project, LATER)
    toolkit = " M toolkit/src/alembic_neon/errors.py\n"
    assert changed(project) == f" M .copier-answers.yml\n{toolkit}"


@pytest.mark.parametrize(
    "made", [PRESENT, pytest.param(RELEASES[-1].tag, marks=pytest.mark.matrix)]
)
def test_the_toolkit_changes_its_way_there_and_back(
    released: Template, tmp_path: Path, made: str
) -> None:
    """From a folder to a package and back: the environment follows, and the tests pass."""
    project = tmp_path / "my-app"
    if made == PRESENT:
        released.render(project, made)
        commit_all(project, "Start")
    else:
        make(released, RELEASES[-1], project)
        update(project)
        commit_all(project, "Update")
    at_first = pin_of(project)
    for toolkit in ("package", "folder"):
        update(project, toolkit=toolkit)
        assert unmerged(project) == ""
        assert (project / "toolkit").exists() == (toolkit == "folder")
        check(uv(), "sync", "--quiet", "--python", sys.executable, cwd=project)
        code = "import alembic_neon; print(alembic_neon.__file__)"
        where = check(uv(), "run", "--no-sync", "python", "-c", code, cwd=project)
        assert where.startswith(str(project / "toolkit")) == (toolkit == "folder")
        pytest_command = ("pytest", "-q", "-n", "2", f"--basetemp={tmp_path / 'pytest'}")
        assert " passed" in check(uv(), "run", "--no-sync", *pytest_command, cwd=project)
        commit_all(project, f"Take the toolkit as a {toolkit}")
    assert pin_of(project) == at_first
