"""Fixtures for the tests of what is rendered."""

from pathlib import Path

import pytest
from adopting import release_two_versions
from releases import RELEASES, released_template
from rendering import Template, commit_all
from updating import update


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template with all its versions."""
    return released_template(tmp_path_factory.mktemp("released"))


@pytest.fixture(scope="session")
def adoptable(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The present template, which existing projects adopt, and a version after it."""
    return release_two_versions(tmp_path_factory.mktemp("adoptable"))


@pytest.fixture
def project(released: Template, tmp_path: Path) -> Path:
    """A project of the first version that nobody has edited yet."""
    folder = released.render(tmp_path / "my-app", RELEASES[0].tag)
    commit_all(folder, "Start")
    return folder


@pytest.fixture
def updated_project(project: Path) -> Path:
    """The same project, brought to the present version."""
    update(project)
    commit_all(project, "Update")
    return project
