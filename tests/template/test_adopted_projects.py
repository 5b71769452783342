"""Adoption: a project that was there before gets the toolkit, and nothing of its own is changed."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from existing_projects import ExistingProject, bare_project, declarative_project, fastapi_project
from forked_runs import check_module
from page_commands import blocks
from rendering import ROOT, Template, check, commit_all, files, run, uv

FIRST, SECOND = "v1.0.0", "v1.1.0"
TOOLKIT = "template/toolkit"
LATER = "toolkit/src/alembic_neon/later.py"
TWO_BASES = "store.sales:Base, store.stock:Base.metadata"
DECLARATIVE = {"metadata": TWO_BASES, "version_table_schema": "ops"}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The present template, and a version after it."""
    template = Template.of_working_tree(tmp_path_factory.mktemp("template"))
    template.release(FIRST)
    (template.folder / "template" / LATER).write_text('"""Came later."""\n')
    path = template.folder / "template/db.toml.jinja"
    path.write_text(path.read_text().replace("# Settings of", "# The settings of"))
    template.release(SECOND)
    return template


def adopt(
    template: Template, project: ExistingProject, answers_file: str | None = None, **answers: Any
) -> dict[str, Any]:
    """Bring the toolkit in as carelessly as Copier allows, and return what was stored."""
    copier.run_copy(
        str(template.folder),
        project.folder,
        data=answers,
        answers_file=answers_file,
        defaults=True,
        overwrite=True,
        quiet=True,
        unsafe=False,
        vcs_ref=FIRST,
    )
    return stored(project, answers_file or ".copier-answers.yml")


def copy_and_read_message(template: Template, project: ExistingProject, *options: str) -> str:
    """Bring the toolkit in as `copier copy --defaults` does, and return Copier's message."""
    arguments = ("copy", "--defaults", *options, str(template.folder), ".")
    return check_module("copier", *arguments, cwd=project.folder).stderr


def update(project: ExistingProject, version: str, answers_file: str | None = None) -> None:
    """Update as `copier update --defaults` does."""
    copier.run_update(
        project.folder,
        answers_file=answers_file,
        defaults=True,
        overwrite=True,
        quiet=True,
        unsafe=False,
        vcs_ref=version,
    )


def stored(project: ExistingProject, answers_file: str = ".copier-answers.yml") -> dict[str, Any]:
    """Return the stored answers, without what Copier itself remembers."""
    found = yaml.safe_load((project.folder / answers_file).read_text())
    return {name: value for name, value in found.items() if not name.startswith("_")}


def new_files(project: ExistingProject) -> set[str]:
    """Return the files that were added outside the toolkit; nothing else may have happened."""
    status = project.status()
    assert status
    assert [line for line in status if not line.startswith("?? ")] == []
    return {line[3:] for line in status if not line.startswith("?? toolkit/")}


def test_a_usual_fastapi_project_needs_no_answer(released: Template, tmp_path: Path) -> None:
    project = fastapi_project(tmp_path / "shop")
    assert adopt(released, project) == {
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


def test_a_src_layout_with_two_bases_and_a_schema(released: Template, tmp_path: Path) -> None:
    project = declarative_project(tmp_path / "store")
    found = adopt(released, project, **DECLARATIVE)
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
    released: Template, tmp_path: Path
) -> None:
    project = bare_project(tmp_path / "notes")
    found = adopt(released, project)
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
    released: Template, tmp_path: Path, taken: str
) -> None:
    project = fastapi_project(tmp_path / "shop")
    project.write({taken: "# ours\n"})
    commit_all(project.folder, "Ours")
    adopt(released, project)
    assert new_files(project)


@pytest.mark.parametrize("make", [fastapi_project, declarative_project, bare_project])
def test_as_a_package_it_brings_few_files_and_changes_none(
    released: Template, tmp_path: Path, make: Callable[[Path], ExistingProject]
) -> None:
    project = make(tmp_path / "mine")
    adopt(
        released,
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
    released: Template, tmp_path: Path, layout: dict[str, str], package: str, path: str
) -> None:
    project = ExistingProject(tmp_path / "mine[1]")  # brackets mean something in patterns
    project.write(layout)
    commit_all(project.folder, "Start")
    found = adopt(released, project, metadata="elsewhere.models:Base")
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
    released: Template, tmp_path: Path, package: str, folder: str
) -> None:
    project = ExistingProject(tmp_path / "mine")
    project.write({"pyproject.toml": "", f"{package}/models.py": ""})
    project.write({f"{folder}/env.py": "", f"{folder}/script.py.mako": ""})
    commit_all(project.folder, "Start")
    assert adopt(released, project)["alembic_folder"] == folder
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
    released: Template, tmp_path: Path, taken: str, answers: dict[str, str]
) -> None:
    project = fastapi_project(tmp_path / "shop")
    project.write({taken: "# ours\n"})
    commit_all(project.folder, "Ours")
    named = taken.removesuffix("/notes.txt")
    with pytest.raises(ValueError, match=rf"taken: {re.escape(named)}"):
        adopt(released, project, **answers)
    assert project.status() == []


def test_workflows_of_the_same_name_matter_only_where_they_are_wanted(
    released: Template, tmp_path: Path
) -> None:
    project = fastapi_project(tmp_path / "shop")
    project.write({".github/workflows/promote.yml": "# ours\n"})
    commit_all(project.folder, "Ours")
    adopt(released, project)
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
    released: Template, tmp_path: Path, question: str, answer: str, message: str
) -> None:
    project = fastapi_project(tmp_path / "shop")
    with pytest.raises(ValueError, match=re.escape(message)):
        adopt(released, project, **{question: answer})
    assert project.status() == []


def test_the_answers_lie_beside_another_templates(released: Template, tmp_path: Path) -> None:
    project = fastapi_project(tmp_path / "shop")
    theirs = "_src_path: https://example.org/t\npackage_name: x\npostgres_version: 12\n"
    project.write({".copier-answers.yml": theirs})
    commit_all(project.folder, "Theirs")
    with pytest.raises(ValueError, match=r"--answers-file \.copier-answers\.neon\.yml"):
        adopt(released, project)
    assert project.status() == []
    found = adopt(released, project, ".copier-answers.neon.yml")
    assert found["postgres_version"] == 18
    assert ".copier-answers.neon.yml" in new_files(project)
    assert (project.folder / ".copier-answers.yml").read_text() == theirs
    commit_all(project.folder, "Adopt")
    update(project, SECOND, ".copier-answers.neon.yml")
    assert (project.folder / LATER).exists()
    assert (project.folder / ".copier-answers.yml").read_text() == theirs
    assert stored(project, ".copier-answers.neon.yml") == found


@pytest.mark.parametrize("make", [fastapi_project, declarative_project, bare_project])
def test_an_update_keeps_the_answers_and_the_users_files(
    released: Template, tmp_path: Path, make: Callable[[Path], ExistingProject]
) -> None:
    project = make(tmp_path / "mine")
    found = adopt(released, project, **(DECLARATIVE if make is declarative_project else {}))
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


def test_workflows_run_the_toolkit_where_it_is(released: Template, tmp_path: Path) -> None:
    project = fastapi_project(tmp_path / "shop")
    adopt(released, project, ci="github")
    folder = project.folder / ".github/workflows"
    names = ["migrations-comment.yml", "migrations.yml", "promote.yml"]
    assert sorted(path.name for path in folder.iterdir()) == names
    text = "".join(path.read_text() for path in folder.iterdir())
    assert "uv run db rehearse" in text
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
    released: Template, tmp_path: Path, make: Callable[[Path], ExistingProject]
) -> None:
    project = make(tmp_path / "mine")
    adopt(released, project, **(DECLARATIVE if make is declarative_project else {}))
    ours = [line[3:] for line in project.status() if line.endswith(".py")]
    check(sys.executable, "-m", "ruff", "check", *ours, cwd=project.folder)
    check(sys.executable, "-m", "ruff", "format", "--check", *ours, cwd=project.folder)
    for path, text in files(project.folder).items():
        if path.endswith((".md", ".toml", "env.py")) and not path.startswith("pyproject"):
            assert not re.search(r"[ \t]+$|\n\n\n\n", text, re.MULTILINE), path
            assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), path


# End to end -----------------------------------------------------------------------------------


class Adopted:
    """An adopted project, and how its toolkit is called."""

    def __init__(self, project: ExistingProject, *command: str, **environment: str) -> None:
        self.project = project
        self.command = command
        self.environment = environment

    def db(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the toolkit's."""
        return run(*self.command, *arguments, cwd=self.project.folder, **self.environment)

    def good(self, *arguments: str) -> str:
        """Run a command of the toolkit's that must succeed, and return its output."""
        result = self.db(*arguments)
        assert result.returncode == 0, f"{arguments}:\n{result.stdout}\n{result.stderr}"
        return result.stdout


@pytest.mark.xdist_group("adopted")
def test_a_fastapi_project_is_migrated_after_four_commands(
    released: Template, tmp_path: Path
) -> None:
    """Copier, the two that it tells, and the upgrade: each is run as a user types it."""
    project = fastapi_project(tmp_path / "shop")
    check(uv(), "sync", "--quiet", "--python", sys.executable, cwd=project.folder)
    project.write({".gitignore": ".venv\n__pycache__\n.pytest_cache\nuv.lock\n"})
    commit_all(project.folder, "Sync")
    message = copy_and_read_message(released, project)
    new_files(project)
    page = blocks((ROOT / "docs/adopting.md").read_text())
    copy, *others = page[:4]
    assert copy == "uvx copier copy TEMPLATE ."
    shown_lines = [line.strip() for line in message.splitlines() if line.startswith("    ")]
    for shown in others:
        start = shown.removeprefix("uv run ").partition("...")[0]
        typed = next(line for line in shown_lines if line.removeprefix("uv run ").startswith(start))
        assert typed.startswith("uv ")
        check(uv(), *shlex.split(typed)[1:], cwd=project.folder)
    changed = check("git", "diff", "--name-only", cwd=project.folder).split()
    assert changed == ["pyproject.toml"]  # by uv add, as the user asked
    assert any("db check" in command for command in page[4:8])
    for command in page[4:8]:
        check(uv(), *shlex.split(command)[1:], cwd=project.folder)

    adopted = Adopted(project, uv(), "run", "--no-sync", "db")
    try:
        status = json.loads(adopted.good("status", "--json", "-"))
        assert status["current"] == status["heads"] == ["9c0a54914c78"]
        model = project.folder / "app/models.py"
        model.write_text(
            model.read_text().replace("True\n", "True\n    nick: str | None = None\n", 1)
        )
        adopted.good("revision", "-m", "add nick")
        (written,) = (project.folder / "alembic/versions").glob("*_add_nick.py")
        assert "'9c0a54914c78'" in written.read_text().replace('"', "'")
        adopted.good("rehearse")
        adopted.good("upgrade")
        adopted.good("check")
        tested = adopted.good("test", "-q")
        assert re.search(r"\b8 passed", tested), tested  # five of the history, 3 revisions
        ours = check("git", "status", "--porcelain", "--untracked-files=all", cwd=project.folder)
        assert ".neon-local" not in ours
    finally:
        adopted.db("stop")


@pytest.mark.xdist_group("adopted")
def test_two_bases_and_a_schema_are_migrated_to_the_end(released: Template, tmp_path: Path) -> None:
    project = declarative_project(tmp_path / "store")
    adopt(released, project, **DECLARATIVE)
    adopted = Adopted(project, sys.executable, "-m", "alembic_neon")
    try:
        adopted.good("upgrade")
        status = json.loads(adopted.good("status", "--json", "-"))
        assert status["current"] == status["heads"] == ["b51f7a9d1c02"]
        adopted.good("check")
        adopted.good("downgrade", "base")
        adopted.good("rehearse")
    finally:
        adopted.db("stop")


@pytest.mark.xdist_group("adopted")
def test_a_project_without_alembic_gets_its_first_revision(
    released: Template, tmp_path: Path
) -> None:
    project = bare_project(tmp_path / "notes")
    adopt(released, project)
    adopted = Adopted(project, sys.executable, "-m", "alembic_neon")
    try:
        adopted.good("revision", "-m", "create notes")
        adopted.good("upgrade")
        adopted.good("check")
    finally:
        adopted.db("stop")
