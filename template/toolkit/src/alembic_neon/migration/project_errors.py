"""Errors of the project's own Python files, in one line: the file, the line and the fix.

What fails in the toolkit's code, or in a library that no file of the project has called, stays as
it is: a defect keeps its traceback.
"""

import os
import re
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, NoReferencedColumnError, NoReferencedTableError

from ..errors import ConfigurationError, MigrationError, ToolkitError

_TOOLKIT: Final = Path(__file__).resolve().parents[1]
_STANDARD_LIBRARY: Final = Path(os.__file__).resolve().parent
_INSTALLED: Final = {"site-packages", "dist-packages"}
_CONFLICT_MARKER: Final = re.compile(r"(<{7}|={7}|>{7})(\s|\Z)")
_WHERE_MODELS_ARE: Final = (
    "Say where the models are: uvx copier update --data metadata=PACKAGE.MODULE:ATTRIBUTE"
)


@contextmanager
def project_errors_explained(skip: Collection[str] = ()) -> Iterator[None]:
    """Turn what a file of the project raises into an error that names its line.

    `skip` are files whose errors somebody else explains.

    Raises:
        ConfigurationError: `env.py`, `hooks.py`, the models or what they import is wrong.
        MigrationError: a revision file is.
    """
    try:
        yield
    except (ToolkitError, CommandError, DBAPIError):
        raise
    except (Exception, SystemExit) as error:
        failure = explain_project_error(error, skip)
        if failure is None:
            raise
        raise failure from None


def explain_project_error(
    error: Exception | SystemExit, skip: Collection[str] = ()
) -> ToolkitError | None:
    """Return the error to show for one that a file of the project has raised, or None."""
    traced = traceback.extract_tb(error.__traceback__)
    if any(frame.filename in skip for frame in traced):
        return None  # and whatever these files called
    if isinstance(error, (NoReferencedTableError, NoReferencedColumnError)):
        text = " ".join(str(error).split())
        return ConfigurationError(
            f"{text}.", "Import the module that declares it before env.py hands its metadata over."
        )
    if isinstance(error, SyntaxError) and error.filename and _is_of_project(error.filename):
        return _syntax_error(error, error.filename)
    frames = [
        frame
        for frame in traced
        if _is_of_project(frame.filename) or _is_of_toolkit(frame.filename)
    ]
    if not frames or _is_of_toolkit(frames[-1].filename):
        return None
    file, line = frames[-1].filename, frames[-1].lineno
    text = " ".join(str(error).partition("(Background on")[0].split()).rstrip(".")
    if Path(file).name == "env.py" and isinstance(error, (ImportError, AttributeError)):
        return ConfigurationError(f"{file}, line {line}: {text}.", _WHERE_MODELS_ARE)
    where = f"{_shown(file)}, line {line}"
    if isinstance(error, SystemExit):
        message = f"{where}: sys.exit() or the like ends the program."
        return _kind(file)(message, "Raise an error there, or do it where the program starts.")
    return _kind(file)(f"{where}: {type(error).__name__}: {text}.", _fix(error))


def _fix(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        name = error.name.partition(".")[0]
        return f"Install what has {name} into this environment, or fix the import."
    return "Fix that line."


def _syntax_error(error: SyntaxError, file: str) -> ToolkitError:
    where = f"{_shown(file)}, line {error.lineno}"
    if _CONFLICT_MARKER.match(error.text or ""):
        return _kind(file)(f"{where}: a conflict marker of git.", "Resolve the merge in that file.")
    return _kind(file)(f"{where}: {type(error).__name__}: {error.msg}.", "Fix that line.")


def _kind(file: str) -> type[ToolkitError]:
    return MigrationError if "versions" in Path(file).parts else ConfigurationError


def _shown(file: str) -> str:
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


def _is_of_toolkit(file: str) -> bool:
    return Path(file).is_relative_to(_TOOLKIT)


def _is_of_project(file: str) -> bool:
    path = Path(file)
    is_python = path.is_absolute() and not path.is_relative_to(_STANDARD_LIBRARY)
    return is_python and not _is_of_toolkit(file) and not _INSTALLED & set(path.parts)
