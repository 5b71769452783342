"""Updates: a project made earlier, lived in by its user, and brought to the present template."""

import shutil
import sys
from pathlib import Path

import copier
import pytest
from rendering import Template, check, commit_all, files, run, uv

# One worker runs them all, so that the project is updated once.
pytestmark = pytest.mark.xdist_group("updates")

EARLIER = "v0.9.0"
PRESENT = "v1.0.0"
TOOLKIT = "template/{{ package_folder }}/db"
MODELS = "template/{{ package_folder }}/{% if model_style == 'sqlmodel' %}models{% endif %}"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A template with two versions: one that differs in every kind of file, and the present one."""
    present = Template.of_working_tree(tmp_path_factory.mktemp("present"))
    template = Template.of_working_tree(tmp_path_factory.mktemp("released"))
    make_earlier(template.folder)
    template.release(EARLIER)
    for path in template.folder.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(present.folder, template.folder, dirs_exist_ok=True)
    template.release(PRESENT)
    return template


def make_earlier(folder: Path) -> None:
    """Take things back, so that an update changes, adds and removes files of each owner."""
    replace(
        folder / TOOLKIT / "connection/health.py",
        "timeout_seconds: float = 2.0",
        "timeout_seconds: float = 9.0",
    )
    replace(folder / TOOLKIT / "console.py", "def size(", "def old_size(")
    (folder / TOOLKIT / "verification/databases.py").unlink()  # the update adds it
    (folder / TOOLKIT / "connection/obsolete.py").write_text('"""Gone."""\n')  # and removes this
    replace(folder / "template/alembic.ini", "timezone = UTC\n", "")
    replace(
        folder / "template/pyproject.toml.jinja", '  "typer>=0.29,<1",\n', '  "typer>=0.20,<1",\n'
    )
    replace(folder / "template/README.md.jinja", "## Branches\n", "## Copies\n")
    replace(folder / "template/{{ environment_folder }}/script.py.mako", "Builds on:", "Revises:")
    replace(folder / MODELS / "user.py", "A person with a unique address", "Somebody")
    replace(folder / "template/.env.example.jinja", "# DB_POOL_RECYCLE=240\n", "")


def replace(path: Path, old: str, new: str) -> None:
    """Replace text that must be in a file."""
    text = path.read_text()
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new))


def live_in(project: Path) -> None:
    """Do what users do: models, a revision, settings, dependencies, words, a deleted sample."""
    replace(
        project / "src/my_app/models/task.py",
        "    created_at: datetime = Field(",
        "    due_on: date | None = None\n    created_at: datetime = Field(",
    )
    replace(
        project / "src/my_app/models/task.py",
        "from datetime import datetime",
        "from datetime import date, datetime",
    )
    (project / "migrations/versions/2026_12_01_0900-0a1b2c3d4e5f_add_due_date.py").write_text(
        '"""add due date"""\n\n'
        "import sqlalchemy as sa\n"
        "from alembic import op\n\n"
        'revision = "0a1b2c3d4e5f"\n'
        'down_revision = "86263795b5d7"\n\n\n'
        "def upgrade() -> None:\n"
        '    op.add_column("tasks", sa.Column("due_on", sa.Date(), nullable=True))\n\n\n'
        "def downgrade() -> None:\n"
        '    op.drop_column("tasks", "due_on")\n'
    )
    replace(project / "pyproject.toml", "[tool.mypy]\n", "[tool.mypy]\nwarn_unreachable = true\n")
    replace(project / "README.md", "## Settings\n", "## Our settings\n\nAsk the team.\n")
    replace(project / ".gitignore", "# Settings", "/notes/\n\n# Settings")
    replace(project / "src/my_app/main.py", '"My App"', '"Our App"')
    (project / "tests/test_models.py").unlink()
    (project / "tests/test_ours.py").write_text("def test_ours() -> None:\n    assert True\n")


@pytest.fixture(scope="module")
def updated(released: Template, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A project that was lived in and updated, and a fresh one of the present version."""
    project = tmp_path_factory.mktemp("updated") / "my-app"
    released.render(project, EARLIER)
    commit_all(project, "Start")
    live_in(project)
    commit_all(project, "Our work")
    update(project)
    fresh = released.render(tmp_path_factory.mktemp("fresh") / "my-app", PRESENT)
    return project, fresh


def update(project: Path, version: str = PRESENT) -> None:
    """Update a project as `copier update --defaults` does, without trust."""
    copier.run_update(
        project, defaults=True, overwrite=True, quiet=True, unsafe=False, vcs_ref=version
    )


def unmerged(project: Path) -> str:
    """Return the paths with conflicts."""
    return check("git", "ls-files", "--unmerged", cwd=project)


def test_an_update_leaves_no_conflict(updated: tuple[Path, Path]) -> None:
    project, _ = updated
    assert unmerged(project) == ""
    assert not [
        path for path, text in files(project).items() if "<<<<<<<" in text or path.endswith(".rej")
    ]


def test_the_files_of_the_template_equal_a_fresh_render(updated: tuple[Path, Path]) -> None:
    project, fresh = updated
    mine = {
        "src/my_app/models",
        "src/my_app/main.py",
        "migrations/versions",
        "tests/test_",
        ".env.example",
    }
    merged = {"pyproject.toml", "README.md", ".gitignore"}
    found, wanted = files(project), files(fresh)
    theirs = {
        path
        for path in found.keys() | wanted.keys()
        if not path.startswith(tuple(mine)) and path not in merged
    }
    assert {path: found.get(path) for path in theirs} == {path: wanted.get(path) for path in theirs}
    assert "src/my_app/db/connection/obsolete.py" not in found


def test_the_edits_of_the_user_are_all_there(updated: tuple[Path, Path]) -> None:
    project, fresh = updated
    found, wanted = files(project), files(fresh)
    for name, old, new in (
        ("pyproject.toml", "[tool.mypy]\n", "[tool.mypy]\nwarn_unreachable = true\n"),
        ("README.md", "## Settings\n", "## Our settings\n\nAsk the team.\n"),
        (".gitignore", "# Settings", "/notes/\n\n# Settings"),
    ):
        assert found[name] == wanted[name].replace(old, new)
    assert "due_on" in found["src/my_app/models/task.py"]
    assert '"Our App"' in found["src/my_app/main.py"]
    assert "tests/test_models.py" not in found
    assert "tests/test_ours.py" in found


def test_what_is_the_users_is_as_it_was(updated: tuple[Path, Path]) -> None:
    project, _ = updated
    changed = check("git", "diff", "--name-only", "HEAD", cwd=project).split()
    owned = (
        "src/my_app/models",
        "src/my_app/main.py",
        "migrations/versions",
        "tests/test_",
        ".env.example",
    )
    assert changed
    assert not [path for path in changed if path.startswith(owned)]
    assert "Somebody" in (project / "src/my_app/models/user.py").read_text()


def test_a_second_update_changes_nothing(updated: tuple[Path, Path], tmp_path: Path) -> None:
    project = tmp_path / "my-app"
    shutil.copytree(updated[0], project)
    commit_all(project, "Update")
    update(project)
    assert check("git", "status", "--porcelain", cwd=project) == ""


def test_its_own_tests_pass_after_the_update(updated: tuple[Path, Path], tmp_path: Path) -> None:
    project = tmp_path / "my-app"
    shutil.copytree(updated[0], project)
    check(uv(), "sync", "--quiet", "--python", sys.executable, cwd=project)
    assert " passed" in check(uv(), "run", "--no-sync", "pytest", "-q", cwd=project)
    check(uv(), "run", "--no-sync", "ruff", "check", cwd=project)


def test_an_edit_in_a_file_of_the_template_is_a_visible_conflict(
    released: Template, tmp_path: Path
) -> None:
    project = released.render(tmp_path / "my-app", EARLIER)
    replace(project / "src/my_app/db/connection/health.py", "float = 9.0", "float = 5.0")
    commit_all(project, "Start, and an edit that should not be")
    update(project)
    assert "connection/health.py" in unmerged(project)
    assert "<<<<<<<" in (project / "src/my_app/db/connection/health.py").read_text()


def test_the_command_line_updates_without_trust(released: Template, tmp_path: Path) -> None:
    project = released.render(tmp_path / "my-app", EARLIER)
    commit_all(project, "Start")
    result = run(sys.executable, "-m", "copier", "update", "--defaults", cwd=project)
    assert result.returncode == 0, result.stderr
    assert PRESENT in (project / ".copier-answers.yml").read_text()
