"""Every command that the documentation shows is run, or is in a table with the reason why not.

The commands of a page's ```console blocks run in the order of the page, on a project made for it.
Those within the text run one by one; a `db …` in the text must be a command that there is.
"""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from alembic_neon.cli.app import app
from alembic_neon.cli.lazy import LazyCommand
from page_commands import blocks
from rendering import ROOT, Template, check, commit_all, run, uv
from typer.main import get_command

PROJECT_README: Final = "the project's README"
# Where to look, and the beginning of what is not run there, with the reason why not.
NOT_RUN: Final = {
    (
        "README.md",
        "uv run pytest -m",
    ): "benchmarks take minutes; docs/benchmarks.md has their results",
    ("README.md", "uv run python tests/reference.py"): "tests/test_reference.py does the same",
    ("README.md", "bash .ci/run"): "that is what runs this test",
    ("adopting.md", ""): "tests/template/test_adopted_migrations.py runs it, from the page",
    ("updating.md", ""): "tests/template/test_updates.py runs it on projects of every version",
    ("security.md", "uv run pytest -m matrix"): "some minutes; a workflow runs it each week",
    ("security.md", "uv audit"): "it asks a service of the network what is vulnerable today",
    ("security.md", "uv export"): "it asks a service of the network what is vulnerable today",
    (
        "README.md",
        "uv run pytest",
    ): "of a project, getting-started.md runs it; of the template, it runs this",
    (PROJECT_README, "uv run pytest"): "getting-started.md runs it, on the same project",
    ("README.md", "uvx copier update"): "tests/template/test_updates.py runs it",
    (PROJECT_README, "uvx copier update"): "tests/template/test_updates.py runs it",
    (PROJECT_README, "uv audit"): "it asks a service of the network what is vulnerable today",
    (
        "branches.md",
        "python -m tests.neon.api",
    ): "tests/toolkit/branches/test_neon_stand_in.py starts it",
    ("findings-upgrade.md", "uv run tests/real/"): "it needs a server and a program of others",
    (
        "testing.md",
        "TEST_DATABASE_URL=",
    ): "tests/toolkit/verification/test_pytest_plugin.py runs it on a server",
    ("api.md", "uv run python tests/api_reference.py"): "tests/test_api_reference.py does the same",
    ("reference.md", "uv run python tests/reference.py"): "tests/test_reference.py does the same",
}
# In the text, what stands for something else.
PLACEHOLDERS: Final = {"3f2a": "86263795b5d7", " …": " --help"}
# The programs whose commands must run. What stands before them only prepares (git, cd).
PROGRAM: Final = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:uv|uvx|copier|alembic|pytest|pip|python|bash|db) "
)

NOTE: Final = "    note: str | None = None\n"
MODEL: Final = "src/my_app/models/task.py"


@dataclass
class Shell:
    """A person at a prompt: each command begins where the one before it left off."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, command: str) -> str:
        """Run a command, which must succeed, and return all that it said."""
        if " uvicorn " in command:
            return self._serve(command)
        where = self.folder / ".where"
        result = run(
            *("bash", "-e", "-o", "pipefail", "-c", f"{command}\npwd > {shlex.quote(str(where))}"),
            cwd=self.folder,
            **self.environment,
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
        self.folder = Path(where.read_text().strip())
        where.unlink()
        return result.stdout + result.stderr

    def _serve(self, command: str) -> str:
        """Start a server on a port that is free, ask for its page, and stop it."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = self.folder / "server.log"
        with log.open("w") as said:
            server = subprocess.Popen(
                ["bash", "-c", f"exec {command} --port {port}"],
                cwd=self.folder,
                env=os.environ | self.environment,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        try:
            _await_page(f"http://127.0.0.1:{port}/docs", server, log)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                # uvicorn's reloader sets an Event in its signal handler, which can meet the lock of
                # the wait that it interrupts.
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()
        return log.read_text()


def _await_page(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - of this machine
                assert answer.status == 200
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)


def inline(text: str) -> list[str]:
    """Return the commands that stand within the text, outside of blocks."""
    outside = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", outside)]
    return list(dict.fromkeys(span for span in spans if PROGRAM.match(span)))


def reason(page: str, command: str) -> str | None:
    """Return why a command is not run, or None where it is."""
    for (where, start), why in NOT_RUN.items():
        if where == page and command.startswith(start):
            return why
    return None


PAGES: Final = {"README.md": ROOT / "README.md"} | {
    path.name: path for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "README.md"
}


@pytest.fixture(scope="module")
def prepared(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as `copier copy --defaults` makes it; a test copies and installs it."""
    folder = template.render(tmp_path_factory.mktemp("docs") / "my-app")
    commit_all(folder, "Start from the template")
    return folder


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A prompt in an empty folder, with uv and an identity for git; ends the server it started."""
    path = f"{Path(uv()).parent}{os.pathsep}{os.environ['PATH']}"
    who = ("AUTHOR_NAME", "COMMITTER_NAME", "AUTHOR_EMAIL", "COMMITTER_EMAIL")
    identity = {f"GIT_{name}": "test@example.org" for name in who}
    found = Shell(tmp_path, {"PATH": path, "UV_PYTHON": sys.executable, **identity})
    yield found
    project = tmp_path / "my-app"
    if (project / ".venv").exists():
        check(uv(), "run", "--no-sync", "db", "stop", cwd=project)


def in_project(shell: Shell, prepared: Path) -> None:
    """Go into a copy of the project."""
    shutil.copytree(prepared, shell.folder / "my-app")
    shell.folder /= "my-app"


def change_the_model(shell: Shell) -> None:
    """Do what getting-started.md says with an editor."""
    assert NOTE in (ROOT / "docs/getting-started.md").read_text()
    model = shell.folder / MODEL
    text = re.sub(r"^    title: .*\n", rf"\g<0>{NOTE}", model.read_text(), flags=re.MULTILINE)
    assert NOTE in text
    model.write_text(text)


def have_something_pending(shell: Shell) -> None:
    """Have a revision that the database does not have yet."""
    change_the_model(shell)
    shell.run('uv run db revision -m "add a note"')


# What a person does with an editor, just before a command.
BY_HAND: Final = {
    ("README.md", "uv run db revision"): change_the_model,
    ("getting-started.md", "uv run db revision"): change_the_model,
    (PROJECT_README, "uv run db rehearse"): have_something_pending,
}


def walk(shell: Shell, page: str, text: str) -> list[str]:
    """Run a page's blocks from its beginning to its end, and return what was run."""
    commands = [command for command in blocks(text) if reason(page, command) is None]
    for command in commands:
        for (where, start), prepare in BY_HAND.items():
            if where == page and command.startswith(start):
                prepare(shell)
        shell.run(command)
    return commands


def test_the_blocks_of_the_readme(shell: Shell, template: Template) -> None:
    """In a clone of the template, with nothing but Python, pip and git."""
    tools = shell.folder / "tools"
    check(uv(), "venv", "--quiet", "--seed", "--python", sys.executable, tools, cwd=shell.folder)
    shell.environment["PATH"] = f"{tools / 'bin'}{os.pathsep}{shell.environment['PATH']}"
    check("git", "clone", "--quiet", template.folder, "template", cwd=shell.folder)
    shell.folder /= "template"
    ran = walk(shell, "README.md", (ROOT / "README.md").read_text())
    assert shell.folder.name == "my-app"
    assert len(ran) >= 4


def test_the_blocks_of_a_projects_readme(shell: Shell, prepared: Path) -> None:
    in_project(shell, prepared)
    assert len(walk(shell, PROJECT_README, (prepared / "README.md").read_text())) >= 9


def test_the_blocks_of_getting_started(shell: Shell, template: Template) -> None:
    """From an empty folder."""
    text = (ROOT / "docs/getting-started.md").read_text()
    assert (
        len(walk(shell, "getting-started.md", text.replace("TEMPLATE", str(template.folder)))) > 15
    )
    assert (shell.folder / "rehearsal.html").exists()
    status = shell.run("uv run db status")
    assert "nothing is pending" in status


OTHERS: Final = sorted(set(PAGES) - {"README.md", "getting-started.md"})


def test_the_blocks_of_all_other_pages(shell: Shell, prepared: Path) -> None:
    """They are few: one project is enough for all of them."""
    in_project(shell, prepared)
    for page in OTHERS:
        walk(shell, page, PAGES[page].read_text())


def test_the_commands_within_the_text(shell: Shell, prepared: Path) -> None:
    """On a database at head. What a block shows, too, was run there."""
    texts = {page: path.read_text() for page, path in PAGES.items()}
    texts[PROJECT_README] = (prepared / "README.md").read_text()
    shown = [command for text in texts.values() for command in blocks(text)]
    wanted = {
        command
        for page, text in texts.items()
        for command in inline(text)
        if not command.startswith(("db ", "alembic ", "copier ", "pytest "))
        and reason(page, command) is None
        and not any(each.startswith(command) for each in shown)
    }
    in_project(shell, prepared)
    shell.run("uv run db upgrade")
    for command in sorted(wanted, key=lambda each: "downgrade" in each):
        for placeholder, meant in PLACEHOLDERS.items():
            command = command.replace(placeholder, meant)
        if command.startswith("python "):
            command = f"uv run {command}"
        shell.run(command)


@pytest.mark.parametrize("page", [*PAGES, PROJECT_README])
def test_a_db_command_within_the_text_is_one_that_there_is(page: str, prepared: Path) -> None:
    path = prepared / "README.md" if page == PROJECT_README else PAGES[page]
    for command in [each for each in inline(path.read_text()) if each.startswith("db ")]:
        for words in re.split(r"`, `", command):
            require_known(words)


def require_known(command: str) -> None:
    """Follow a command into the command line, and find each of its options there."""
    found: Any = get_command(app)
    context = found.make_context("db", [], resilient_parsing=True)
    for word in re.findall(r"[\w-]+", command.removeprefix("db ")):
        if hasattr(found, "list_commands"):
            found = found.get_command(context, word)
            assert found is not None, f"{command}: there is no command {word}"
            found = found.load() if isinstance(found, LazyCommand) else found
            context = found.make_context(word, [], parent=context, resilient_parsing=True)
        elif word.startswith("--"):
            options = {option for each in found.params for option in each.opts}
            options |= {option for each in found.params for option in each.secondary_opts}
            assert word in {*options, "--help"}, f"{command}: there is no option {word}"


def test_the_table_of_what_is_not_run_has_no_idle_line(prepared: Path) -> None:
    texts = {page: path.read_text() for page, path in PAGES.items()}
    texts[PROJECT_README] = (prepared / "README.md").read_text()
    for page, start in NOT_RUN:
        if page in texts:
            commands = [*blocks(texts[page]), *inline(texts[page])]
            assert any(each.startswith(start) for each in commands), f"{page}: {start}"
