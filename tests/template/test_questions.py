"""The questions: what they default to, what they refuse, and what they say to do."""

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import QUESTIONS, ROOT, Template, check, commit_all, files

COPIER_YML: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text())


def answers(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return {name: value for name, value in found.items() if not name.startswith("_")}


@pytest.mark.parametrize(
    ("name", "slug", "package"),
    [
        ("My App", "my-app", "my_app"),
        ("2 Fast 4 You!", "fast-4-you", "fast_4_you"),
        ("Größe & Maß", "gr-e-ma", "gr_e_ma"),
        ("日本語", "my-app", "my_app"),
    ],
)
def test_slug_and_package_follow_from_the_name(
    template: Template, destination: Path, name: str, slug: str, package: str
) -> None:
    template.render(destination, project_name=name)
    found = answers(destination)
    assert (found["project_slug"], found["package_name"]) == (slug, package)
    assert (destination / "src" / package / "models").is_dir()


@pytest.mark.parametrize(
    ("folder", "name", "package"),
    [
        ("my-shop", "My Shop", "my_shop"),
        ("api_v2", "Api V2", "api_v2"),
        ("9lives", "My App", "my_app"),
        ("größe", "Gr E", "gr_e"),
        ("db", "Db", "db_app"),  # the name of a folder
        ("email", "Email", "email_app"),  # of Python's own
        ("alembic", "Alembic", "my_alembic"),  # of a dependency
    ],
)
def test_the_name_follows_from_the_folder(
    template: Template, tmp_path: Path, folder: str, name: str, package: str
) -> None:
    found = answers(template.render(tmp_path / folder))
    assert (found["project_name"], found["package_name"]) == (name, package)


def test_the_tests_run_on_no_older_copier_than_projects_may() -> None:
    """The weekly run on the lowest versions that the bounds allow has this Copier."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = [line for line in settings["dependency-groups"]["dev"] if line.startswith("copier>=")]
    assert needed == [f"copier>={COPIER_YML['_min_copier_version']},<10"]


def test_a_clone_with_changes_that_are_not_committed_is_refused(
    tmp_path: Path, destination: Path
) -> None:
    """Copier would commit them to a copy that it throws away, and no update could find them."""
    clone = Template.of_working_tree(tmp_path / "template")
    clone.release("v1.0.0")
    check("git", "tag", "--delete", "v1.0.0", cwd=clone.folder)
    (clone.folder / "notes.txt").write_text("not committed\n")
    with pytest.raises(ValueError, match="not committed"):
        clone.render(destination)
    assert not destination.exists() or files(destination) == {}
    commit_all(clone.folder, "Commit them")
    clone.render(destination)


def test_only_answers_to_questions_are_stored(template: Template, destination: Path) -> None:
    asked = {
        name
        for name, question in QUESTIONS.items()
        if question.get("ask", True)
        and ("existing_project" not in question.get("when", "") or "not " in question["when"])
    }
    assert answers(template.render(destination)).keys() == asked


@pytest.mark.parametrize(
    ("question", "answer", "message"),
    [
        ("project_name", "", "Give 1 to 60 characters"),
        ("project_name", 'My "App"', "without quotes"),
        ("project_name", "My\nApp", "on one line"),
        ("project_name", "x" * 61, "Give 1 to 60 characters"),
        ("project_slug", "My-App", "lower-case letters"),
        ("project_slug", "my--app", "single dashes"),
        ("project_slug", "2fast", "a letter first"),
        ("project_slug", "x" * 64, "at most 63"),
        ("project_slug", "alembic", 'give another, as in "my-alembic"'),
        ("project_slug", "pytest-alembic", "depends on a package"),
        ("project_description", "", "Give 1 to 200 characters"),
        ("project_description", 'a "b"', "without double quotes"),
        ("project_description", "a\\b", "backslashes"),
        ("package_name", "MyApp", "lower-case letters"),
        ("package_name", "my-app", "underscores"),
        ("package_name", "2fast", "a letter first"),
        ("package_name", "", "a letter first"),
        ("package_name", "class", "is a Python keyword and cannot be imported: give another"),
        ("package_name", "email", "would shadow Python's standard library"),
        ("package_name", "fastapi", "would shadow a dependency"),
        ("package_name", "migrations", "a folder of the project"),
        ("web_framework", "django", "web_framework"),
        ("model_style", "peewee", "model_style"),
        ("postgres_version", 13, "postgres_version"),
        ("ci", "gitlab", "ci"),
        ("toolkit", "submodule", "toolkit"),
    ],
)
def test_a_wrong_answer_is_refused_and_nothing_is_written(
    template: Template, destination: Path, question: str, answer: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=question) as refused:
        template.render(destination, **{question: answer})
    assert message in " ".join(str(refused.value).split())
    assert not destination.exists() or files(destination) == {}


def test_every_text_answer_is_validated() -> None:
    texts = {
        name
        for name, asked in QUESTIONS.items()
        if "choices" not in asked and asked["type"] == "str"
    }
    assert texts <= {name for name, asked in QUESTIONS.items() if "validator" in asked}


def test_nobody_needs_to_trust_the_template() -> None:
    assert not {"_tasks", "_jinja_extensions"} & COPIER_YML.keys()
    assert all("version" in migration for migration in COPIER_YML.get("_migrations", []))
    assert not [name for name, asked in QUESTIONS.items() if asked.get("secret")]


def test_the_whole_standard_library_is_reserved() -> None:
    reserved = set(COPIER_YML["standard_library_names"]["default"].split())
    names = {name for name in sys.stdlib_module_names if name.islower() and name[0] != "_"}
    assert names <= reserved
