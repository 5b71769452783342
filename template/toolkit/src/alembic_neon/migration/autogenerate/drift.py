"""Drift: what the models have and the migrations do not, or the other way round."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from alembic.autogenerate import produce_migrations, render_op_text
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.operations.ops import MigrateOperation, OpContainer
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData
from sqlalchemy.exc import IdentifierError
from sqlalchemy.ext.asyncio import AsyncEngine

from ..commands import run_command, script_directory
from ..lint.findings import Finding
from ..lint.rules import CHECK_RULES
from .generate import RENDER_OPTIONS, cancel_false_differences, explain_long_name
from .metadata import each_of
from .type_rendering import render_item

_LONGEST_MESSAGE: Final = 300


async def load_metadata(engine: AsyncEngine, config: Config) -> tuple[MetaData, ...]:
    """Return the models' metadata, as `env.py` hands it over.

    Raises:
        ConfigurationError, MigrationError, ConnectionFailedError: as `run_command` does.
    """
    metadata: list[MetaData] = []

    def collect(_: object, context: MigrationContext) -> list[object]:
        metadata.extend(each_of(context.opts["target_metadata"]))
        return []

    await run_command(config, engine, partial(_run_environment, fn=collect))
    return tuple(metadata)


async def find_drift(engine: AsyncEngine, config: Config) -> list[Finding]:
    """Compare the models with a database at head: a finding for each operation of a revision.

    Raises:
        ConfigurationError: a name in the models is longer than PostgreSQL's 63 characters.
        MigrationError, ConnectionFailedError: as `run_command` does.
    """
    findings: list[Finding] = []

    def compare(_: object, context: MigrationContext) -> list[object]:
        script = produce_migrations(context, context.opts["target_metadata"])
        cancel_false_differences(script.upgrade_ops, None, context)
        for op in _operations(script.upgrade_ops):
            findings.append(drift_finding("drift", _as_python(op, context)))
        return []

    try:
        await run_command(config, engine, partial(_run_environment, fn=compare))
    except IdentifierError as error:
        raise explain_long_name(error) from None
    return findings


def _run_environment(config: Config, *, fn: Callable[..., list[object]]) -> None:
    script = script_directory(config)
    with EnvironmentContext(config, script, fn=fn):
        script.run_env()


def drift_finding(rule: str, message: str) -> Finding:
    """Return a finding of `db check` that belongs to no revision."""
    known = CHECK_RULES[rule]
    return Finding(rule, known.severity or "info", message, hint=known.hint)


def _operations(container: OpContainer | None) -> Iterator[MigrateOperation]:
    for op in container.ops if container is not None else ():
        if isinstance(op, OpContainer):
            yield from _operations(op)
        else:
            yield op


def _as_python(op: MigrateOperation, context: MigrationContext) -> str:
    options = RENDER_OPTIONS | {"render_item": render_item}
    autogenerate = AutogenContext(context, context.opts["target_metadata"], options)
    text = " ".join(render_op_text(autogenerate, op).split())
    short = text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "…"
    return f"Models and migrations differ: db revision would write {short}"
