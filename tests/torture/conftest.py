"""The world of each torture, and the line of figures at the end of all."""

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from alembic_neon.embedded.server import LocalServer
from network import Network
from rendering import ROOT
from scratch_project import ScratchProject

from .figures import Figures
from .world import World, prepared_server, server_socket, small_disk

SCENARIOS: Final = 3
FILE: Final = ROOT / "torture.json"
_figures: Final[list[Figures]] = []


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """The figures of the whole run, which are written at its end."""
    found = Figures(request.config.getoption("--torture-seed"))
    _figures.append(found)
    yield found
    found.write(FILE)


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> float:
    """How long this torture lasts, once all is prepared: each has an equal part of the minutes."""
    minutes: float = request.config.getoption("--torture-minutes")
    return 60 * minutes / SCENARIOS


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScratchProject:
    """A project without models and revisions; the working directory is its folder."""
    project = ScratchProject.make(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    return project


@pytest.fixture
def disk(project: ScratchProject) -> Iterator[Path | None]:
    """The disk of the project's server, where a small one can be had."""
    with small_disk(project.folder / ".neon-local") as found:
        yield found


@pytest.fixture
def tortured(project: ScratchProject, disk: Path | None) -> Iterator[LocalServer]:
    """The project's server; it comes back after a crash with all that was committed."""
    with prepared_server(disk or project.folder / ".neon-local") as server:
        yield server


@pytest.fixture
async def world(
    project: ScratchProject,
    disk: Path | None,
    tortured: LocalServer,
    figures: Figures,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> AsyncIterator[World]:
    """The project, its server and a network; a promise that was broken fails the test."""
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    before = len(figures.failures)
    async with Network(server_socket(tortured)).running() as network:
        rng = random.Random(f"{figures.seed} {request.node.name}")  # noqa: S311 - a seed
        yield World(project, tortured, network, rng, figures, outputs, disk)
    broken = [f"{promise}: {text}" for promise, text in figures.failures[before:]]
    assert broken == [], "\n\n".join(broken)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the line."""
    for each in _figures:
        terminalreporter.line(each.line())
