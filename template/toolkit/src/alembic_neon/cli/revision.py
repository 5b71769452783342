"""The command `db revision`: writes the next revision, runs it, and hands over what held."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from alembic.config import Config

from ..branches.comparison import declare_models
from ..branches.scratch import scratch_branch
from ..engine.settings import load_settings
from ..engine.url import DatabaseURL
from ..errors import MigrationError
from ..migration.autogenerate.generate import create_revision
from ..migration.autogenerate.missed_changes import MISSED, MissedChange
from ..migration.commands import require_single_head, script_directory
from ..migration.configuration import alembic_config
from ..verification.catalog import Catalog, take_snapshot
from ..verification.missed_changes import missed_changes
from ..verification.result import RoundTrip
from ..verification.round_trip import check_round_trip
from .console import echo, success, write_json
from .options import Json

# What is missing after a first try is written in the second, and may show something more.
_TRIES = 3
_BY_HAND = "The file was removed; write this change by hand: db revision --empty -m TEXT"


def revision_command(
    message: Annotated[str, typer.Option("-m", "--message", help="What the revision does.")],
    empty: Annotated[bool, typer.Option("--empty", help="Write one without operations.")] = False,
    json: Json = None,
) -> None:
    """Generate a revision from model changes (autogenerate), and prove it on a scratch database."""
    path = asyncio.run(_write(message, empty=empty))
    if path is None:
        success("The models match the migrations: no revision was written.")
    else:
        success(f"wrote {os.path.relpath(path)}")
        echo("Read it, then run: db upgrade")
    write_json(json, {"path": path})


async def _write(message: str, *, empty: bool) -> Path | None:
    load_settings()
    config = alembic_config()
    require_single_head(config)
    if empty:
        return await create_revision(None, message, config)
    head = script_directory(config).get_current_head()
    heads = () if head is None else (head,)
    missed: list[MissedChange] = []
    for _ in range(_TRIES):
        async with scratch_branch(*heads) as url:
            declared = (await declare_models(config, url, refuse_to_drop_all=True))[1]
            missed = _with(missed, await take_snapshot(url), declared)
            config.attributes[MISSED] = missed
            path = await create_revision(url, message, config)
            if path is None:
                return None
            with _removed_on_failure(path):
                result = await _prove(url, config)
                after = await _made_by(config)
            more = _with(missed, after, declared)
            if len(more) == len(missed):
                _report(result)
                return path
            path.unlink()
            missed = more
    raise MigrationError(
        f"The models have {missed[-1].name}, which three tries could not write.",
        "Write this change by hand: db revision --empty -m TEXT",
    )


def _with(known: list[MissedChange], migrated: Catalog, declared: Catalog) -> list[MissedChange]:
    names = {change.name for change in known}
    found = missed_changes(migrated, declared)
    return [*known, *(change for change in found if change.name not in names)]


async def _made_by(config: Config) -> Catalog:
    """Return what the migrations make with the new file, without rows that stand in its way."""
    head = script_directory(config).get_current_head() or ""
    try:
        async with scratch_branch(head) as url:
            return await take_snapshot(url)
    except MigrationError as error:
        raise MigrationError(
            f"The upgrade that was written fails: {error.message}", _BY_HAND
        ) from None


async def _prove(url: DatabaseURL, config: Config) -> RoundTrip:
    """Run the new head up, down and up again in the database at `url`, on tables with rows.

    Raises:
        MigrationError: a step of it fails, whatever the rows are.
    """
    revision = script_directory(config).get_current_head() or ""
    result = await check_round_trip(url, revision, config=config)
    if result.failure is not None and not result.failure.is_of_rows:
        reason = " ".join(result.failure.reason.split())
        raise MigrationError(
            f"The {result.failure.stage} that was written fails: {reason}.", _BY_HAND
        )
    return result


def _report(result: RoundTrip) -> None:
    """Say what a person should look at in a revision that runs."""
    if not result.ok:
        echo(str(result), "yellow")


@contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise
