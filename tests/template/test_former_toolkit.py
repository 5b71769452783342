"""Projects from before 0.3.0, which had the toolkit in their package: what hands old imports on."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from forked_runs import check_module
from lived_in import replace
from packaging.requirements import Requirement
from releases import PRESENT, RELEASES, Release
from rendering import ROOT, Template, check, commit_all, files
from updating import changed, stored_answers, unmerged, update

SHIM = ROOT / "template/{{ former_toolkit }}"
FOLDER = "src/my_app/db"


def exported(text: str) -> set[str]:
    """Return the names in `__all__`."""
    (names,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    return set(names)


def test_a_new_project_has_none(released: Template, tmp_path: Path) -> None:
    project = released.render(tmp_path / "my-app", PRESENT)
    assert "former_toolkit" not in stored_answers(project)
    assert not (project / FOLDER).exists()
    commit_all(project, "Start")
    update(project)
    assert changed(project) == ""


def test_only_the_shim_is_left_of_the_toolkit_in_the_package(updated_project: Path) -> None:
    assert files(updated_project / FOLDER) == files(SHIM)
    answers = stored_answers(updated_project)
    assert answers["former_toolkit"] == FOLDER
    assert answers["existing_project"] is False  # though it existed before the question
    assert not (updated_project / "db.toml").exists()


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_every_name_that_was_exported_still_is(release: Release) -> None:
    path = "template/src/{{ package_name }}/db/__init__.py"
    assert exported(release.read(path)) <= exported((SHIM / "__init__.py").read_text())


def test_nobody_is_asked_for_it(project: Path) -> None:
    """Copier ends in an error where it has to ask and there is no terminal."""
    answers = ("existing_project=false", "toolkit=folder", "sample=true")
    new = [part for answer in answers for part in ("--data", answer)]
    check_module("copier", "update", "--skip-answered", *new, cwd=project)
    assert stored_answers(project)["former_toolkit"] == FOLDER


def test_deleted_by_its_user_it_stays_deleted(updated_project: Path) -> None:
    check("git", "rm", "-r", "--quiet", FOLDER, cwd=updated_project)
    commit_all(updated_project, "Nothing imports it any more")
    update(updated_project)
    assert changed(updated_project) == ""


def test_given_up_it_leaves_the_project_that_a_new_one_is(
    released: Template, updated_project: Path
) -> None:
    update(updated_project, former_toolkit="")
    answers = stored_answers(updated_project)
    assert "former_toolkit" not in answers
    new = files(released.render(updated_project.parent / "new", PRESENT, **answers))
    shared = ("pyproject.toml", "README.md", ".copier-answers.yml")
    assert {name: (updated_project / name).read_text() for name in shared} == {
        name: new[name] for name in shared
    }
    assert not (updated_project / FOLDER).exists()
    commit_all(updated_project, "Without it")
    update(updated_project)
    assert changed(updated_project) == ""


def test_it_goes_nowhere_else(updated_project: Path) -> None:
    with pytest.raises(ValueError, match="Give nothing"):
        update(updated_project, former_toolkit="src/elsewhere")
    assert changed(updated_project) == ""


def test_an_edit_of_the_former_toolkit_is_a_conflict_or_is_named(project: Path) -> None:
    """Copier deletes what the template no longer has: the message says where the edits are."""
    for path in ("connection/url.py", "connection/engine.py"):
        replace(project / FOLDER / path, '"""', '"""Ours. ')
    commit_all(project, "Edit")
    message = check_module("copier", "update", "--defaults", cwd=project).stderr
    assert unmerged(project).endswith(f"{FOLDER}/connection/url.py\n")
    (command,) = re.findall(r"`git (log .*?)`", message)
    assert "engine.py" in check("git", *command.split(), cwd=project)


def test_a_folder_of_the_users_stands_in_the_way_of_the_new_one(project: Path) -> None:
    (project / "toolkit").mkdir()
    (project / "toolkit/ours.py").write_text("\n")
    commit_all(project, "Our own toolkit")
    with pytest.raises(ValueError, match=r"taken|needs is taken"):
        update(project)
    assert changed(project) == ""
    update(project, toolkit="package")
    assert files(project / "toolkit") == {"ours.py": "\n"}


def test_the_dependencies_that_stay_are_bound_as_the_toolkits_are() -> None:
    """Otherwise a later version of the toolkit could not be installed beside them."""
    toolkit = tomllib.loads((ROOT / "template/toolkit/pyproject.toml").read_text())["project"]
    extras = [line for lines in toolkit["optional-dependencies"].values() for line in lines]
    bounds = {
        needed.name: needed.specifier
        for needed in map(Requirement, [*toolkit["dependencies"], *extras])
    }
    text = (ROOT / "template/_includes/former.jinja").read_text()
    lines = [Requirement(line) for line in re.findall(r'^  "([a-z].*?)"', text, re.M)]
    assert len(lines) > 20
    assert [
        line.name for line in lines if bounds.get(line.name, line.specifier) != line.specifier
    ] == []
