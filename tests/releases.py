"""The released versions of the template, taken from the history of this repository."""

import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from rendering import ROOT, Template, check, run

RECORD: Final = ROOT / "tests/template/releases.toml"
PRESENT: Final = "v9999.0.0"  # the working tree, later than any release


@dataclass(frozen=True)
class Release:
    """A version that projects may have been made from."""

    version: str
    commit: str
    date: date

    @property
    def tag(self) -> str:
        """What the version is called in git."""
        return f"v{self.version}"

    def find(self) -> str:
        """Return the commit that the tag leads to, or the recorded one where there is no tag."""
        for name in (f"refs/tags/{self.tag}", self.commit):
            found = run("git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", cwd=ROOT)
            if found.returncode == 0:
                return found.stdout.strip()
        pytest.fail(
            f"Version {self.version}, commit {self.commit[:7]}, is not in this clone, as its "
            "history was cut: run `git fetch --unshallow`.",
            pytrace=False,
        )

    def read(self, path: str) -> str:
        """Return a file as it was in this version."""
        return check("git", "show", f"{self.find()}:{path}", cwd=ROOT)

    def questions(self) -> dict[str, Any]:
        """Return what copier.yml asked, and what it computed, in this version."""
        found: dict[str, Any] = yaml.safe_load(self.read("copier.yml"))
        return {name: asked for name, asked in found.items() if not name.startswith("_")}

    def extract(self, folder: Path) -> None:
        """Write the template of this version to a folder."""
        archive = subprocess.run(
            ["git", "archive", self.find(), "copier.yml", "template", "hooks"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        subprocess.run(["tar", "--extract"], cwd=folder, input=archive, check=True)


RELEASES: Final = [Release(**release) for release in tomllib.loads(RECORD.read_text())["release"]]


def released_template(folder: Path) -> Template:
    """Make a repository with every released version, and with the working tree as the newest."""
    template = Template(folder)
    for release in RELEASES:
        _empty(folder)
        release.extract(folder)
        template.release(release.tag)
    _empty(folder)
    Template.of_working_tree(folder).release(PRESENT)
    return template


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
