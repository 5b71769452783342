"""Migrations and commands in processes of their own, without a new Python for each."""

import asyncio
import atexit
import multiprocessing
import os
import runpy
import sys
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory
from typing import Any, Final

from rendering import ROOT, TOOLKIT_PARENT, inherited_environment

_PRELOAD: Final = [
    "compiled_templates",
    "copier._cli",
    "alembic_neon.cli.app",
    "alembic_neon.cli.check",
    "alembic_neon.cli.revision",
    "alembic_neon.cli.status",
    "alembic_neon.cli.upgrade",
    "alembic_neon.migration.environment",
    "forked_runs",
]


def _context() -> Any:
    """Return what forks children from a process that has imported the toolkit and done nothing."""
    # The fork server starts with the path that the environment names.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(TOOLKIT_PARENT), str(ROOT / "tests")])
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    return context


def start_upgrade(url: str, folder: Path, log: Path) -> BaseProcess:
    """Start an upgrade to head of the database at `url` by the project in `folder`."""
    process: BaseProcess = _context().Process(target=_upgrade, args=(url, str(folder), str(log)))
    process.start()
    return process


def join(processes: Sequence[BaseProcess], seconds: float = 120) -> list[int | None]:
    """Wait for processes to end, and return their exit codes."""
    for process in processes:
        process.join(seconds)
        assert not process.is_alive(), "a migration did not end"
    return [process.exitcode for process in processes]


def start_module(
    module: str, *arguments: str, cwd: Path, output: Path, **environment: str
) -> BaseProcess:
    """Start a module as `python -m` does; it writes the files `out` and `err` in `output`."""
    known = inherited_environment() | {"PYTHONPATH": str(TOOLKIT_PARENT)} | environment
    out, err = str(output / "out"), str(output / "err")
    process: BaseProcess = _context().Process(
        target=_module, args=(module, arguments, str(cwd), known, out, err)
    )
    process.start()
    return process


def run_module(
    module: str, *arguments: str, cwd: Path, **environment: str
) -> "CompletedProcess[str]":
    """Run a module as `python -m` does, with the toolkit on the path, and return what it said."""
    with TemporaryDirectory() as scratch:
        output = Path(scratch)
        process = start_module(module, *arguments, cwd=cwd, output=output, **environment)
        (code,) = join([process])
        assert code is not None
        out, err = ((output / each).read_text() for each in ("out", "err"))
        return CompletedProcess([module, *arguments], code, out, err)


def check_module(
    module: str, *arguments: str, cwd: Path, **environment: str
) -> "CompletedProcess[str]":
    """Run a module that must succeed, as `run_module` does."""
    result = run_module(module, *arguments, cwd=cwd, **environment)
    assert result.returncode == 0, (
        f"{module} {arguments} in {cwd}:\n{result.stdout}\n{result.stderr}"
    )
    return result


def _module(
    module: str,
    arguments: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    out: str,
    err: str,
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for path, stream in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream)
    sys.path.insert(0, folder)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # a process of multiprocessing leaves them out


def _upgrade(url: str, folder: str, log: str) -> None:
    from alembic_neon.engine.url import DatabaseURL
    from alembic_neon.errors import ToolkitError
    from alembic_neon.migration.configuration import alembic_config
    from alembic_neon.migration.runner.run import upgrade

    os.chdir(folder)
    with open(log, "a") as file:
        sys.stderr = file
        try:
            steps = asyncio.run(
                upgrade(DatabaseURL.parse(url), config=alembic_config(Path(folder)))
            )
            print("applied", *(step.revision for step in steps), file=file)
        except ToolkitError as error:
            print("refused", error, file=file)
            sys.exit(1)
        except BaseException:  # noqa: BLE001 - told to the test
            traceback.print_exc(file=file)
            sys.exit(3)
