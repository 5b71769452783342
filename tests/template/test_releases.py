"""The record of released versions, and what a new version may do to the answers of old projects."""

import re
import tomllib
from itertools import pairwise
from typing import Any

import pytest
import yaml
from releases import RELEASES, Release
from rendering import ROOT, run

# What projects depend on since a release, and no project may be called any more. A project that is
# called so already is refused on update, in one line.
NEW_DEPENDENCIES = {
    "alembic_neon",
    "ast_serialize",
    "fasteners",
    "httpcore2",
    "httpx2",
    "librt",
    "mypyc",
    "opentelemetry",
    "py",
    "sqlparse",
    "tenacity",
    "truststore",
}
# Their default follows from the folder now; in every project the answer is stored.
NEW_DEFAULTS = {"project_name"}
# Asked no more: the toolkit is no folder of the package any more.
GONE = {"toolkit_path", "toolkit_module", "package_folder", "db_command"}
PRESENT: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text())


def test_the_record_the_changelog_and_the_version_agree() -> None:
    recorded = [(release.version, str(release.date)) for release in reversed(RELEASES)]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    unreleased, *headings = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    assert unreleased == "Unreleased"
    assert headings == [f"{version} ({day})" for version, day in recorded]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == RELEASES[-1].version


def test_each_version_builds_on_the_one_before() -> None:
    for before, after in pairwise(RELEASES):
        numbers = [tuple(map(int, release.version.split("."))) for release in (before, after)]
        assert numbers == sorted(set(numbers))
        is_ancestor = run(
            "git", "merge-base", "--is-ancestor", before.find(), after.find(), cwd=ROOT
        )
        assert is_ancestor.returncode == 0
    ours = run("git", "merge-base", "--is-ancestor", RELEASES[-1].find(), "HEAD", cwd=ROOT)
    assert ours.returncode == 0


def test_a_tag_leads_to_the_recorded_commit() -> None:
    for release in RELEASES:
        assert release.find() == release.commit


def test_a_missing_commit_says_how_to_get_it() -> None:
    lost = Release("0.0.1", "0" * 40, RELEASES[0].date)
    with pytest.raises(pytest.fail.Exception, match="git fetch --unshallow"):
        lost.find()


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_every_answer_that_was_allowed_still_is(release: Release) -> None:
    """Copier puts the default, without a word, for what is no answer any more."""
    for name, asked in release.questions().items():
        if name in GONE:
            assert name not in PRESENT
            continue
        now = PRESENT[name]
        assert now["type"] == asked["type"], name
        if asked.get("when", True) is False:
            if name.endswith("_names") or name.endswith("_keywords"):
                new = set(now["default"].split()) - set(asked["default"].split())
                assert new <= NEW_DEPENDENCIES, name
        else:
            if name not in NEW_DEFAULTS:
                assert _where_made(now["default"]) == asked["default"], name
            assert _choices(asked) <= _choices(now), name


def _where_made(default: Any) -> Any:
    """Return a default as it is in a project that the template made, and that adopted nothing."""
    if not isinstance(default, str):
        return default
    made = re.sub(r"^{{ .* if existing_project else (.*) }}$", r"{{ \1 }}", default)
    return re.sub(r"^{{ '(.*)' }}$", r"\1", made)


def _choices(asked: dict[str, Any]) -> set[Any]:
    choices = asked.get("choices", [])
    return set(choices.values() if isinstance(choices, dict) else choices)


def test_every_question_has_a_default() -> None:
    """`copier update --defaults` must not stop at one that is new."""
    for name, asked in PRESENT.items():
        assert name.startswith("_") or "default" in asked, name
