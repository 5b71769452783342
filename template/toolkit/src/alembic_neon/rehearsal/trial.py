"""The trial: the pending revisions run on the branch, traced, with a load beside them."""

from contextlib import nullcontext

from ..engine.sqlalchemy_internals import wait_for
from ..engine.url import DatabaseURL
from ..errors import ToolkitError
from ..migration.history.markers import revision_marker
from ..migration.history.plan import joined
from ..migration.history.status import Status
from ..migration.runner.progress import Progress, Step
from ..migration.runner.run import upgrade
from ..migration.trace.lock_modes import strength
from ..migration.trace.tracer import Tracer
from ..verification.data_check import Loss, LossLog
from .builder import RehearsalBuilder, Say
from .load import Load

_UNDECLARED = 'If it is meant, say so in the revision: data_loss = "why"'


async def try_revisions(
    url: DatabaseURL, status: Status, load: Load | None, losses: LossLog, builder: RehearsalBuilder
) -> bool:
    """Upgrade the branch by the runner that the parent will meet; return whether it succeeded."""
    recorder, row_counts = _Recorder(builder.tracer, losses, builder.say), losses.row_counts
    async with nullcontext() if load is None else load.running(url) as counters:
        succeeded = await _upgrade(url, status, recorder, builder)
    builder.tracer.count_rows(row_counts)
    builder.load = None if counters is None else counters.result()
    return succeeded


class _Recorder(Progress):
    """Prints each revision, and records what it lost before the next one begins."""

    def __init__(self, tracer: Tracer, losses: LossLog, say: Say) -> None:
        self.tracer = tracer
        self._losses = losses
        self._say = say

    def on_finish(self, step: Step) -> None:
        self._say(f"  {step.revision}  {step.message}  ({step.duration_ms:.0f} ms)")
        wait_for(self.record_losses(step.revision))

    async def record_losses(self, revision: str) -> None:
        """Record what the revision lost that the tracer has just followed."""
        await self._losses.record(revision, self._untouched())

    def on_wait(self, reason: str) -> None:
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
    url: DatabaseURL, status: Status, recorder: _Recorder, builder: RehearsalBuilder
) -> bool:
    tracer = recorder.tracer
    try:
        await upgrade(
            url,
            joined(status.heads),
            config=builder.history.config,
            progress=recorder,
            tracer=tracer,
        )
    except ToolkitError as error:
        left = status.pending[len(tracer.revisions) :]
        if not left:  # it failed after the last revision was committed
            builder.add("upgrade-failed", None, error.message, is_error=True)
            return False
        failed = left[0]
        tracer.end_failed_revision(failed.revision, failed.doc)
        builder.add("upgrade-failed", failed.revision, error.message, is_error=True)
        await recorder.record_losses(failed.revision)  # of what it committed by itself
        return False
    return True


async def judge_losses(log: LossLog, builder: RehearsalBuilder) -> None:
    """Judge each revision's losses by what that revision itself declares."""
    by_revision = dict(log.losses)
    unclaimed = await log.finish()
    if unclaimed and len(by_revision) == 1:
        by_revision = {revision: [*found, *unclaimed] for revision, found in by_revision.items()}
        unclaimed = []
    for revision, losses in by_revision.items():
        reason = revision_marker(builder.history.script(revision), "data_loss")
        for loss in losses:
            _add_loss(builder, loss, revision, reason)
    for loss in unclaimed:
        _add_loss(builder, loss, None, "")


def _add_loss(builder: RehearsalBuilder, loss: Loss, revision: str | None, reason: str) -> None:
    is_error = loss.is_lost and not reason
    hint = f"Declared: {reason}" if reason else _UNDECLARED
    builder.add(
        "data-loss", revision, f"{loss.table}: {loss.message}", is_error=is_error, hint=hint
    )
