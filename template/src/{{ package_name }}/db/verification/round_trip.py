"""The round trip: a revision's downgrade gives back the schema that was there before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.script import Script

from ..connection.errors import MigrationError
from ..connection.url import DatabaseURL
from ..migration.commands import script_directory
from ..migration.configuration import alembic_config
from ..migration.runner import run_single_step, upgrade
from .catalog import Difference, take_snapshot


@dataclass(frozen=True)
class RoundTrip:
    """What a round trip found. Both lists are empty where the downgrade is right."""

    revision: str
    file: Path
    irreversible: str = ""
    after_downgrade: tuple[Difference, ...] = ()
    after_second_upgrade: tuple[Difference, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was left behind, lost or changed."""
        return not (self.after_downgrade or self.after_second_upgrade)

    def __str__(self) -> str:
        if self.irreversible:
            return f"{self.revision} is irreversible: {self.irreversible}"
        if self.ok:
            return f"{self.revision} goes up, down and up again, and leaves the same schema"
        parts = [f"{self.file.name}: the round trip of revision {self.revision} changes the schema"]
        for title, found in (
            ("after the downgrade, against before the revision", self.after_downgrade),
            ("after the second upgrade, against the first", self.after_second_upgrade),
        ):
            if found:
                parts += [f"  {title}:", *(f"  {line}" for each in found for line in _lines(each))]
        return "\n".join(parts)


async def check_round_trip(
    url: DatabaseURL, revision: str, *, config: Config | None = None
) -> RoundTrip:
    """Upgrade to just before `revision`, then go up, down and up again, comparing the catalog.

    The database may be empty, or anywhere in the history below the revision. Where nothing is wrong
    it is left upgraded to the revision. A file that says `irreversible = "why"` is only upgraded.

    Raises:
        MigrationError: an upgrade or the downgrade failed.
        UsageError: there is no such revision.
    """
    config = config or alembic_config()
    script = _script(config, revision)
    for needed in _needed(script):
        await upgrade(url, needed, config=config)
    irreversible = getattr(script.module, "irreversible", None)
    if irreversible:
        await run_single_step(url, revision, is_upgrade=True, config=config)
        return RoundTrip(revision, Path(script.path), irreversible=str(irreversible))
    before = await take_snapshot(url)
    await run_single_step(url, revision, is_upgrade=True, config=config)
    upgraded = await take_snapshot(url)
    await run_single_step(url, revision, is_upgrade=False, config=config)
    left = before.difference(await take_snapshot(url))
    if left:
        # What was left behind would make the second upgrade fail, and hide the reason.
        return RoundTrip(revision, Path(script.path), after_downgrade=tuple(left))
    await run_single_step(url, revision, is_upgrade=True, config=config)
    again = upgraded.difference(await take_snapshot(url))
    return RoundTrip(revision, Path(script.path), after_second_upgrade=tuple(again))


def revisions_in_order(config: Config | None = None) -> list[Script]:
    """Return every revision of the project, each after those that it builds on."""
    return list(reversed(list(script_directory(config or alembic_config()).walk_revisions())))


def ancestors(revision: str, config: Config | None = None) -> frozenset[str]:
    """Return the revisions that must be applied before `revision`."""
    found: set[str] = set()
    scripts = script_directory(config or alembic_config())
    waiting = [revision]
    while waiting:
        for needed in _needed(scripts.get_revision(waiting.pop())):
            if needed not in found:
                found.add(needed)
                waiting.append(needed)
    return frozenset(found)


def _script(config: Config, revision: str) -> Script:
    script = script_directory(config).get_revision(revision)
    if script is None:  # None stands for "base"
        raise MigrationError(f"{revision} is no revision.", "Give the id of one.")
    return script


def _needed(script: Script | None) -> Sequence[str]:
    if script is None:
        return ()
    down = script.down_revision or ()
    depends = script.dependencies or ()
    return tuple(
        revision
        for group in (down, depends)
        for revision in ((group,) if isinstance(group, str) else group)
    )


def _lines(difference: Difference) -> list[str]:
    return [f"  {line}" for line in str(difference).splitlines()]
