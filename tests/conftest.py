"""Fixtures for all tests: nothing of the person's own settings reaches them."""

import os
from collections.abc import Iterator
from pathlib import Path

import compiled_templates  # noqa: F401
import pytest
from rendering import DATABASE_SETTINGS, Template


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of tests/torture, which are read before that folder is."""
    group = parser.getgroup("torture")
    group.addoption("--torture-minutes", type=float, default=3, help="how long it lasts")
    group.addoption("--torture-seed", type=int, default=1, help="what the faults are drawn from")


@pytest.fixture(scope="session", autouse=True)
def isolated_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the person's settings of git and Copier, and of databases, out of the tests."""
    folder = tmp_path_factory.mktemp("settings")
    (folder / "copier.yml").write_text("{}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(folder / "gitconfig"))
        patch.setenv("COPIER_SETTINGS_PATH", str(folder / "copier.yml"))
        patch.setenv("COPIER_CACHE_DIR", str(folder / "copier"))
        # What mypy knows of the packages that all projects install, it learns once: all workers
        # of a run have the folder above theirs.
        base = tmp_path_factory.getbasetemp()
        shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
        patch.setenv("MYPY_CACHE_DIR", str(shared / "mypy"))
        yield


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin each test without the person's own database settings."""
    for name in list(os.environ):
        if name.startswith(DATABASE_SETTINGS):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template as the working tree has it, released as version 1.0.0."""
    found = Template.of_working_tree(tmp_path_factory.mktemp("template"))
    found.release("v1.0.0")
    return found


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    """A folder, not there yet, for a project."""
    return tmp_path / "project"
