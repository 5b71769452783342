"""Adoption: a project that was there before gets the toolkit, and nothing of its own is changed."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from adopting import DECLARATIVE, LATER, SECOND, TOOLKIT, adopt, new_files, stored, update
from existing_projects import ExistingProject, bare_project, declarative_project, fastapi_project
from rendering import ROOT, Template, commit_all, files


def test_a_usual_fastapi_project_needs_no_answer(adoptable: Template, tmp_path: Path) -> None:
    project = fastapi_project(tmp_path / "shop")
    assert adopt(adoptable, project) == {
        "existing_project": True,
        "toolkit": "folder",
        "package_path": "app",
        "metadata": "app.models:SQLModel.metadata",
        "alembic_folder": "alembic",
        "version_table": "alembic_version",
        "version_table_schema": "",
        "postgres_version": 18,
        "ci": "none",
    }
    assert new_files(project) == {
        ".copier-answers.yml",
        "db.toml",
        "db_environment/README.md",
        "db_environment/env.py",
        "db_environment/script.py.mako",
    }
    assert files(project.folder / "toolkit") == files(ROOT / TOOLKIT)
    assert tomllib.loads((project.folder / "db.toml").read_text()) == {
        "tool": {
            "alembic": {
                "script_location": "%(here)s/db_environment",
                "version_locations": ["%(here)s/alembic/versions"],
                "prepend_sys_path": ["%(here)s"],
            },
            "db": {"postgres_version": 18},
        }
    }


def test_a_src_layout_with_two_bases_and_a_schema(adoptable: Template, tmp_path: Path) -> None:
    project = declarative_project(tmp_path / "store")
    found = adopt(adoptable, project, **DECLARATIVE)
    assert found["package_path"] == "src/store"
    assert found["alembic_folder"] == "src/store/migrations"
    settings = tomllib.loads((project.folder / "db.toml").read_text())["tool"]
    assert settings["alembic"]["prepend_sys_path"] == ["%(here)s/src"]
    assert settings["alembic"]["version_locations"] == ["%(here)s/src/store/migrations/versions"]
    assert settings["db"]["version_table_schema"] == "ops"
    assert (project.folder / "db_environment/env.py").read_text().splitlines()[3:] == [
        "from alembic_neon.migration.environment import run_migrations",
        "from store.sales import Base",
        "from store.stock import Base as Base2",
        "",
        "run_migrations(Base, Base2.metadata)",
    ]


def test_without_alembic_there_is_a_folder_for_revisions(
    adoptable: Template, tmp_path: Path
) -> None:
    project = bare_project(tmp_path / "notes")
    found = adopt(adoptable, project)
    assert (found["package_path"], found["alembic_folder"]) == ("notes", "")
    assert found["metadata"] == "notes.models:SQLModel.metadata"
    assert "version_table" not in found
    assert {
        "migrations/env.py",
        "migrations/script.py.mako",
        "migrations/README.md",
        "migrations/versions/.gitkeep",
    } == {name for name in new_files(project) if name.startswith("migrations/")}


@pytest.mark.parametrize("taken", ["app/db.py", "app/db/__init__.py", "app/toolkit/__init__.py"])
def test_a_module_of_the_package_is_in_nobodys_way(
    adoptable: Template, tmp_path: Path, taken: str
) -> None:
    project = fastapi_project(tmp_path / "shop")
    project.write({taken: "# ours\n"})
    commit_all(project.folder, "Ours")
    adopt(adoptable, project)
    assert new_files(project)


@pytest.mark.parametrize("make", [fastapi_project, declarative_project, bare_project])
def test_as_a_package_it_brings_few_files_and_changes_none(
    adoptable: Template, tmp_path: Path, make: Callable[[Path], ExistingProject]
) -> None:
    project = make(tmp_path / "mine")
    adopt(
        adoptable,
        project,
        toolkit="package",
        ci="github",
        **(DECLARATIVE if make is declarative_project else {}),
    )
    assert not (project.folder / "toolkit").exists()
    assert len(new_files(project)) <= 12


@pytest.mark.parametrize(
    ("layout", "package", "path"),
    [
        ({"backend/pyproject.toml": "", "backend/app/main.py": ""}, "backend/app", "backend"),
        ({"pyproject.toml": "", "src/one/main.py": "", "docs/__init__.py": ""}, "src/one", "src"),
        ({"setup.py": "", "tests/__init__.py": "", "mine/__init__.py": ""}, "mine", ""),
    ],
)
def test_the_package_is_found(
    adoptable: Template, tmp_path: Path, layout: dict[str, str], package: str, path: str
) -> None:
    project = ExistingProject(tmp_path / "mine[1]")  # brackets mean something in patterns
    project.write(layout)
    commit_all(project.folder, "Start")
    found = adopt(adoptable, project, metadata="elsewhere.models:Base")
    assert found["package_path"] == package
    settings = tomllib.loads((project.folder / "db.toml").read_text())["tool"]["alembic"]
    assert settings["prepend_sys_path"] == ["%(here)s" + (f"/{path}" if path else "")]


@pytest.mark.parametrize(
    ("package", "folder"),
    [
        ("app", "alembic"),
        ("app", "app/alembic"),
        ("backend/app", "backend/app/alembic"),
        ("app", "migrations"),
        ("src/app", "src/app/db/migrations"),
        ("src/app", "src/app/migrations"),
        ("src/app", "src/app/server/db/_migrations"),
    ],
)
def test_the_alembic_folder_is_found(
    adoptable: Template, tmp_path: Path, package: str, folder: str
) -> None:
    project = ExistingProject(tmp_path / "mine")
    project.write({"pyproject.toml": "", f"{package}/models.py": ""})
    project.write({f"{folder}/env.py": "", f"{folder}/script.py.mako": ""})
    commit_all(project.folder, "Start")
    assert adopt(adoptable, project)["alembic_folder"] == folder
    assert "db_environment/env.py" in new_files(project)


@pytest.mark.parametrize(
    ("taken", "answers"),
    [
        ("db.toml", {}),
        ("toolkit/notes.txt", {}),
        (".github/workflows/promote.yml", {"ci": "github"}),
        ("db_environment/notes.txt", {}),
    ],
)
def test_a_name_that_is_taken_is_told_and_nothing_is_written(
    adoptable: Template, tmp_path: Path, taken: str, answers: dict[str, str]
) -> None:
    project = fastapi_project(tmp_path / "shop")
    project.write({taken: "# ours\n"})
    commit_all(project.folder, "Ours")
    named = taken.removesuffix("/notes.txt")
    with pytest.raises(ValueError, match=rf"taken: {re.escape(named)}"):
        adopt(adoptable, project, **answers)
    assert project.status() == []


def test_workflows_of_the_same_name_matter_only_where_they_are_wanted(
    adoptable: Template, tmp_path: Path
) -> None:
    project = fastapi_project(tmp_path / "shop")
    project.write({".github/workflows/promote.yml": "# ours\n"})
    commit_all(project.folder, "Ours")
    adopt(adoptable, project)
    assert not [name for name in new_files(project) if name.startswith(".github")]


@pytest.mark.parametrize(
    ("question", "answer", "message"),
    [
        ("metadata", "app.models", 'Give "package.module:attribute"'),
        ("metadata", "app.models:Base; import os", 'Give "package.module:attribute"'),
        ("metadata", "app.models:Base,", 'Give "package.module:attribute"'),
        ("metadata", "app.nothing:Base", "There is no module app.nothing"),
        ("package_path", "../app", "Give the path of a folder"),
        ("package_path", "nothing", "There is no Python file"),
        ("toolkit", "elsewhere", "toolkit"),
        ("alembic_folder", "/alembic", "Give the path of a folder"),
        ("alembic_folder", "app/core", "There is no env.py in app/core"),
        ("version_table", 'a"b', "Give the name of a table"),
        ("version_table_schema", 'a"b', "Give the name of a schema"),
    ],
)
def test_a_wrong_answer_is_refused(
    adoptable: Template, tmp_path: Path, question: str, answer: str, message: str
) -> None:
    project = fastapi_project(tmp_path / "shop")
    with pytest.raises(ValueError, match=re.escape(message)):
        adopt(adoptable, project, **{question: answer})
    assert project.status() == []


def test_the_answers_lie_beside_another_templates(adoptable: Template, tmp_path: Path) -> None:
    project = fastapi_project(tmp_path / "shop")
    theirs = "_src_path: https://example.org/t\npackage_name: x\npostgres_version: 12\n"
    project.write({".copier-answers.yml": theirs})
    commit_all(project.folder, "Theirs")
    with pytest.raises(ValueError, match=r"--answers-file \.copier-answers\.neon\.yml"):
        adopt(adoptable, project)
    assert project.status() == []
    found = adopt(adoptable, project, ".copier-answers.neon.yml")
    assert found["postgres_version"] == 18
    assert ".copier-answers.neon.yml" in new_files(project)
    assert (project.folder / ".copier-answers.yml").read_text() == theirs
    commit_all(project.folder, "Adopt")
    update(project, SECOND, ".copier-answers.neon.yml")
    assert (project.folder / LATER).exists()
    assert (project.folder / ".copier-answers.yml").read_text() == theirs
    assert stored(project, ".copier-answers.neon.yml") == found
