"""The door of the toolkit: what the application uses. Migrations go through the command `db`."""

from .connection.engine import create_engine
from .connection.errors import CommitOutcomeUnknownError, ConfigurationError, ToolkitError
from .connection.health import Health, check_health
from .connection.naming import NAMING_CONVENTION
from .connection.pool_figures import PoolFigures, pool_figures
from .connection.retry import run_transaction
from .connection.session import close_db, get_engine, get_session, init_db, session_scope
from .connection.settings import Settings, load_settings

__all__ = [
    "NAMING_CONVENTION",
    "CommitOutcomeUnknownError",
    "ConfigurationError",
    "Health",
    "PoolFigures",
    "Settings",
    "ToolkitError",
    "check_health",
    "close_db",
    "create_engine",
    "get_engine",
    "get_session",
    "init_db",
    "load_settings",
    "pool_figures",
    "run_transaction",
    "session_scope",
]
