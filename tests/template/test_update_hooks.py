"""The scripts in hooks/: each on a project from before its version, and the trust that it asks for.

No release has needed one, so here one is made that renames a file.
"""

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from forked_runs import check_module, run_module
from lived_in import replace
from releases import RELEASES
from rendering import ROOT, Template, check, commit_all

COPIER_YML: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text())
OLD, NEW = "tests/migrations/test_migrations.py", "tests/migrations/trips/test_trip.py"
ENTRY = f"""
_migrations:
  - version: 2.0.0
    when: "{{{{ _stage == 'before' }}}}"
    command:
      - "{{{{ _copier_python }}}}"
      - "{{{{ _copier_conf.src_path }}}}/hooks/rename.py"
      - {OLD}
      - {NEW}
"""


@pytest.fixture(scope="module")
def renaming(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A template whose version 2 renames a file and changes its first line; 2.1 changes no file."""
    template = Template.of_working_tree(tmp_path_factory.mktemp("renaming"))
    template.release("v1.0.0")
    old, new = (template.folder / "template" / name for name in (OLD, NEW))
    new.parent.mkdir()
    old.rename(new)
    replace(new, "Every revision upgrades", "Each revision upgrades")
    commit_all(template.folder, "Rename without a script", "without-script")
    with (template.folder / "copier.yml").open("a") as file:
        file.write(ENTRY)
    template.release("v2.0.0")
    (template.folder / "CHANGES").write_text("none\n")
    template.release("v2.1.0")
    return template


def make(template: Template, project: Path, version: str) -> None:
    """Make a project, and edit the last line of the file that version 2 renames."""
    template.render(project, version)
    path = project / (OLD if version == "v1.0.0" else NEW)
    path.write_text(path.read_text() + "\n\n# Ours.\n")
    commit_all(project, "Start")


def update(project: Path, *options: str) -> str:
    """Run `copier update`, which must succeed, and return what it said."""
    return check_module("copier", "update", "--defaults", *options, cwd=project).stdout


def test_edits_in_a_renamed_file_are_kept(renaming: Template, tmp_path: Path) -> None:
    """Copier knows no common ancestor of it, so each difference is a conflict, and visible."""
    project = tmp_path / "my-app"
    make(renaming, project, "v1.0.0")
    update(project, "--trust")
    text = (project / NEW).read_text()
    assert not (project / OLD).exists()
    assert text.count("# Ours.") == 1
    assert text.count("<<<<<<< before updating") == 2
    assert text.count("Every revision upgrades") == text.count("Each revision upgrades") == 1
    unmerged = check("git", "ls-files", "--unmerged", cwd=project).splitlines()
    assert {line.split("\t")[1] for line in unmerged} == {NEW}


def test_without_the_script_the_edits_would_be_lost(renaming: Template, tmp_path: Path) -> None:
    """What the script is for: Copier deletes the renamed file, and reports no conflict."""
    project = tmp_path / "my-app"
    make(renaming, project, "v1.0.0")
    update(project, "--vcs-ref", "without-script")
    assert not (project / OLD).exists()
    assert "# Ours." not in (project / NEW).read_text()
    assert check("git", "ls-files", "--unmerged", cwd=project) == ""


def test_without_trust_copier_says_what_it_needs(renaming: Template, tmp_path: Path) -> None:
    project = tmp_path / "my-app"
    make(renaming, project, "v1.0.0")
    result = run_module("copier", "update", "--defaults", cwd=project)
    assert result.returncode == 4
    assert "migrations" in result.stderr
    assert "--trust" in result.stderr
    assert check("git", "status", "--porcelain", cwd=project) == ""


def test_trust_is_asked_only_when_the_version_is_crossed(
    renaming: Template, tmp_path: Path
) -> None:
    for name, made, to in (("after", "v2.0.0", "v2.1.0"), ("before", "v1.0.0", "v1.0.0")):
        project = tmp_path / name
        make(renaming, project, made)
        update(project, "--vcs-ref", to)
    renaming.render(tmp_path / "new", "v2.1.0")  # nor for a new project


def test_a_second_update_finds_nothing_to_rename(renaming: Template, tmp_path: Path) -> None:
    project = tmp_path / "my-app"
    make(renaming, project, "v1.0.0")
    update(project, "--trust")
    commit_all(project, "Update")
    update(project)
    assert check("git", "status", "--porcelain", cwd=project) == ""


def test_the_scripts_use_the_standard_library_alone() -> None:
    for script in (ROOT / "hooks").glob("*.py"):
        for node in ast.walk(ast.parse(script.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [str(node.module)]
            assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_each_migration_names_a_version_and_a_script_that_is_there() -> None:
    for migration in COPIER_YML.get("_migrations", []):
        assert re.fullmatch(r"\d+\.\d+\.\d+", str(migration["version"])), migration
        assert str(migration["version"]) not in {RELEASES[0].version}
        scripts = re.findall(r"/hooks/(\w+\.py)", str(migration["command"]))
        assert scripts, migration
        assert all((ROOT / "hooks" / name).is_file() for name in scripts)
