"""The promotion: the rehearsed plan on the database it is for, if nothing moved, and undoable."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..branches.provider import BranchProvider, RestorePoint
from ..branches.target import Target
from ..engine.sqlalchemy_internals import wait_for
from ..engine.url import DatabaseURL
from ..errors import MigrationError, ToolkitError
from ..migration.history.plan import Plan, make_plan
from ..migration.history.status import read_status
from ..migration.runner.progress import ForwardingProgress, Progress, Step
from ..migration.runner.run import upgrade
from ..verification.catalog import take_snapshot
from .result import RehearsedPlan
from .writes_since import count_writes, keep_count

Say = Callable[[str], None]


class StalePlanError(ToolkitError):
    """The parent or the files are not what was rehearsed."""


@dataclass(frozen=True)
class Promotion:
    """What a promotion did: the revisions that were applied, and the point to restore.

    There is no restore point where nothing was pending, and on a server without branches.
    """

    target: Target
    restore_point: RestorePoint | None
    steps: list[Step]


async def promote(
    provider: BranchProvider,
    rehearsed: RehearsedPlan,
    progress: Progress,
    say: Say,
    *,
    force: bool = False,
) -> Promotion:
    """Run the rehearsed revisions on the database that they were rehearsed for.

    It compares the database and the files with the plan, makes a restore point, upgrades by the
    runner that the rehearsal used, and compares the catalog. Once the migration lock is held it
    compares everything again: nobody else can have migrated in between. `force` ends the sessions
    that keep the local provider from copying the database.

    Raises:
        ToolkitError: the plan is blocked or stale, and nothing was done; or the database is another
            one afterwards than in the rehearsal. The message says what moved.
        MigrationError: a revision failed; the message says which are applied and how to go back.
    """
    if rehearsed.verdict == "blocked":
        raise ToolkitError(
            "The rehearsal's verdict is blocked.", "Change the revisions, and rehearse again."
        )
    target = await _require_target(provider, rehearsed)
    url = await provider.url(target.branch)
    say(f"Promoting to {target}")
    say("Comparing it with the plan")
    await _require_unmoved(url, rehearsed)
    if rehearsed.base_revision == rehearsed.target_revision:
        return Promotion(target, None, [])
    point = await _make_restore_point(provider, target, url, say, force=force)
    checked = _Checked(progress, provider, url, rehearsed)
    try:
        steps = await _upgrade(url, rehearsed, point, checked)
        if not checked.is_checked:  # the runner found nothing to do, and took no lock
            await _require_unmoved(url, rehearsed)
    except StalePlanError:
        if point is not None:
            await provider.delete_restore_point(point)
        raise
    if (await take_snapshot(url)).fingerprint != rehearsed.catalog_after:
        raise ToolkitError(
            "All revisions are applied, but the schema is another one than after the rehearsal.",
            f"See what differs with: db check; {_way_back(point, rehearsed)}",
        )
    return Promotion(target, point, steps)


async def _make_restore_point(
    provider: BranchProvider, target: Target, url: DatabaseURL, say: Say, *, force: bool
) -> RestorePoint | None:
    if target.provider == "server":
        say("This server has no restore points: have a backup.")
        return None
    say(f"Making a restore point of {target.branch}")
    counted = await count_writes(url)
    point = await provider.make_restore_point(target.branch, force=force)
    keep_count(point, counted)
    say(f"Restore point {point.name} ({point.kind})")
    return point


def _way_back(point: RestorePoint | None, rehearsed: RehearsedPlan) -> str:
    if point is None:
        return f"roll back with: db downgrade {rehearsed.base_revision}"
    return f"roll back with: db restore {point.name}"


async def _require_target(provider: BranchProvider, rehearsed: RehearsedPlan) -> Target:
    """Return the database that the settings lead to, if it is that of the plan."""
    target = await provider.target(rehearsed.parent_branch)
    facts = {
        "provider": (target.provider, rehearsed.provider),
        "Neon project" if target.provider == "neon" else "server": (
            target.server,
            rehearsed.server,
        ),
        "database": (target.database, rehearsed.database),
        "role": (target.role, rehearsed.role),
    }
    different = [f"{name} {now}, not {then}" for name, (now, then) in facts.items() if now != then]
    if different:
        raise StalePlanError(
            f"The plan is for another database: the settings lead to {'; '.join(different)}."
            " Nothing was done.",
            "Set DATABASE_URL to the database that was rehearsed, or rehearse this one.",
        )
    return target


async def _require_unmoved(url: DatabaseURL, rehearsed: RehearsedPlan) -> None:
    catalog = await take_snapshot(url)
    status = await read_status(url)
    if rehearsed.phase == "expand":
        status = status.expanding()
    now = make_plan(status, catalog.fingerprint)
    if now.base_revision == rehearsed.target_revision != rehearsed.base_revision:
        raise StalePlanError(
            f"The database is at {now.base_revision} already: another promotion or upgrade has"
            " applied this plan.",
            "Nothing is left to do; see db status.",
        )
    if moved := list(_moved(now, rehearsed)):
        raise StalePlanError(
            f"The plan is stale: {'; '.join(moved)}. Nothing was done.", "Rehearse again."
        )


def _moved(now: Plan, rehearsed: RehearsedPlan) -> Iterator[str]:
    if now.base_revision != rehearsed.base_revision:
        yield (
            f"the database is at {now.base_revision}, not at {rehearsed.base_revision} as in the "
            "rehearsal"
        )
    elif now.catalog_before != rehearsed.catalog_before:
        yield "the schema of the database was changed by hand since"
    if now.target_revision != rehearsed.target_revision:
        yield f"the head is {now.target_revision} now, not {rehearsed.target_revision}"
    elif now.base_revision == rehearsed.base_revision and now.files_hash != rehearsed.files_hash:
        yield "the revision files were changed"


async def _upgrade(
    url: DatabaseURL, rehearsed: RehearsedPlan, point: RestorePoint | None, progress: Progress
) -> list[Step]:
    try:
        return await upgrade(url, rehearsed.target_revision, progress=progress)
    except StalePlanError:
        raise
    except ToolkitError as error:
        status = await read_status(url)
        applied = ", ".join(status.current) or "base"
        pending = ", ".join(script.revision for script in status.pending)
        raise MigrationError(
            f"{error.message.rstrip('.')}. The database is at {applied}, "
            f"begun at {rehearsed.base_revision}; not applied: {pending}.",
            f"Fix it and rehearse again, or {_way_back(point, rehearsed)}",
        ) from None


class _Checked(ForwardingProgress):
    """Compares the database with the plan once more, when nobody else can migrate it."""

    def __init__(
        self,
        listener: Progress,
        provider: BranchProvider,
        url: DatabaseURL,
        rehearsed: RehearsedPlan,
    ) -> None:
        super().__init__(listener)
        self.is_checked = False
        self._provider = provider
        self._url = url
        self._rehearsed = rehearsed

    def on_lock_acquired(self) -> None:
        """Refuse a plan that went stale since it was compared."""
        self.is_checked = True
        wait_for(_require_target(self._provider, self._rehearsed))
        wait_for(_require_unmoved(self._url, self._rehearsed))
