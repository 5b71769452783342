"""Drift: what the models have and the migrations do not, or the other way round."""

from collections.abc import Iterator
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
from .generate import explain_long_name, render_item
from .long_names import cancel_shortened_checks
from .metadata import each_of
from .unnamed_checks import cancel_drops_of_unnamed_checks

_LONGEST_MESSAGE: Final = 300


async def find_drift(
    engine: AsyncEngine, config: Config
) -> tuple[list[Finding], tuple[MetaData, ...]]:
    """Compare the models with a database at head, as autogenerate does.

    Returns a finding for each operation that a revision would need, and the models' metadata as
    `env.py` handed it over.

    Raises:
        ConfigurationError: a name in the models is longer than PostgreSQL's 63 characters.
        MigrationError, ConnectionFailedError: as `run_command` does.
    """
    findings: list[Finding] = []
    metadata: list[MetaData] = []

    def compare(_: object, context: MigrationContext) -> list[object]:
        target = context.opts["target_metadata"]
        metadata.extend(each_of(target))
        script = produce_migrations(context, target)
        if script.upgrade_ops is not None:
            cancel_shortened_checks(script.upgrade_ops, context.dialect)
            cancel_drops_of_unnamed_checks(script.upgrade_ops, None, target)
        for op in _operations(script.upgrade_ops):
            findings.append(drift_finding("drift", _as_python(op, context)))
        return []

    def run(config: Config) -> None:
        script = script_directory(config)
        with EnvironmentContext(config, script, fn=compare):
            script.run_env()

    try:
        await run_command(config, engine, run)
    except IdentifierError as error:
        raise explain_long_name(error) from None
    return findings, tuple(metadata)


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
    options = {
        "sqlalchemy_module_prefix": "sa.",
        "alembic_module_prefix": "op.",
        "user_module_prefix": None,
        "render_as_batch": False,
        "render_item": render_item,
    }
    autogenerate = AutogenContext(context, context.opts["target_metadata"], options)
    text = " ".join(render_op_text(autogenerate, op).split())
    short = text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "…"
    return f"The migrations lack: {short}"
