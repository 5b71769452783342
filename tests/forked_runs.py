"""Migrations in processes of their own, to be raced and killed, without a new Python for each."""

import asyncio
import multiprocessing
import os
import sys
import traceback
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from rendering import ROOT
from scratch_project import TOOLKIT_PARENT

_PRELOAD: Final = ["db.migration.runner", "db.migration.environment", "forked_runs"]


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


def _upgrade(url: str, folder: str, log: str) -> None:
    from db.connection.errors import ToolkitError
    from db.connection.url import DatabaseURL
    from db.migration.configuration import alembic_config
    from db.migration.runner import upgrade

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
