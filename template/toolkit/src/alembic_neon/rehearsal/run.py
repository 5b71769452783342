"""The rehearsal: the pending revisions on a branch of the parent, measured, verified and judged."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from ..branches.provider import REHEARSAL_PREFIX, BranchProvider, NewBranch
from ..engine.url import DatabaseURL
from ..errors import ToolkitError, UsageError
from ..migration.commands import require_single_head
from ..migration.history.status import read_status
from ..verification.catalog import take_snapshot
from ..verification.data_check import LossLog
from ..verification.history import History
from .branch_round_trip import go_down_and_up
from .builder import Inspection, RehearsalBuilder, Say, build_rehearsal
from .load import Load, read_load
from .reference import Reference, read_server_version
from .result import Rehearsal
from .smoke import run_smoke_test
from .thresholds import load_thresholds
from .trial import judge_losses, try_revisions

# The branch of a rehearsal that was killed is gone after this.
_TIME_TO_LIVE: Final = timedelta(hours=2)


@dataclass(frozen=True)
class Options:
    """What is rehearsed, and what runs beside the upgrade and after it.

    `phase`: "expand" stops before the first contracting revision.
    """

    parent: str | None = None
    run: str | None = None
    load: Path | None = None
    keep: bool = False
    force: bool = False
    phase: str = ""


async def rehearse(provider: BranchProvider, options: Options, say: Say) -> Rehearsal:
    """Run what is pending on `options.parent` on a branch of it, and delete the branch.

    The parent is only read: its data by making the branch, nothing else. A revision that fails is
    a finding and no error. The branch is deleted whatever happens, unless `options.keep`; where
    that fails it expires. `options.force` ends the sessions that keep the local provider from
    copying the parent.

    Raises:
        UsageError: there is no such parent, or the file of the load cannot be read.
        ConfigurationError: a threshold is wrong.
        MigrationError: the history has several heads, or the parent is at an unknown revision.
        ToolkitError: the branch cannot be made or reached.
    """
    load = read_load(options.load) if options.load else None
    builder = RehearsalBuilder(say, load_thresholds(), History.load())
    builder.history.config.attributes["scripts"] = builder.history.scripts
    require_single_head(builder.history.config)
    parent = options.parent or await provider.default_branch()
    target = await provider.target(parent)
    say(f"Rehearsing on a copy of {target}")
    async with _branch(provider, parent, options, builder) as (name, url):
        with builder.phase("inspection", "Reading its schema and its data"):
            status = await read_status(url, builder.history.config)
            waiting = status.waiting if options.phase == "expand" else ()
            status = status.expanding() if waiting else status
            before, losses = await take_snapshot(url), LossLog(url)
            await losses.start()
            version = await read_server_version(url)
        inspection = Inspection(target, name, url, version, status, before, before)
        inspection.phase, inspection.waiting = options.phase, waiting
        succeeded = await _try(options, load, losses, builder, inspection)
        with builder.phase("drift", "Comparing models, migrations and the live schema"):
            reference = Reference(provider, url, builder.history)
            builder.extend(await reference.find_drift(status, before, is_upgraded=succeeded))
        return build_rehearsal(builder, inspection)


async def _try(
    options: Options,
    load: Load | None,
    losses: LossLog,
    builder: RehearsalBuilder,
    inspection: Inspection,
) -> bool:
    """Run and verify the revisions; return whether they could be run."""
    url, pending = inspection.url, inspection.status.pending
    count = f"{len(pending)} revision{'s' * (len(pending) != 1)}"
    with builder.phase("upgrade", f"Upgrading it: {count}"):
        succeeded = await try_revisions(url, inspection.status, load, losses, builder)
    with builder.phase("verification", "Verifying schema, data and round trip"):
        inspection.after = await take_snapshot(url)
        await judge_losses(losses, builder)
        if succeeded and pending:
            await _verify(options.run, builder, inspection)
    return succeeded


async def _verify(command: str | None, builder: RehearsalBuilder, inspection: Inspection) -> None:
    """Run the smoke test, then take the revisions down and up again."""
    url, pending = inspection.url, inspection.status.pending
    if command is not None:
        builder.say(f"Running {command}")
        code = await run_smoke_test(command, url)
        if code != 0:
            message = f"{command} ended with {code}."
            builder.add("smoke-test", pending[-1].revision, message, is_error=True)
    config = builder.history.config
    summary = await go_down_and_up(url, pending, inspection.before, inspection.after, config)
    builder.round_trip = summary
    for revision, difference in summary.differences:
        builder.add("round-trip", revision, difference, is_error=True)
    for revision, reason in summary.irreversible:
        message = f"Declared irreversible: {reason}"
        builder.add("irreversible", revision, message, is_error=False)


@asynccontextmanager
async def _branch(
    provider: BranchProvider, parent: str, options: Options, builder: RehearsalBuilder
) -> AsyncIterator[tuple[str, DatabaseURL]]:
    name = f"{REHEARSAL_PREFIX}{datetime.now(UTC):%Y%m%d-%H%M%S}-{token_hex(2)}"
    may_be_there = True
    try:
        with builder.phase("branch", f"Making a branch of {parent}: {name}"):
            try:
                await provider.create(
                    NewBranch(
                        name, parent, ttl=_TIME_TO_LIVE, force=options.force, is_rehearsal=True
                    )
                )
            except UsageError:
                may_be_there = False
                raise
            url = await provider.url(name)
        yield name, url
    finally:
        if may_be_there and options.keep:
            builder.say(f"Branch {name} stays until it is deleted: db branch delete {name}")
        elif may_be_there:
            await run_uncancelled(_delete(provider, name, builder))


async def run_uncancelled(work: Coroutine[Any, Any, None]) -> None:
    """Wait for work that Ctrl-C must not stop; a second one during it does, and ends all."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _delete(provider: BranchProvider, name: str, builder: RehearsalBuilder) -> None:
    """Delete the branch, if there is one: it may not have been made, or have expired meanwhile."""
    try:
        with builder.phase("deletion", f"Deleting branch {name}"):
            await provider.delete(name, force=True)
    except UsageError:
        if any(branch.name == name for branch in await provider.list()):
            raise
    except ToolkitError as error:  # what was found out counts all the same
        builder.say(f"{error.message} Branch {name} expires; until then: db branch prune")
