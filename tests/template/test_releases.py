"""The record of released versions, and what a new version may do to the answers of old projects."""

import re
import tomllib
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
import yaml
from releases import RELEASES, Release
from rendering import ROOT, check, run

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
    "tenacity",
    "truststore",
}
# Their defaults follow from the folder now, and avoid names that are taken; in every project the
# answer is stored.
NEW_DEFAULTS = {"project_name", "project_slug", "package_name"}
# Asked no more: the toolkit is no folder of the package any more.
GONE = {"toolkit_path", "toolkit_module", "package_folder", "db_command"}
PRESENT: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text())


@dataclass(frozen=True)
class Versions:
    """What says, each in its own file, which version this is."""

    headings: list[str]  # of CHANGELOG.md, the newest first
    recorded: list[str]  # in releases.toml, the newest first
    repository: str
    toolkit: str
    tags: list[str] = field(default_factory=list)  # of this commit

    @classmethod
    def of_this_commit(cls) -> "Versions":
        """Read them."""
        changelog = (ROOT / "CHANGELOG.md").read_text()
        repository, toolkit = (
            tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]["version"]
            for folder in (".", "template/toolkit")
        )
        return cls(
            re.findall(r"^## (.+)$", changelog, re.MULTILINE),
            [f"{release.version} ({release.date})" for release in reversed(RELEASES)],
            repository,
            toolkit,
            check("git", "tag", "--points-at", "HEAD", "--list", "v*", cwd=ROOT).split(),
        )

    def disagreements(self) -> list[str]:
        """Return, in one sentence each, what does not fit together.

        A release's commit cannot hold its own hash, so that its record follows in the next commit.
        """
        unreleased, *headings = self.headings
        is_release = headings[1:] == self.recorded
        newest = headings[0].partition(" ")[0]
        return [
            sentence
            for sentence, holds in {
                "CHANGELOG.md begins with Unreleased.": unreleased == "Unreleased",
                "CHANGELOG.md and releases.toml have the same versions and days.": (
                    is_release or headings == self.recorded
                ),
                "The repository has the newest version of CHANGELOG.md.": self.repository == newest,
                "A release has the toolkit's version.": not is_release or self.toolkit == newest,
                "The toolkit is never older than the newest release.": (
                    numbers(self.toolkit) >= numbers(newest)
                ),
                "A tag has the toolkit's version, and CHANGELOG.md a heading for it.": (
                    set(self.tags) <= {f"v{self.toolkit}"} and (is_release or not self.tags)
                ),
            }.items()
            if not holds
        ]


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as it is compared."""
    return tuple(map(int, version.split(".")))


def test_the_tag_the_versions_the_changelog_and_the_record_agree() -> None:
    assert Versions.of_this_commit().disagreements() == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"tags": ["v1.1.0"]}, None),
        ({"tags": ["v1.2.0"]}, "A tag has"),
        ({"tags": ["v1.1.0", "v9.0.0"]}, "A tag has"),
        ({"recorded": ["1.1.0 (d2)", "1.0.0 (d1)"], "toolkit": "1.2.0"}, None),
        (
            {
                "recorded": ["1.1.0 (d2)", "1.0.0 (d1)"],
                "toolkit": "1.2.0",
                "tags": ["v1.2.0"],
            },
            "A tag has",
        ),
        ({"toolkit": "1.2.0"}, "A release has"),
        ({"toolkit": "1.0.0"}, "The toolkit is never older"),
        ({"repository": "1.0.0"}, "The repository has"),
        ({"recorded": ["1.0.0 (d0)"]}, "CHANGELOG.md and releases.toml"),
        ({"headings": ["1.1.0 (d2)", "1.1.0 (d2)", "1.0.0 (d1)"]}, "CHANGELOG.md begins"),
    ],
)
def test_what_disagrees_is_named(changes: dict[str, Any], problem: str | None) -> None:
    release = Versions(["Unreleased", "1.1.0 (d2)", "1.0.0 (d1)"], ["1.0.0 (d1)"], "1.1.0", "1.1.0")
    found = replace(release, **changes).disagreements()
    assert found == [] if problem is None else any(each.startswith(problem) for each in found)


def test_each_version_builds_on_the_one_before() -> None:
    for before, after in pairwise(RELEASES):
        assert numbers(before.version) < numbers(after.version)
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
