"""The embedded server: made, started by many at once, killed, and found in every state of ruin."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from alembic_neon.cli.rehearse import last_plan
from alembic_neon.embedded.server import LocalServer, Profile
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConfigurationError
from queries import first_column
from rendering import TOOLKIT_PARENT

CODE = """
import sys, time
from pathlib import Path
from alembic_neon.embedded.server import LocalServer
server = LocalServer(Path(sys.argv[1]), "test", 18)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalServer]:
    """A server that is not made yet, and is stopped at the end."""
    server = LocalServer(tmp_path / ".neon-local", "test", 18)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A running development server, for tests that only look at it."""
    server = LocalServer(tmp_path_factory.mktemp("running") / ".neon-local", "development", 18)
    server.ensure_running()
    yield server
    server.stop()


def ask(url: DatabaseURL, *statements: str) -> str:
    """Run statements and return the first value of the last one."""
    return str(next(iter(asyncio.run(first_column(url, *statements))), ""))


def python(code: str, server: LocalServer, *wrapper: str) -> "subprocess.Popen[str]":
    """Start a process of its own that knows the server, by a program that wraps it if need be."""
    return subprocess.Popen(
        [*wrapper, sys.executable, "-c", CODE + code, str(server.folder)],
        env=os.environ | {"PYTHONPATH": str(TOOLKIT_PARENT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def postmaster(server: LocalServer) -> psutil.Process:
    """Return the server's main process."""
    return psutil.Process(int((server.data / "postmaster.pid").read_text().split("\n")[0]))


def kill(server: LocalServer) -> None:
    """Kill the server with all its processes, as a machine that loses its power does."""
    main = postmaster(server)
    processes = [main, *main.children()]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes)


def test_it_is_made_started_and_stopped(server: LocalServer) -> None:
    assert not server.is_running()
    assert server.ensure_running()
    assert not server.ensure_running(), "the second call finds it running"
    assert ask(server.url(), "SELECT current_database()") == "main"
    assert server.stop()
    assert not server.is_running()
    assert not server.stop(), "there is nothing left to stop"


def test_data_outlives_a_stop(server: LocalServer) -> None:
    server.ensure_running()
    ask(server.url(), "CREATE TABLE kept AS SELECT 7 AS n")
    server.stop()
    server.ensure_running()
    assert ask(server.url(), "SELECT n FROM kept") == "7"


def test_of_eight_processes_at_once_one_starts_it(server: LocalServer) -> None:
    waiting = [python("print(server.ensure_running())", server) for _ in range(8)]
    said = [process.communicate(timeout=120)[0].strip() for process in waiting]
    assert [process.returncode for process in waiting] == [0] * 8
    assert sorted(said) == ["False"] * 7 + ["True"]
    assert ask(server.url(), "SELECT 1") == "1"


def test_a_killed_server_is_recovered_from_with_its_data(running: LocalServer) -> None:
    ask(running.url(), "CREATE TABLE kept AS SELECT 7 AS n")
    kill(running)
    assert (running.data / "postmaster.pid").exists()
    assert not running.is_running()
    assert running.ensure_running()
    assert ask(running.url(), "SELECT n FROM kept") == "7"


def test_a_pid_file_that_names_another_process_is_no_server(server: LocalServer) -> None:
    """After a restart of a container the pid may be anybody's; that process is left alone."""
    server.ensure_running()
    kill(server)
    other = subprocess.Popen(["sleep", "60"])
    try:
        pid_file = server.data / "postmaster.pid"
        lines = pid_file.read_text().split("\n")
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]))
        assert not server.stop()
        assert server.ensure_running()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("content", ["", "not a number\n", "\n\n\n"])
def test_a_broken_pid_file_is_no_server(server: LocalServer, content: str) -> None:
    server.ensure_running()
    server.stop()
    (server.data / "postmaster.pid").write_text(content)
    assert server.ensure_running()


IN_ANOTHER_CONTAINER = ("unshare", "--pid", "--fork", "--mount-proc")
can_unshare = pytest.mark.skipif(os.getuid() != 0, reason="only root makes namespaces of processes")


@can_unshare
def test_a_server_of_another_container_is_alive_there_and_used_from_here(
    server: LocalServer,
) -> None:
    """In another namespace of processes its pid is nobody's, or another process's."""
    server.ensure_running()
    ask(server.url(), "CREATE TABLE kept AS SELECT 7 AS n")
    before = postmaster(server).pid
    code = "print(server.is_running(), server.ensure_running(), server.is_running())"
    said = python(code, server, *IN_ANOTHER_CONTAINER).communicate(timeout=120)[0]
    assert said == "True False True\n"
    assert postmaster(server).pid == before, "no second one was started on its data"
    assert ask(server.url(), "SELECT n FROM kept") == "7"


@can_unshare
@pytest.mark.parametrize("call", ["stop", "ensure_running"])
def test_a_server_of_another_container_is_not_stopped_by_its_pid(
    server: LocalServer, call: str
) -> None:
    server.ensure_running()
    if call == "ensure_running":
        (server.socket_folder / ".s.PGSQL.5432").unlink()  # nobody can ask it any more
    code = f"""
from alembic_neon.embedded import server as module
from alembic_neon.errors import ToolkitError
module._SOCKET_TIMEOUT_SECONDS = 0.2
try:
    server.{call}()
except ToolkitError as error:
    print(error.message)
"""
    said = python(code, server, *IN_ANOTHER_CONTAINER).communicate(timeout=120)[0]
    assert "runs in another container" in said
    assert postmaster(server).is_running()


def test_a_folder_that_was_renamed_while_its_server_runs_is_still_the_servers(
    server: LocalServer, tmp_path: Path
) -> None:
    server.ensure_running()
    ask(server.url(), "CREATE TABLE kept AS SELECT 7 AS n")
    before = postmaster(server)
    server.folder.rename(tmp_path / "renamed")
    renamed = LocalServer(tmp_path / "renamed", "test", 18)
    try:
        is_another = renamed.ensure_running()  # where the socket had to lie elsewhere
        goes_on = before.is_running() and before.status() != psutil.STATUS_ZOMBIE
        assert is_another != goes_on, "never two on the same data"
        assert ask(renamed.url(), "SELECT n FROM kept") == "7"
        assert renamed.stop()
        assert not renamed.is_running()
    finally:
        renamed.stop()


def test_a_copy_of_a_running_servers_folder_is_refused(server: LocalServer, tmp_path: Path) -> None:
    """Its files are of different moments; and never do two folders act on one server."""
    server.ensure_running()
    subprocess.run(["cp", "-a", server.folder, tmp_path / "copy"], check=True)
    copy = LocalServer(tmp_path / "copy", "test", 18)
    assert not copy.is_running()
    with pytest.raises(ConfigurationError, match=r"was copied from .* while its server ran"):
        copy.ensure_running()
    assert not copy.stop()
    assert server.is_running(), "the original goes on"
    server.stop()
    shutil.rmtree(copy.folder)
    subprocess.run(["cp", "-a", server.folder, copy.folder], check=True)
    assert copy.ensure_running(), "of one that was stopped it is a server of its own"
    copy.stop()


def test_children_of_a_killed_server_are_waited_for(server: LocalServer) -> None:
    """PostgreSQL refuses to start beside them; they are gone as soon as they notice."""
    server.ensure_running()
    main = postmaster(server)
    children = main.children()
    for child in children:
        child.suspend()
    main.kill()
    main.wait()
    starting = python("print(server.ensure_running())", server)
    with pytest.raises(subprocess.TimeoutExpired):
        starting.communicate(timeout=2)
    for child in children:
        child.resume()
    assert starting.communicate(timeout=60)[0] == "True\n"
    assert ask(server.url(), "SELECT 1") == "1"


def test_nobody_else_reads_its_log(running: LocalServer) -> None:
    assert running.log.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.getuid() != 0, reason="only root runs it as another user")
def test_root_opens_no_folder_to_others(tmp_path: Path) -> None:
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    server = LocalServer(closed / "project", "test", 18)
    folders = [closed, *closed.parents]
    before = [folder.stat().st_mode & 0o007 for folder in folders]
    try:
        server.ensure_running()
        assert ask(server.url(), "SELECT 1") == "1"
        assert [folder.stat().st_mode & 0o007 for folder in folders] == before
        for user, may_pass in ((server_user(), True), (65534, False)):
            entered = subprocess.run(["stat", server.folder], user=user, check=False)
            assert (entered.returncode == 0) == may_pass
    finally:
        server.stop()


def server_user() -> int:
    return pwd.getpwnam("pgserver").pw_uid


def test_a_server_that_lost_its_socket_is_started_anew(server: LocalServer) -> None:
    """A cleaner of temporary folders may remove it while the server goes on."""
    server.ensure_running()
    before = postmaster(server).pid
    (server.socket_folder / ".s.PGSQL.5432").unlink()
    assert server.ensure_running()
    assert postmaster(server).pid != before
    assert ask(server.url(), "SELECT 1") == "1"


def test_an_interrupted_first_start_leaves_nothing_half_made(server: LocalServer) -> None:
    first = python("server.ensure_running()", server)
    deadline = time.monotonic() + 30
    while not list(server.folder.glob("test-18.*/base")) and time.monotonic() < deadline:
        time.sleep(0.01)
    first.kill()
    first.wait()
    assert not server.data.exists()
    assert server.ensure_running()
    assert ask(server.url(), "SELECT current_user") == "neondb_owner"


def test_it_stops_with_the_last_process_that_uses_it(server: LocalServer) -> None:
    code = "with server.in_use():\n    print('in', flush=True)\n    time.sleep({})"
    longer, shorter = python(code.format(4), server), python(code.format(0), server)
    assert longer.stdout is not None
    assert longer.stdout.readline() == "in\n"
    assert shorter.communicate(timeout=60)[0] == "in\n"
    assert server.is_running(), "one process still uses it"
    longer.communicate(timeout=60)
    assert not server.is_running()


def test_a_long_path_has_its_socket_elsewhere(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / ("x" * 100) / ".neon-local", "test", 18)
    server.folder.parent.mkdir()
    assert not server.socket_folder.is_relative_to(tmp_path)
    try:
        server.ensure_running()
        assert ask(server.url(), "SELECT 1") == "1"
        assert server.socket_folder.stat().st_mode & 0o077 == 0
    finally:
        server.stop()


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / ("x" * 100) / ".neon-local", "test", 18)
    server.folder.parent.mkdir()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    server.socket_folder.symlink_to(theirs)
    try:
        with pytest.raises(ConfigurationError, match="belongs to somebody else"):
            server.ensure_running()
        assert list(theirs.iterdir()) == []
    finally:
        server.socket_folder.unlink()


def test_two_projects_never_meet(server: LocalServer, running: LocalServer) -> None:
    server.ensure_running()
    ask(server.url(), "CREATE TABLE only_here ()")
    assert ask(running.url(), "SELECT to_regclass('only_here')") == "None"
    assert server.url() != running.url()


@pytest.mark.parametrize(("profile", "fsync"), [("development", "on"), ("test", "off")])
def test_only_tests_give_up_durability(
    running: LocalServer, server: LocalServer, profile: Profile, fsync: str
) -> None:
    found = running if profile == "development" else server
    assert found.profile == profile
    found.ensure_running()
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert ask(found.url(), f"SHOW {setting}") == fsync


def test_it_listens_on_no_port_and_lets_nobody_else_in(running: LocalServer) -> None:
    assert ask(running.url(), "SHOW listen_addresses") == ""
    mode = (running.socket_folder / ".s.PGSQL.5432").stat().st_mode
    assert mode & 0o777 == 0o700


def test_its_role_is_no_superuser_and_may_make_branches(running: LocalServer) -> None:
    assert ask(running.url(), "SELECT current_user") == "neondb_owner"
    role = (
        "SELECT (rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication)::text "
        "FROM pg_roles WHERE rolname = current_user"
    )
    assert ask(running.url(), role) == "(f,t,t,t,t)"


def test_its_role_may_create_the_extension_that_comes_with_it(running: LocalServer) -> None:
    create = "CREATE EXTENSION vector"
    assert ask(running.url(), create, "SELECT '[1,2]'::vector <-> '[1,4]'") == "2.0"
    ask(running.url(), "DROP EXTENSION vector")


def test_git_ignores_its_folder(running: LocalServer) -> None:
    assert (running.folder / ".gitignore").read_text() == "*\n"


def test_version_16_is_there_too(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / ".neon-local", "test", 16)
    try:
        server.ensure_running()
        assert ask(server.url(), "SHOW server_version").startswith("16.")
    finally:
        server.stop()


def test_what_is_kept_without_a_server_is_ignored_by_git_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "db.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert last_plan() == tmp_path / ".neon-local/last-rehearsal.json"
    assert (tmp_path / ".neon-local/.gitignore").read_text() == "*\n"


async def test_it_has_no_port_and_its_role_is_no_superuser(database: DatabaseURL) -> None:
    assert await first_column(database, "SHOW listen_addresses") == [""]
    (has_all,) = await first_column(
        database, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    )
    assert has_all is False
