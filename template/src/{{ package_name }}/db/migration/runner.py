"""The runner: upgrades and downgrades a database, one transaction a revision."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationInfo, MigrationStep
from alembic.util import CommandError

from ..connection.engine import create_migration_engine
from ..connection.errors import UsageError
from ..connection.url import DatabaseURL
from .commands import explain_refusal, require_revision, run_command, script_directory
from .configuration import alembic_config
from .trace import Tracer


@dataclass(frozen=True)
class Step:
    """One revision that was applied, or taken back."""

    revision: str
    message: str
    is_upgrade: bool
    duration_ms: float


OnStep = Callable[[Step], None]


async def upgrade(
    url: DatabaseURL,
    revision: str = "head",
    *,
    config: Config | None = None,
    on_step: OnStep | None = None,
    tracer: Tracer | None = None,
) -> list[Step]:
    """Upgrade the database at `url` and return the revisions that were applied, in order.

    `on_step` is called after each of them. A `tracer` follows what each statement does.

    Raises:
        UsageError: there is no such revision.
        MigrationError: a revision failed and was rolled back; those before it stay applied.
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    return await _run(command.upgrade, url, revision, config, on_step, tracer)


async def downgrade(
    url: DatabaseURL,
    revision: str,
    *,
    config: Config | None = None,
    on_step: OnStep | None = None,
) -> list[Step]:
    """Downgrade the database at `url` and return the revisions that were taken back, in order.

    Raises: as `upgrade` does.
    """
    return await _run(command.downgrade, url, revision, config, on_step)


async def run_single_step(
    url: DatabaseURL, revision: str, *, is_upgrade: bool, config: Config | None = None
) -> list[Step]:
    """Apply exactly one revision, or take exactly one back, whatever else is applied.

    Raises: as `upgrade` does.
    """
    make_step = (
        MigrationStep.upgrade_from_script if is_upgrade else MigrationStep.downgrade_from_script
    )

    def run(config: Config, revision: str) -> None:
        script = script_directory(config)
        steps = [make_step(script.revision_map, found) for found in script.get_revisions(revision)]
        with EnvironmentContext(config, script, fn=lambda *_: steps):
            script.run_env()

    return await _run(run, url, revision, config, None)


async def _run(
    alembic_command: Callable[..., Any],
    url: DatabaseURL,
    revision: str,
    config: Config | None,
    on_step: OnStep | None,
    tracer: Tracer | None = None,
) -> list[Step]:
    config = config or alembic_config()
    require_revision(script_directory(config), revision)
    steps: list[Step] = []
    recorder = _Recorder(steps, on_step, tracer)
    config.attributes |= {"on_begin": recorder.begin, "on_version_apply": recorder}
    engine = create_migration_engine(url)
    try:
        async with nullcontext() if tracer is None else tracer.following(engine):
            await run_command(config, engine, alembic_command, revision=revision)
    finally:
        for name in ("on_begin", "on_version_apply"):
            config.attributes.pop(name, None)
        await engine.dispose()
    return steps


class _Recorder:
    """Alembic's callback after each revision, which keeps what was done and how long it took."""

    def __init__(
        self, steps: list[Step], on_step: OnStep | None, tracer: Tracer | None = None
    ) -> None:
        self._steps = steps
        self._tracer = tracer
        self._on_step = on_step
        self._started = 0.0

    def begin(self) -> None:
        """Start the clock, after `env.py` and what it imports were loaded."""
        self._started = time.perf_counter()

    def __call__(self, *, step: MigrationInfo, **_: object) -> None:
        now = time.perf_counter()
        duration_ms = (now - self._started) * 1000
        self._started = now
        message = getattr(step.up_revision, "doc", None) or ""
        self._steps.append(
            Step(step.up_revision_id or "", message, step.is_upgrade, round(duration_ms, 1))
        )
        if self._tracer is not None:
            self._tracer.end_revision(self._steps[-1].revision, message)
        if self._on_step is not None:
            self._on_step(self._steps[-1])


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
        run(config, revision, sql=True)
    except CommandError as error:
        raise explain_refusal(error) from None
