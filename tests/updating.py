"""Makes a project of a released version, lives in it, and updates it."""

from pathlib import Path
from typing import Any

import copier
import yaml
from lived_in import live_in
from releases import PRESENT, Release
from rendering import Template, check, commit_all


def make(template: Template, release: Release, project: Path, **answers: Any) -> None:
    """Make a project of a version, and live in it."""
    template.render(project, release.tag, **answers)
    commit_all(project, "Start")
    live_in(project)
    commit_all(project, "Our work")


def update(project: Path, version: str = PRESENT, **answers: Any) -> None:
    """Update a project as `copier update --defaults` does, without trust."""
    copier.run_update(
        project,
        data=answers,
        defaults=True,
        overwrite=True,
        quiet=True,
        unsafe=False,
        vcs_ref=version,
    )


def unmerged(project: Path) -> str:
    """Return the paths with conflicts."""
    return check("git", "ls-files", "--unmerged", cwd=project)


def changed(project: Path) -> str:
    """Return what differs from the last commit."""
    return check("git", "status", "--porcelain", cwd=project)


def stored_answers(project: Path) -> dict[str, Any]:
    """Return the stored answers, without what Copier itself remembers."""
    found: dict[str, Any] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return {name: value for name, value in found.items() if not name.startswith("_")}
