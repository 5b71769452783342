"""Alembic's commands, run on a connection of ours, their failures said in one line."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from ..connection.errors import MigrationError, ToolkitError, UsageError
from ..connection.failures import explained


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
        return command(config, **arguments)

    try:
        if engine is None:
            return command(config, **arguments)
        with explained(engine.url):
            async with engine.connect() as connection:
                return await connection.run_sync(run)
    except CommandError as error:
        raise explain_refusal(error) from None
    except DBAPIError as error:
        failure = _explain_statement(error, config)
        if failure is None:
            raise
        raise failure from None
    finally:
        config.attributes.pop("connection", None)


def script_directory(config: Config) -> ScriptDirectory:
    """Load the revision files.

    Raises:
        UsageError: the folder is missing, or two files bear the same revision.
    """
    try:
        script = ScriptDirectory.from_config(config)
        script.get_heads()
    except CommandError as error:
        raise explain_refusal(error) from None
    return script


def require_revision(script: ScriptDirectory, revision: str) -> None:
    """Refuse a revision that the files do not have; relative ones are left to Alembic.

    Raises:
        UsageError: there is no such revision, or several begin with it.
        MigrationError: "head" is asked for where there are several.
    """
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


def explain_refusal(error: CommandError) -> ToolkitError:
    text = str(error).partition("\n")[0].rstrip(".")
    if "ultiple head" in text:
        return _several_heads()
    return UsageError(f"{text}.", "alembic history lists the revisions of this project.")


def _explain_statement(error: DBAPIError, config: Config) -> ToolkitError | None:
    """Return the error for a statement that failed inside a revision file, or None."""
    versions = [Path(folder) for folder in ScriptDirectory.from_config(config).versions]
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if any(Path(frame.filename).is_relative_to(folder) for folder in versions)
    ]
    if not frames:
        return None
    reason = str(error.orig).partition(">: ")[2] or str(error.orig)
    place = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}"
    return MigrationError(
        f"{place}: {reason.replace(chr(10), ' ')}",
        "That revision was rolled back; db status shows where the database stands.",
    )
