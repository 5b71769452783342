"""Updates: every released version in every profile, lived in by its user, to the working tree."""

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from forked_runs import check_module, run_module
from lived_in import edit_shared_files, live_in, replace
from releases import PRESENT, RELEASES, Release
from rendering import QUESTIONS, Template, check, commit_all, files, run_mypy, uv
from updating import changed, make, stored_answers, unmerged, update

# Each choice of each question occurs, and each text once with what it can bear.
PROFILES: dict[str, dict[str, Any]] = {
    "fastapi-sqlmodel-github-18": {},
    "none-sqlalchemy-none-16": {
        "web_framework": "none",
        "model_style": "sqlalchemy",
        "ci": "none",
        "postgres_version": 16,
    },
    "fastapi-sqlalchemy-none-17": {
        "project_name": "Größe & Maß: 'x' (1/2) #3, 100% yes!",
        "model_style": "sqlalchemy",
        "ci": "none",
        "postgres_version": 17,
    },
    "none-sqlmodel-github-14": {
        "project_slug": "a" + "-1" * 31,
        "package_name": "n",
        "web_framework": "none",
        "postgres_version": 14,
    },
    "fastapi-sqlmodel-none-15": {
        "project_description": "It's {100%} <b>ours</b> & #1: yes" + "!" * 100,
        "ci": "none",
        "postgres_version": 15,
    },
}


@dataclass(frozen=True)
class Updated:
    """A project after its update."""

    folder: Path
    before: dict[str, str]
    fresh: Path
    """A project of the present version and these answers, edited in the files of both."""

    def owner(self, path: str) -> str:
        """Return who owns a file, as the project's README says: the template, both, or you."""
        readme = (self.fresh / "README.md").read_text()
        for row in readme.partition("## File ownership")[2].splitlines():
            if len(cells := row.split(" | ")) == 3:
                names = re.findall(r"`([\w./*-]+)`", cells[0])
                if any(re.match(name.replace("*", "[^/]*"), path) for name in names):
                    return cells[1]
        return "the template" if path == ".copier-answers.yml" else "you"

    def of(self, owner: str, found: dict[str, str]) -> dict[str, str]:
        """Return the files of one owner."""
        return {path: text for path, text in found.items() if self.owner(path) == owner}


# A group is run by one worker, so that each project is made and updated once.
# All of them take minutes. By default run the first profile of each version, and each profile of
# the newest one; `-m "matrix or not matrix"` runs the others too.
CASES = [
    pytest.param(
        (release, profile),
        id=f"{release.version}-{profile}",
        marks=[pytest.mark.xdist_group(f"update-{release.version}-{profile}")]
        + [pytest.mark.matrix] * (release != RELEASES[-1] and profile != next(iter(PROFILES))),
    )
    for release in RELEASES
    for profile in PROFILES
]


@pytest.fixture(scope="module", params=CASES)
def updated(
    request: pytest.FixtureRequest, released: Template, tmp_path_factory: pytest.TempPathFactory
) -> Updated:
    """A project of one version and profile that was lived in and updated."""
    release, profile = request.param
    folder = tmp_path_factory.mktemp("updated")
    project = folder / "my-app"
    make(released, release, project, **PROFILES[profile])
    before = files(project)
    update(project)
    fresh = released.render(folder / "fresh", PRESENT, **stored_answers(project))
    edit_shared_files(fresh)
    return Updated(project, before, fresh)


def test_every_choice_of_every_question_is_in_a_profile() -> None:
    defaults = {"web_framework": "fastapi", "model_style": "sqlmodel", "ci": "github"}
    asked = RELEASES[-1].questions()
    for name in (name for name in asked if "choices" in asked[name]):
        choices = asked[name]["choices"]
        values = set(choices.values() if isinstance(choices, dict) else choices)
        met = {answers.get(name, defaults.get(name, 18)) for answers in PROFILES.values()}
        assert met == values, name


def test_an_update_leaves_no_conflict(updated: Updated) -> None:
    assert unmerged(updated.folder) == ""
    assert not [
        path
        for path, text in files(updated.folder).items()
        if "<<<<<<<" in text or path.endswith(".rej")
    ]


def test_the_files_of_the_template_equal_a_fresh_render(updated: Updated) -> None:
    found = updated.of("the template", files(updated.folder))
    wanted = updated.of("the template", files(updated.fresh))
    deleted = {path for path in wanted if path.endswith("workflows/test.yml")}  # by the user
    assert found == {path: text for path, text in wanted.items() if path not in deleted}


def test_the_files_of_both_are_the_templates_with_the_edits_of_the_user(updated: Updated) -> None:
    found = updated.of("both", files(updated.folder))
    assert found == updated.of("both", files(updated.fresh))
    assert found.keys() == {"pyproject.toml", "README.md", ".gitignore", ".pre-commit-config.yaml"}


def test_the_files_of_the_user_are_as_they_were(updated: Updated) -> None:
    found = updated.of("you", files(updated.folder))
    assert found == updated.of("you", updated.before)
    assert {"migrations/hooks.py", "tests/test_ours.py", ".env.example"} <= found.keys()


def test_the_answers_are_kept(updated: Updated) -> None:
    before = yaml.safe_load(updated.before[".copier-answers.yml"])
    kept = {name: value for name, value in before.items() if not name.startswith("_")}
    assert kept.items() <= stored_answers(updated.folder).items()
    assert QUESTIONS.keys() >= kept.keys()


def test_a_second_update_changes_nothing(updated: Updated, tmp_path: Path) -> None:
    project = tmp_path / "my-app"
    shutil.copytree(updated.folder, project)
    commit_all(project, "Update")
    update(project)
    assert changed(project) == ""


@pytest.mark.parametrize(
    ("release", "profile"),
    [
        # The newest release in each run, the older ones by -m matrix.
        pytest.param(
            release,
            profile,
            id=f"{release.version}-{profile}",
            marks=() if release is RELEASES[-1] else pytest.mark.matrix,
        )
        for release, profile in zip(RELEASES, list(PROFILES) * len(RELEASES), strict=False)
    ],
)
def test_an_installed_project_goes_on_working(
    release: Release, profile: str, released: Template, tmp_path: Path
) -> None:
    """Its database is at head and runs while `copier update` does its work; its tests pass then."""
    project = tmp_path / "my-app"
    make(released, release, project, **PROFILES[profile])

    def uv_run(*command: str) -> str:
        return check(uv(), "run", "--no-sync", *command, cwd=project)

    check(uv(), "sync", "--quiet", "--python", sys.executable, cwd=project)
    uv_run("db", "upgrade")
    history = uv_run("alembic", "history")
    current = uv_run("alembic", "current")
    assert "2c3d4e5f6a7b (head) (mergepoint)" in current
    commit_all(project, "Lock")

    quiet = check(sys.executable, "-m", "copier", "check-update", cwd=project)
    assert "New template version available" in quiet
    check(sys.executable, "-m", "copier", "update", "--defaults", cwd=project)
    check(uv(), "sync", "--quiet", "--python", sys.executable, cwd=project)
    assert uv_run("alembic", "history") == history
    assert uv_run("alembic", "current") == current
    assert uv_run("db", "upgrade", "--json", "-").strip() == "[]"
    uv_run("db", "check")
    uv_run("db", "stop")
    # Where it makes its own folder pytest takes rights away, from servers of other tests too.
    own_folder = f"--basetemp={tmp_path / 'pytest'}"
    assert " passed" in uv_run("pytest", "-q", "-n", "2", own_folder)
    uv_run("ruff", "check")
    run_mypy(project)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        # A file of the template, where the versions differ too.
        ("src/my_app/db/connection/url.py", '"""', '"""Ours. '),
        # A file of both: a dependency that sorts to where the template adds one.
        (
            "pyproject.toml",
            '  "pydantic-settings>=2.16,<3",\n',
            '  "humanize>=4",\n  "pydantic-settings>=2.16,<3",\n',
        ),
    ],
)
def test_edits_that_meet_are_a_visible_conflict(
    project: Path, path: str, old: str, new: str
) -> None:
    replace(project / path, old, new)
    commit_all(project, "Edit")
    update(project)
    assert {line.split("\t")[1] for line in unmerged(project).splitlines()} == {path}
    text = (project / path).read_text()
    assert "<<<<<<< before updating" in text
    assert new.splitlines()[0] in text


def test_recopy_gives_the_files_of_the_template_back(released: Template, project: Path) -> None:
    """And the user's samples too, which git brings back to what they were."""
    live_in(project)
    (project / "migrations/env.py").write_text("broken\n")
    commit_all(project, "Our work, and what should not be")
    before = files(project)
    command = ("copier", "recopy", "--defaults", "--overwrite", "--vcs-ref", PRESENT)
    check_module(*command, cwd=project)
    answers = stored_answers(project)
    fresh = files(released.render(project.parent / "fresh", PRESENT, **answers))
    found = files(project)
    assert {path: found[path] for path in fresh} == fresh
    check("git", "restore", "src/my_app/models", cwd=project)
    models = "src/my_app/models/task.py"
    assert files(project)[models] == before[models]


def test_check_update_tells_by_its_status(released: Template, project: Path) -> None:
    command = ("copier", "check-update", "--quiet")
    assert run_module(*command, cwd=project).returncode == 2
    update(project)
    assert run_module(*command, cwd=project).returncode == 0
