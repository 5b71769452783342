"""What an application uses; migrations go through the command `db`.

Each name is imported at its first use, so that the pytest plugin and the command line pay for
nothing else: https://peps.python.org/pep-0562/
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .engine.database_check import check_database
    from .engine.default_engine import close_db, get_engine, get_session, init_db, session_scope
    from .engine.factory import create_engine
    from .engine.health import Health, check_health
    from .engine.naming import NAMING_CONVENTION
    from .engine.pool_stats import PoolStats, pool_stats
    from .engine.settings import Settings, load_settings
    from .engine.unit_of_work import run_transaction
    from .errors import (
        CommitOutcomeUnknownError,
        ConfigurationError,
        ConnectionFailedError,
        ToolkitError,
    )

__all__ = [
    "NAMING_CONVENTION",
    "CommitOutcomeUnknownError",
    "ConfigurationError",
    "ConnectionFailedError",
    "Health",
    "PoolStats",
    "Settings",
    "ToolkitError",
    "check_database",
    "check_health",
    "close_db",
    "create_engine",
    "get_engine",
    "get_session",
    "init_db",
    "load_settings",
    "pool_stats",
    "run_transaction",
    "session_scope",
]

_MODULES: Final = {
    "CommitOutcomeUnknownError": "errors",
    "ConfigurationError": "errors",
    "ConnectionFailedError": "errors",
    "Health": "engine.health",
    "NAMING_CONVENTION": "engine.naming",
    "PoolStats": "engine.pool_stats",
    "Settings": "engine.settings",
    "ToolkitError": "errors",
    "check_database": "engine.database_check",
    "check_health": "engine.health",
    "close_db": "engine.default_engine",
    "create_engine": "engine.factory",
    "get_engine": "engine.default_engine",
    "get_session": "engine.default_engine",
    "init_db": "engine.default_engine",
    "load_settings": "engine.settings",
    "pool_stats": "engine.pool_stats",
    "run_transaction": "engine.unit_of_work",
    "session_scope": "engine.default_engine",
}


def __getattr__(name: str) -> Any:
    """Import a public name."""
    if name == "__version__":
        from importlib.metadata import version

        return version("alembic-neon")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Name what is public, for completion."""
    return [*__all__, "__version__"]
