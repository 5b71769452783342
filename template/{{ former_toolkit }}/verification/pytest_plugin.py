"""Old `pytest_plugins` go on working: pytest loads the toolkit's plugin by itself now.

The two fixtures for pytest-alembic were part of it, and are in `alembic_neon.testing` now.
"""

from alembic_neon.testing import alembic_config, alembic_engine

__all__ = ["alembic_config", "alembic_engine"]
