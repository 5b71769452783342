"""Autogenerate: what is compared, how it is rendered, and the revision file that comes of it."""

import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.operations.ops import MigrateOperation, MigrationScript, OpContainer, UpgradeOps
from alembic.runtime.migration import MigrationContext
from alembic.runtime.plugins import Plugin
from alembic.script import ScriptDirectory, write_hooks
from alembic.util import CommandError, DispatchPriority, PriorityDispatchResult
from sqlalchemy.exc import (
    ArgumentError,
    CompileError,
    DBAPIError,
    IdentifierError,
    InvalidRequestError,
)

from ...engine.driver_errors import server_message
from ...engine.factory import create_migration_engine
from ...engine.url import DatabaseURL
from ...errors import ConfigurationError, MigrationError, ToolkitError
from ...project import TOML_FILE, config_file
from ..commands import run_command
from ..steps.chain import write_chain
from ..steps.facts import Facts
from ..steps.options import step_options
from ..steps.renames import rename_steps
from ..steps.split import split
from .corrections import correct
from .drops import comment_drops, skip_unmanaged_tables
from .long_names import cancel_shortened_checks
from .no_difference import DIFFERS, cancel_what_does_not_differ
from .rename_ops import RENAMES, add_renames
from .unnamed_checks import cancel_drops_of_unnamed_checks

# CHECKs are compared by name where Alembic is asked to; nothing tells whether their text changed.
AUTOGENERATE_PLUGINS: Final = (
    "alembic.autogenerate.*",
    "alembic.ext.checkconstraint_byname",
    "alembic_neon",
)
_HOOK: Final = "toolkit_ruff"


# How a single operation is rendered, as in a revision file.
RENDER_OPTIONS: Final[dict[str, Any]] = {
    "sqlalchemy_module_prefix": "sa.",
    "alembic_module_prefix": "op.",
    "user_module_prefix": None,
    "render_as_batch": False,
}


def review_directives(
    context: MigrationContext,
    revision: str | Iterable[str | None] | Iterable[str],
    directives: list[MigrationScript],
) -> None:
    """Look at what autogenerate proposes before it is written, and let ruff format the file.

    Drops of tables that no revision made are left out, the other drops say what is lost, and no
    file is written where nothing is left. `alembic revision --autogenerate` and `alembic check` go
    through here as well as `db revision`.
    """
    config = context.config
    if config is None or not directives:
        return
    skip_unmanaged_tables(directives[0], config)
    both = (directives[0].upgrade_ops_list, directives[0].downgrade_ops_list)
    for upgrade, downgrade in zip(*both, strict=True):
        cancel_false_differences(upgrade, downgrade, context)
        correct(upgrade, downgrade, context, RENDER_OPTIONS, single=step_options(config).single)
    by_us = config.attributes.get("autogenerate")
    if not (by_us or getattr(config.cmd_opts, "autogenerate", False)):
        return  # `alembic check` wants the directives, empty or not
    renames = config.attributes.get(RENAMES, ())
    if not renames and all(ops.is_empty() for ops in directives[0].upgrade_ops_list):
        directives.clear()
        return
    _write_steps(directives, context, config)
    if not by_us and context.environment_context is not None:
        # Alembic runs a hook after the file is written, and lets one of its own fail silently.
        context.environment_context.script.hooks.append({"_hook_name": "ruff", "type": _HOOK})


def _write_steps(
    directives: list[MigrationScript], context: MigrationContext, config: Config
) -> None:
    """Write what touches tables that exist in steps, each a revision where it must be one."""
    whole, options = directives[0], step_options(config)
    renames = config.attributes.get(RENAMES, ())
    upgrade, downgrade = whole.upgrade_ops, whole.downgrade_ops
    environment, connection = context.environment_context, context.connection
    if options.single or not (upgrade and downgrade and environment and connection):
        comment_drops(whole)
        if upgrade and downgrade:
            add_renames(renames, upgrade, downgrade)
        return
    steps = split(upgrade, downgrade, Facts.read(connection), options)
    write_chain(directives, [*rename_steps(renames), *steps], config, environment.script)


def _cancel_when_compared(context: AutogenContext, upgrade: UpgradeOps) -> PriorityDispatchResult:
    """Cancel at the end of Alembic's comparison, for who looks before `review_directives` does.

    That is what pytest-alembic's test of the models does.
    """
    if context.migration_context.opts.get("target_metadata") is not None:
        cancel_false_differences(upgrade, None, context.migration_context)
    return PriorityDispatchResult.CONTINUE


Plugin("alembic_neon").add_autogenerate_comparator(
    _cancel_when_compared, "autogenerate", priority=DispatchPriority.LAST
)


def cancel_false_differences(
    upgrade: OpContainer | None, downgrade: OpContainer | None, context: MigrationContext
) -> None:
    """Take out the operations that would change nothing, from both directions."""
    cancel_drops_of_unnamed_checks(upgrade, downgrade, context.opts["target_metadata"])
    differs = context.config.attributes.get(DIFFERS) if context.config is not None else None
    schema = context.dialect.default_schema_name or "public"
    for ops in (upgrade, downgrade):
        if ops is None:
            continue
        cancel_shortened_checks(ops, context.dialect)
        cancel_what_does_not_differ(ops, differs, schema)
        ops.ops[:] = [op for op in ops.ops if not _is_empty(op)]


@write_hooks.register(_HOOK)
def _format_or_fail(path: str, options: dict[str, str | None]) -> None:
    try:
        require_ruff()
        format_revision(Path(path))
    except ToolkitError as error:
        Path(path).unlink(missing_ok=True)
        raise CommandError(str(error)) from None


async def create_revision(url: DatabaseURL | None, message: str, config: Config) -> list[Path]:
    """Write the next revision files, formatted and linted by the project's own ruff.

    With a `url`, whose database has to be at head, they hold the difference between the models and
    that database, in the steps that `step_options` asks for; without one there is one, and its body
    is empty.

    Returns the files, none where the models and the database do not differ.

    Raises:
        MigrationError: the history has several heads, or ruff refuses what was written; no file is
            left behind then.
        ConfigurationError: ruff is not installed, or a name in the models is longer than
            PostgreSQL's 63 characters.
    """
    require_ruff()
    autogenerate = url is not None
    config.attributes["autogenerate"] = autogenerate
    engine = None if url is None else create_migration_engine(url)
    with _removed_on_failure(config):
        try:
            made = await run_command(
                config, engine, command.revision, message=message, autogenerate=autogenerate
            )
        except IdentifierError as error:
            raise explain_long_name(error) from None
        except SyntaxError as error:
            raise MigrationError(
                f"Autogenerate wrote what is not Python, in line {error.lineno}: {error.msg}.",
                "The file was removed; write this change by hand: db revision --empty -m TEXT",
            ) from None
        except DBAPIError as error:  # of another package's comparison: a view of a new table
            raise MigrationError(
                f"Autogenerate fails in the scratch database: {server_message(error)}.",
                "Write first, in a revision of its own, what is missing there.",
            ) from None
        except (CompileError, InvalidRequestError, ArgumentError) as error:
            reason = str(error).partition("\n")[0]
            raise MigrationError(
                f"The models cannot be compared: {reason}", "Fix the models, or exclude the table."
            ) from None
        finally:
            if engine is not None:
                await engine.dispose()
        scripts = made if isinstance(made, list) else [made]
        written = [Path(script.path) for script in scripts if script is not None]
        for path in written:
            format_revision(path, keeps_imports=not autogenerate)
    return written


@contextmanager
def _removed_on_failure(config: Config) -> Iterator[None]:
    """Leave no file behind that is not a revision: it would break every command."""
    known = _revision_files(config)
    try:
        with warnings.catch_warnings():
            # Said by the revision that is written, or by `db check`.
            warnings.filterwarnings("ignore", message="Computed default on")
            yield
    except BaseException:
        for path in _revision_files(config) - known:
            path.unlink(missing_ok=True)
        raise


def _revision_files(config: Config) -> set[Path]:
    folders = ScriptDirectory.from_config(config)._version_locations
    return {path for folder in folders for path in Path(folder).glob("*.py")}


def _is_empty(op: MigrateOperation) -> bool:
    return isinstance(op, OpContainer) and op.is_empty()


def explain_long_name(error: IdentifierError) -> ConfigurationError:
    """Return the error for a name in the models that PostgreSQL would cut."""
    return ConfigurationError(
        f"{error}".partition("\n")[0] + ".",
        "Shorten it; only names that the naming convention makes are shortened by themselves.",
    )


def require_ruff() -> None:
    """Refuse to write a revision that nothing can format.

    Raises:
        ConfigurationError: ruff is not installed.
    """
    if _ruff("--version").returncode != 0:
        raise ConfigurationError(
            "ruff is not installed, and a revision is written formatted or not at all.",
            "Install the project's dev group: uv sync",
        )


def format_revision(path: Path, *, keeps_imports: bool = False) -> None:
    """Format a revision file as the project's ruff does.

    `keeps_imports`: an empty revision keeps `op` and `sa` for whoever fills it.

    Raises:
        MigrationError: ruff finds something that it cannot fix.
    """
    # Imports are sorted first, what is too long is wrapped, and then nothing may be left to say. In
    # a project with a template of its own for revisions, nothing but a name that is not there.
    unused = ("--extend-ignore=F401",) if keeps_imports else ()
    fix = ("check", "--fix", "--exit-zero", "--quiet", *unused)
    only_names = ("--select=F",) if config_file().name == TOML_FILE else ()
    rest = ("check", "--quiet", "--output-format=concise", *only_names, *unused)
    for arguments in (fix, ("format", "--quiet"), rest):
        result = _ruff(*arguments, str(path))
        if result.returncode != 0:
            reason = "; ".join((result.stdout or result.stderr).strip().splitlines())
            raise MigrationError(
                f"ruff refuses the revision that was written: {reason}",
                "Change the models or the ruff settings; the file was removed.",
            )


def _ruff(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - no shell; the paths are the project's
        [sys.executable, "-m", "ruff", *arguments], capture_output=True, text=True, check=False
    )
