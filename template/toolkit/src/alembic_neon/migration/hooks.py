"""The user's part of the environment: `hooks.py` beside `env.py`, where there is one.

It may define these functions, and imports nothing of the toolkit:

    def include_object(object, name, type_, reflected, compare_to) -> bool: ...
    def configure_options() -> dict: ...  # further arguments of Alembic's context.configure
    async def migration_rows(table, connection) -> bool: ...  # fills a table for tests; or `def`

https://alembic.sqlalchemy.org/en/latest/api/runtime.html#alembic.runtime.environment.EnvironmentContext.configure
"""

import runpy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigurationError

IncludeObject = Callable[[Any, str | None, str, bool, Any], bool]
MigrationRows = Callable[[str, Any], Any]
_FUNCTIONS: Final = ("include_object", "configure_options", "migration_rows")

# What the safety of a run hangs on, and what is handed over in other ways.
_OURS: Final = {
    "as_sql": "give --sql",
    "connection": "set DATABASE_URL",
    "dialect_name": "it is postgresql",
    "fn": "the runner's own",
    "include_object": "define the function include_object",
    "on_version_apply": "the runner's own",
    "target_metadata": "env.py hands it over",
    "transaction_per_migration": "each revision is a transaction",
    "transactional_ddl": "each revision is a transaction",
    "url": "set DATABASE_URL",
    "version_table": "set [tool.db] version_table",
    "version_table_schema": "set [tool.db] version_table_schema",
}


@dataclass(frozen=True)
class Hooks:
    """What the file says; without a file, nothing."""

    include_object: IncludeObject | None = None
    options: dict[str, Any] = field(default_factory=dict)
    migration_rows: MigrationRows | None = None


def load_hooks(folder: Path) -> Hooks:
    """Run `hooks.py` in the folder of `env.py` and return what it defines.

    Raises:
        ConfigurationError: it defines something that is not a function, or sets an option that is
            not the user's.
    """
    path = folder / "hooks.py"
    if not path.is_file():
        return Hooks()
    found = runpy.run_path(str(path))
    for name in _FUNCTIONS:
        if name in found and not callable(found[name]):
            raise ConfigurationError(f"{path}: {name} is not a function.", "Make it one.")
    options = found["configure_options"]() if "configure_options" in found else {}
    if not isinstance(options, dict):
        raise ConfigurationError(
            f"{path}: configure_options() returned {type(options).__name__}.", "Return a dict."
        )
    if refused := sorted(_OURS.keys() & options.keys()):
        raise ConfigurationError(
            f"{path}: configure_options() sets {refused[0]}, which is not the project's to set.",
            f"Leave it out: {_OURS[refused[0]]}.",
        )
    return Hooks(found.get("include_object"), options, found.get("migration_rows"))
