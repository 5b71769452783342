"""The runner: upgrades and downgrades a database, one transaction a revision."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError

from ...engine.factory import create_migration_engine
from ...engine.url import DatabaseURL
from ...engine.version_table import version_table
from ...errors import UsageError
from .. import alembic_internals as internals
from ..commands import (
    explain_refusal,
    history_explained,
    require_revision,
    run_command,
    script_directory,
)
from ..configuration import alembic_config
from ..trace.tracer import Tracer
from .progress import ForwardingProgress, Progress, Step
from .version_table import is_at_head, quoted_table


async def upgrade(
    url: DatabaseURL,
    revision: str = "head",
    *,
    config: Config | None = None,
    progress: Progress | None = None,
    tracer: Tracer | None = None,
) -> list[Step]:
    """Upgrade the database at `url` and return the revisions that were applied, in order.

    `progress` is notified of each of them, and of what the run waits for. A `tracer` records what
    each statement locks, rewrites and scans.

    Raises:
        UsageError: there is no such revision.
        MigrationError: a revision failed and was rolled back; those before it stay applied.
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    return await _run(_upgrade, url, revision, config, _Recorder(progress, tracer))


async def downgrade(
    url: DatabaseURL,
    revision: str,
    *,
    config: Config | None = None,
    progress: Progress | None = None,
) -> list[Step]:
    """Downgrade the database at `url` and return the revisions that were reverted, in order.

    Raises: as `upgrade` does.
    """
    return await _run(command.downgrade, url, revision, config, _Recorder(progress))


async def run_single_step(
    url: DatabaseURL, revision: str, *, is_upgrade: bool, config: Config | None = None
) -> list[Step]:
    """Apply exactly one revision, or take exactly one back, whatever else is applied.

    Raises: as `upgrade` does.
    """

    def run(config: Config, revision: str) -> None:
        script = script_directory(config)
        revisions = script.get_revisions(revision)
        steps = [internals.single_step(script, each, is_upgrade=is_upgrade) for each in revisions]
        with EnvironmentContext(config, script, fn=lambda *_: steps, destination_rev=revision):
            script.run_env()

    return await _run(run, url, revision, config, _Recorder())


def _upgrade(config: Config, revision: str) -> None:
    """Do what `alembic.command.upgrade` does; at head without env.py, which loads the models."""
    script = script_directory(config)
    connection = config.attributes["connection"]
    if revision == "heads" or (revision == "head" and len(script.get_heads()) == 1):
        ours = version_table()
        table = quoted_table(connection, ours.schema, ours.name)
        if is_at_head(connection, script, table):
            return

    def steps(heads: tuple[str, ...], _: MigrationContext) -> list[internals.Step]:
        return internals.upgrade_steps(script, revision, heads)

    with EnvironmentContext(config, script, fn=steps, destination_rev=revision):
        script.run_env()


async def _run(
    alembic_command: Callable[..., Any],
    url: DatabaseURL,
    revision: str,
    config: Config | None,
    recorder: "_Recorder",
) -> list[Step]:
    config = config or alembic_config()
    if revision not in ("head", "heads"):
        # Alembic loads all files once more; of the head it says itself what is wrong.
        require_revision(script_directory(config), revision)
    tracer = recorder.tracer
    config.attributes |= {"progress": recorder, "tracer": tracer}
    engine = create_migration_engine(url)
    try:
        async with nullcontext() if tracer is None else tracer.following(engine):
            await run_command(config, engine, alembic_command, revision=revision)
    finally:
        for name in ("progress", "tracer"):
            config.attributes.pop(name, None)
        await engine.dispose()
    return recorder.steps


class _Recorder(ForwardingProgress):
    """Collects the steps, and tells a tracer where each of them ends."""

    def __init__(self, listener: Progress | None = None, tracer: Tracer | None = None) -> None:
        super().__init__(listener or Progress())
        self.steps: list[Step] = []
        self.tracer = tracer

    def on_finish(self, step: Step) -> None:
        """Keep a revision that was committed."""
        self.steps.append(step)
        if self.tracer is not None:
            self.tracer.end_revision(step.revision, step.message)
        super().on_finish(step)


def print_sql(revision: str, *, is_upgrade: bool = True, config: Config | None = None) -> None:
    """Print the SQL of an upgrade or a downgrade to standard output; no database is touched.

    A range, `from:to`, is understood by both, and a downgrade needs one.

    Raises:
        UsageError: there is no such revision, or no range where one is needed.
    """
    config = config or alembic_config()
    if not is_upgrade and ":" not in revision:
        raise UsageError(
            f"A downgrade to {revision!r} in SQL does not say where it starts.",
            "Give a range, for example: db downgrade head:base --sql",
        )
    require_revision(script_directory(config), revision)
    run = command.upgrade if is_upgrade else command.downgrade
    try:
        with history_explained():
            run(config, revision, sql=True)
    except CommandError as error:
        raise explain_refusal(error) from None
