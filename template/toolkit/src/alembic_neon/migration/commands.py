"""Alembic's commands, run on a connection of ours, their failures said in one line."""

import re
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError, RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from ..engine.driver_errors import translate_driver_errors
from ..errors import ConfigurationError, MigrationError, ToolkitError, UsageError


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
        with _history_explained():
            return command(config, **arguments)

    try:
        if engine is None:
            with _history_explained():
                return command(config, **arguments)
        with translate_driver_errors(engine.url):
            async with engine.connect() as connection:
                return await connection.run_sync(run)
    except CommandError as error:
        raise explain_refusal(error, arguments.get("revision", "")) from None
    finally:
        config.attributes.pop("connection", None)


def script_directory(config: Config) -> ScriptDirectory:
    """Load the revision files.

    Raises:
        UsageError: the folder is missing.
        MigrationError: two files bear the same revision, or the revisions run in a circle.
    """
    try:
        with _history_explained():
            script = ScriptDirectory.from_config(config)
            script.get_heads()
    except CommandError as error:
        raise explain_refusal(error) from None
    return script


@contextmanager
def _history_explained() -> Iterator[None]:
    """Turn what Alembic says of files that are no history into our errors.

    Raises:
        MigrationError: two files bear the same revision, or the revisions run in a circle.
        ConfigurationError: as `env_file_explained` does.
    """
    twice = r"Revision \w+ is present more than once"
    try:
        with warnings.catch_warnings(), env_file_explained():
            # Alembic only warns, and one of the two files would silently count for nothing.
            warnings.filterwarnings("error", message=twice)
            yield
    except UserWarning as error:
        if not re.match(twice, str(error)):
            raise
        raise MigrationError(f"{error}.", "Give one of the files another revision.") from None
    except RevisionError as error:
        raise MigrationError(f"{error}.", "Mend down_revision in one of these files.") from None


@contextmanager
def env_file_explained() -> Iterator[None]:
    """Say in one line that `env.py` names a module or an attribute that is not there.

    What fails deeper, in the modules of the application, keeps its traceback.

    Raises:
        ConfigurationError: there is no such module or attribute.
    """
    try:
        yield
    except (ImportError, AttributeError) as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [each for each in frames if not each.filename.startswith("<frozen importlib")]
        if Path(own[-1].filename).name != "env.py":
            raise
        raise ConfigurationError(
            f"{own[-1].filename}, line {own[-1].lineno}: {error}.",
            "Say where the models are: uvx copier update --data metadata=PACKAGE.MODULE:ATTRIBUTE",
        ) from None


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


def revision_not_in_files(revision: str) -> MigrationError:
    """Return the error for a database that is at a revision that the files do not have."""
    return MigrationError(
        f"The database is at {revision}, which no file has.",
        "Fetch the code that has it, or use another database.",
    )


def explain_refusal(error: CommandError, asked: str | None = None) -> ToolkitError:
    """Return the error to show for Alembic's one.

    `asked` is the revision that was asked for and is known to be there: another one that Alembic
    does not find is the database's. None: it is not known yet.
    """
    text = str(error).partition("\n")[0].rstrip(".")
    if "ultiple head" in text:
        return _several_heads()
    cause = error.__cause__
    if isinstance(cause, ResolutionError) and asked is not None and cause.argument not in asked:
        return revision_not_in_files(cause.argument)
    return UsageError(f"{text}.", "alembic history lists the revisions of this project.")
