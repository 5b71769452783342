"""The rehearsal: the pending revisions on a branch of the parent, measured, verified and judged."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from alembic.script import Script
from sqlalchemy import text
from sqlalchemy.util import await_

from ..branches.provider import REHEARSAL_PREFIX, Branch, BranchProvider
from ..engine.factory import create_migration_engine, migration_connection
from ..engine.url import DatabaseURL
from ..errors import ToolkitError, UsageError
from ..migration.autogenerate.drift import find_drift
from ..migration.commands import require_single_head
from ..migration.configuration import alembic_config
from ..migration.history.markers import revision_marker
from ..migration.history.plan import Plan, make_plan
from ..migration.history.status import Status, read_status
from ..migration.lint import Finding, lint_revisions
from ..migration.runner.progress import Progress, Step
from ..migration.runner.run import upgrade
from ..migration.trace.lock_modes import strength
from ..migration.trace.tracer import Tracer
from ..verification.catalog import Catalog, take_snapshot
from ..verification.data_check import Loss, LossLog
from .branch_round_trip import go_down_and_up
from .load import Load, read_load
from .result import LoadResult, Rehearsal, RoundTripSummary
from .smoke import run_smoke_test
from .thresholds import Thresholds, load_thresholds
from .verdict import adjust_lint_severity, judge_trace

# The branch of a rehearsal that was killed is gone after this.
_TIME_TO_LIVE: Final = timedelta(hours=2)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What is rehearsed, and what runs beside the upgrade and after it."""

    parent: str | None = None
    run: str | None = None
    load: Path | None = None
    keep: bool = False
    force: bool = False


@dataclass
class RehearsalBuilder:
    """What a rehearsal learns on its way."""

    say: Say
    phases_ms: dict[str, float] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    round_trip: RoundTripSummary = field(default_factory=RoundTripSummary)
    load: LoadResult | None = None

    @contextmanager
    def phase(self, name: str, doing: str) -> Iterator[None]:
        """Say what is being done, and keep how long it took."""
        self.say(doing)
        started = time.perf_counter()
        try:
            yield
        finally:
            self.phases_ms[name] = (time.perf_counter() - started) * 1000

    def add(
        self, rule: str, revision: str | None, message: str, *, is_error: bool, hint: str = ""
    ) -> None:
        """Keep what the verification found."""
        severity: Final = "error" if is_error else "warning"
        found = Finding(rule, severity, message, revision, hint=hint, source="verification")
        self.findings.append(found)


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
    thresholds = load_thresholds()
    load = read_load(options.load) if options.load else None
    require_single_head(alembic_config())
    started_at = datetime.now(UTC)
    gathered = RehearsalBuilder(say)
    async with _branch(provider, options, gathered) as (branch, url):
        with gathered.phase("inspection", "Reading its schema and its data"):
            status = await read_status(url)
            before, losses = await take_snapshot(url), LossLog(url)
            await losses.start()
            row_counts = losses.row_counts
            version = await _server_version(url)
        tracer = Tracer()
        with gathered.phase("upgrade", _upgrading(len(status.pending))):
            succeeded = await _upgrade(url, status, load, _Recorder(tracer, losses, say), gathered)
        tracer.count_rows(row_counts)
        with gathered.phase("verification", "Verifying schema, data and round trip"):
            after = await take_snapshot(url)
            await _add_losses(losses, status.pending, gathered)
            if succeeded and status.pending:
                await _verify(url, status.pending, before, after, options, gathered)
        return build_rehearsal(
            make_plan(status, before.fingerprint),
            branch,
            started_at,
            version,
            status.pending,
            tracer,
            before,
            after,
            thresholds,
            gathered,
        )


@asynccontextmanager
async def _branch(
    provider: BranchProvider, options: Options, gathered: RehearsalBuilder
) -> AsyncIterator[tuple[Branch, DatabaseURL]]:
    name = f"{REHEARSAL_PREFIX}{datetime.now(UTC):%Y%m%d-%H%M%S}-{token_hex(2)}"
    may_be_there = True
    try:
        origin = options.parent or "the default branch"
        with gathered.phase("branch", f"Making a branch of {origin}: {name}"):
            try:
                branch = await provider.create(
                    name,
                    options.parent,
                    ttl=_TIME_TO_LIVE,
                    force=options.force,
                    is_rehearsal=True,
                )
            except UsageError:
                may_be_there = False
                raise
            url = await provider.url(name)
        yield branch, url
    finally:
        if may_be_there and options.keep:
            gathered.say(f"Branch {name} is kept: db branch delete {name}")
        elif may_be_there:
            await run_uncancelled(_delete(provider, name, gathered))


async def run_uncancelled(work: Coroutine[Any, Any, None]) -> None:
    """Wait for work that Ctrl-C must not stop; a second one during it does, and ends all."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _delete(provider: BranchProvider, name: str, gathered: RehearsalBuilder) -> None:
    """Delete the branch, if there is one: it may not have been made, or have expired meanwhile."""
    try:
        with gathered.phase("deletion", f"Deleting branch {name}"):
            await provider.delete(name, force=True)
    except UsageError:
        if any(branch.name == name for branch in await provider.list()):
            raise
    except ToolkitError as error:  # what was found out counts all the same
        gathered.say(f"{error.message} Branch {name} expires; until then: db branch prune")


def _upgrading(count: int) -> str:
    return f"Upgrading it: {count} revision{'s' * (count != 1)}"


async def _server_version(url: DatabaseURL) -> str:
    async with migration_connection(url) as connection:
        return str(await connection.scalar(text("SHOW server_version")))


class _Recorder(Progress):
    """Prints each revision, and records what it lost before the next one begins."""

    def __init__(self, tracer: Tracer, losses: LossLog, say: Say) -> None:
        self.tracer = tracer
        self._losses = losses
        self._say = say

    def ends(self, step: Step) -> None:
        self._say(f"  {step.revision}  {step.message}  ({step.duration_ms:.0f} ms)")
        await_(self.record_losses(step.revision))

    async def record_losses(self, revision: str) -> None:
        """Record what the revision lost that the tracer has just followed."""
        await self._losses.record(revision, self._untouched())

    def waits(self, reason: str) -> None:
        self._say(f"  {reason}")

    def _untouched(self) -> set[int]:
        """Return the oids of the tables that the last revision did not lock for writing.

        The locks of statements outside a transaction are sampled, and prove nothing.
        """
        trace = self.tracer.revisions[-1]
        if not trace.transactional:
            return set()
        written = {
            lock.relation
            for statement in trace.statements
            for lock in statement.locks
            if strength(lock.mode) >= strength("RowExclusiveLock")
        }
        relations = self.tracer.relations.items()
        return {oid for oid, relation in relations if relation.name not in written}


async def _upgrade(
    url: DatabaseURL,
    status: Status,
    load: Load | None,
    recorder: _Recorder,
    gathered: RehearsalBuilder,
) -> bool:
    """Upgrade the branch by the runner that the parent will meet; return whether it succeeded."""

    async with nullcontext() if load is None else load.running(url) as counters:
        succeeded = await _upgrade_alone(url, status, recorder, gathered)
    gathered.load = None if counters is None else counters.result()
    return succeeded


async def _upgrade_alone(
    url: DatabaseURL, status: Status, recorder: _Recorder, gathered: RehearsalBuilder
) -> bool:
    tracer = recorder.tracer
    try:
        await upgrade(url, progress=recorder, tracer=tracer)
    except ToolkitError as error:
        failed = status.pending[len(tracer.revisions)]
        tracer.end_failed_revision(failed.revision, failed.doc)
        gathered.add("upgrade-failed", failed.revision, error.message, is_error=True)
        await recorder.record_losses(failed.revision)  # of what it committed by itself
        return False
    return True


async def _add_losses(
    log: LossLog, pending: tuple[Script, ...], gathered: RehearsalBuilder
) -> None:
    """Judge each revision's losses by what that revision itself declares."""
    by_revision = dict(log.losses)
    unclaimed = await log.finish()
    if unclaimed and len(by_revision) == 1:
        by_revision = {revision: [*found, *unclaimed] for revision, found in by_revision.items()}
        unclaimed = []
    scripts = {script.revision: script for script in pending}
    for revision, losses in by_revision.items():
        reason = revision_marker(scripts[revision], "data_loss")
        for loss in losses:
            _add_loss(gathered, loss, revision, reason)
    for loss in unclaimed:
        _add_loss(gathered, loss, None, "")


def _add_loss(gathered: RehearsalBuilder, loss: Loss, revision: str | None, reason: str) -> None:
    is_error = loss.is_lost and not reason
    hint = f"Declared: {reason}" if reason else _UNDECLARED
    gathered.add(
        "data-loss", revision, f"{loss.table}: {loss.message}", is_error=is_error, hint=hint
    )


async def _verify(
    url: DatabaseURL,
    pending: tuple[Script, ...],
    before: Catalog,
    after: Catalog,
    options: Options,
    gathered: RehearsalBuilder,
) -> None:
    if options.run is not None:
        gathered.say(f"Running {options.run}")
        code = await run_smoke_test(options.run, url)
        if code != 0:
            message = f"{options.run} ended with {code}."
            gathered.add("smoke-test", pending[-1].revision, message, is_error=True)
    for finding in await _drift(url):
        gathered.findings.append(replace(finding, source="verification"))
    gathered.round_trip = await go_down_and_up(url, pending, before, after)
    for revision, difference in gathered.round_trip.differences:
        gathered.add("round-trip", revision, difference, is_error=True)
    for revision, reason in gathered.round_trip.irreversible:
        gathered.add("irreversible", revision, f"It says of itself: {reason}", is_error=False)


async def _drift(url: DatabaseURL) -> list[Finding]:
    """Compare the models with the upgraded branch: what was changed by hand on the parent shows."""
    engine = create_migration_engine(url)
    try:
        return await find_drift(engine, alembic_config())
    finally:
        await engine.dispose()


_UNDECLARED: Final = 'If it is meant, say so in the revision: data_loss = "why"'


def build_rehearsal(
    plan: Plan,
    branch: Branch,
    started_at: datetime,
    version: str,
    pending: tuple[Script, ...],
    tracer: Tracer,
    before: Catalog,
    after: Catalog,
    thresholds: Thresholds,
    gathered: RehearsalBuilder,
) -> Rehearsal:
    named = {
        lock.relation
        for revision in tracer.revisions
        for statement in revision.statements
        for lock in statement.locks
    }
    relations = [each for each in tracer.relations.values() if each.name in named]
    return Rehearsal(
        plan=plan,
        parent_branch=branch.parent or "",
        branch=branch.name,
        started_at=started_at,
        postgres_version=version,
        phases_ms=gathered.phases_ms,
        revisions=tracer.revisions,
        relations=relations,
        findings=[
            *judge_trace(tracer.revisions, relations, thresholds),
            *adjust_lint_severity(lint_revisions(alembic_config(), pending), tracer.revisions),
            *gathered.findings,
        ],
        round_trip=gathered.round_trip,
        changes=before.difference(after),
        catalog_after=after.fingerprint,
        load=gathered.load,
    )
