"""Renders projects from the working tree, changes that are not committed yet included."""

import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import copier
import yaml

ROOT: Final = Path(__file__).parent.parent
# What the toolkit is imported from, also by programs of another environment.
TOOLKIT_PARENT: Final = ROOT / "template/toolkit/src"
# How the names of the variables begin that the toolkit reads. NEON_OPENAPI_DOCUMENT is none: it is
# where the tests find Neon's document.
DATABASE_SETTINGS: Final = ("DATABASE_URL", "DB_", "NEON_API_", "NEON_PROJECT_", "APP_ENV")
QUESTIONS: Final[dict[str, Any]] = {
    name: question
    for name, question in yaml.safe_load((ROOT / "copier.yml").read_text()).items()
    if not name.startswith("_") and question.get("when", True) is not False
}


def inherited_environment() -> dict[str, str]:
    """Return the variables for a program of a test: those of a database are not handed on."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith((*DATABASE_SETTINGS, "VIRTUAL_ENV", "PYTEST_", "PYTHONPATH"))
    }


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program and return what it said."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=inherited_environment() | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def check(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program that must succeed and return its standard output."""
    result = run(*command, cwd=cwd, **environment)
    assert result.returncode == 0, f"{command} in {cwd}:\n{result.stdout}\n{result.stderr}"
    return result.stdout


def run_mypy(project: Path) -> None:
    """Check the types of an installed project, by its own settings.

    The projects share what mypy finds out about the packages, so that only one runs at a time.
    """
    cache = Path(os.environ["MYPY_CACHE_DIR"])
    cache.mkdir(exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        check(uv(), "run", "--no-sync", "mypy", cwd=project)


def uv() -> str:
    """Return the path of uv, which runs these tests or lies on the path."""
    found = os.environ.get("UV") or shutil.which("uv")
    assert found, "uv is needed: pip install uv"
    return found


def commit_all(folder: Path, message: str, tag: str = "") -> None:
    """Commit everything in a folder that may not be a repository yet, and tag the commit."""
    if not (folder / ".git").exists():
        check("git", "init", "--quiet", "--initial-branch=main", cwd=folder)
    check("git", "add", "--all", cwd=folder)
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    check("git", *identity, "commit", "--quiet", "--message", message, cwd=folder)
    if tag:
        check("git", "tag", tag, cwd=folder)


@dataclass(frozen=True)
class Template:
    """A repository with the template in it, at as many versions as it has tags."""

    folder: Path

    @classmethod
    def of_working_tree(cls, folder: Path) -> "Template":
        """Copy the template's files as they lie in the working tree; nothing is committed."""
        listed = check(
            *("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
            *("copier.yml", "template", "hooks"),
            cwd=ROOT,
        )
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        return cls(folder)

    def release(self, version: str) -> None:
        """Commit what is in the folder and tag it."""
        commit_all(self.folder, f"Version {version}", version)

    def render(self, destination: Path, version: str = "HEAD", **answers: Any) -> Path:
        """Make a project as `copier copy --defaults` does, without trust."""
        assert answers.keys() <= QUESTIONS.keys(), "an answer to a question that nobody asks"
        copier.run_copy(
            str(self.folder),
            destination,
            data=answers,
            defaults=True,
            quiet=True,
            unsafe=False,
            vcs_ref=version,
        )
        return destination


def files(folder: Path) -> dict[str, str]:
    """Return the files of a project that git would keep, with their contents."""
    ignored = {".git", ".venv", ".neon-local", "__pycache__", "uv.lock"} | {
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
    }
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not ignored & set(path.relative_to(folder).parts)
    }
