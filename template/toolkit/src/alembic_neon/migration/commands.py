"""Alembic's commands, run on a connection of ours, their failures reported in one line."""

import configparser
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError, RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from ..engine.driver_errors import translate_driver_errors
from ..errors import ConfigurationError, MigrationError, ToolkitError, UsageError
from ..project import INI_FILE, config_file
from .project_errors import project_errors_explained


async def run_command(
    config: Config, engine: AsyncEngine | None, command: Callable[..., Any], **arguments: Any
) -> Any:
    """Run a function of `alembic.command` on a connection of `engine`; None: without a database.

    Raises:
        UsageError: Alembic refuses the arguments.
        MigrationError: a statement of a revision failed, or the history has several heads.
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """

    def run(connection: Connection) -> Any:
        config.attributes["connection"] = connection
        try:
            with history_explained():
                return command(config, **arguments)
        except OSError as error:
            if error.filename is None:  # of the connection
                raise
            raise ConfigurationError(
                f"{error.filename} cannot be used: {error.strerror}.",
                "Let yourself read and write the folder of the revisions.",
            ) from None

    try:
        if engine is None:
            with history_explained():
                return command(config, **arguments)
        with translate_driver_errors(engine.url):
            async with engine.connect() as connection:
                return await connection.run_sync(run)
    except CommandError as error:
        raise explain_refusal(error, arguments.get("revision", "")) from None
    finally:
        config.attributes.pop("connection", None)


def script_directory(config: Config) -> ScriptDirectory:
    """Load the revision files, or return those that `config.attributes["scripts"]` holds.

    Raises:
        UsageError: the folder is missing.
        MigrationError: the files do not make a history, or one is not Python.
    """
    loaded = config.attributes.get("scripts")
    if isinstance(loaded, ScriptDirectory):
        return loaded
    try:
        with history_explained():
            script = ScriptDirectory.from_config(config)
            script.get_heads()
    except CommandError as error:
        raise explain_refusal(error) from None
    if not Path(script.env_py_location).is_file():
        raise _wrong_script_location(script.dir)
    return script


def _wrong_script_location(folder: str | Path | None) -> ConfigurationError:
    """Return the error for a folder of migrations that is not there, or is another one."""
    lack = f"leads to {folder}, which has no env.py" if folder else "is not set"
    return ConfigurationError(
        f"script_location in {config_file().name} {lack}.",
        "Set it to the folder that holds env.py and the revisions: %(here)s/migrations",
    )


@contextmanager
def history_explained() -> Iterator[None]:
    """Turn what Alembic says of files that are no history into our errors.

    Raises:
        MigrationError: two files bear the same revision, revisions run in a circle, one builds on
            a revision that is nowhere, or a file is not Python.
        ConfigurationError: `alembic.ini` is no ini file, or as `project_errors_explained` does.
    """
    try:
        with warnings.catch_warnings(), project_errors_explained():
            # Alembic only warns, and goes on with a KeyError, or with one of the two files.
            for message in (_TWICE, _MISSING):
                warnings.filterwarnings("error", message=message)
            yield
    except UserWarning as error:
        failure = _history_error(str(error))
        if failure is None:
            raise
        raise failure from None
    except RevisionError as error:
        raise MigrationError(f"{error}.", "Fix down_revision in one of these files.") from None
    except configparser.Error as error:
        raise _ini_error(error) from None


_TWICE: Final = r"Revision \S+ is present more than once"
_MISSING: Final = r"Revision (\S+) referenced from .* -> (\S+?)[ ,(].*is not present"


def _ini_error(error: configparser.Error) -> ConfigurationError:
    """Name the line and the kind of the error; its text may hold a value, such as a URL."""
    lines = [number for number, _ in getattr(error, "errors", ())] or [
        getattr(error, "lineno", None)
    ]
    where = f", line {lines[0]}" if lines[0] else ""
    return ConfigurationError(
        f"{INI_FILE}{where} is not understood ({type(error).__name__}).",
        "Each line is `name = value` or a [section], and a % of a value is written %%.",
    )


def _history_error(warning: str) -> MigrationError | None:
    if re.match(_TWICE, warning):
        return MigrationError(f"{warning}.", "Give one of the files another revision.")
    match = re.match(_MISSING, warning)
    if match is None:
        return None
    missing, revision = match.groups()
    return MigrationError(
        f"Revision {revision} builds on {missing}, which is in no file.",
        f"Restore that file, or fix down_revision of {revision}.",
    )


def require_revision(script: ScriptDirectory, revision: str) -> None:
    """Refuse a revision that the files do not have; relative ones are left to Alembic.

    Raises:
        UsageError: there is no such revision, or several begin with it.
        MigrationError: "head" is asked for where there are several.
    """
    if not revision:
        raise UsageError("The revision is empty.", "Name one, or head.")
    if revision in ("base", "heads") or "+" in revision or "-" in revision or ":" in revision:
        return
    try:
        script.get_revisions(revision)
        if revision == "head":
            script.get_current_head()
    except CommandError as error:
        raise explain_refusal(error) from None


def require_single_head(config: Config) -> None:
    """Refuse a history that ends in several heads.

    Raises:
        MigrationError: there is more than one.
    """
    if len(script_directory(config).get_heads()) > 1:
        raise _several_heads()


def _several_heads() -> MigrationError:
    return MigrationError(
        "The history has more than one head.",
        'Join them with: alembic merge heads -m "merge" (alembic heads shows them)',
    )


def revision_not_in_files(revision: str, *, is_ahead: bool = False) -> MigrationError:
    """Return the error for a database that is at a revision that the files do not have.

    `is_ahead`: it is known to build on these files.
    """
    if is_ahead:
        return MigrationError(
            f"The database is at {revision}, which no file has: it is ahead of these files.",
            "Pull the code that contains it; the release of these files runs on it all the same.",
        )
    return MigrationError(
        f"The database is at {revision}, which no file has.",
        "Pull the code that contains it, or use another database.",
    )


def explain_refusal(error: CommandError, asked: str | None = None) -> ToolkitError:
    """Return the error to show for Alembic's one.

    `asked` is the revision that was asked for and is known to be there: another one that Alembic
    does not find is the database's. None: it is not known yet.
    """
    text = str(error).partition("\n")[0].rstrip(".")
    if "ultiple head" in text:
        return _several_heads()
    if match := re.match(r"Path doesn't exist: (.+?)\.  Please use|No 'script_location' key", text):
        return _wrong_script_location(match[1])
    if match := re.match(
        r"Could not determine revision id from (?:filename|file) (\S+?)\.? ", text
    ):
        return MigrationError(
            f"{match[1]} has no variable `revision`.", "Add it, or move the file to another folder."
        )
    cause = error.__cause__
    if isinstance(cause, ResolutionError) and asked is not None and cause.argument not in asked:
        return revision_not_in_files(cause.argument)
    return UsageError(f"{text}.", "alembic history lists the revisions of this project.")
