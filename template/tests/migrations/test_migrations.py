"""Every revision upgrades, downgrades and upgrades again on tables with rows.

`db test` runs the same tests without anything else of this folder.
"""

from alembic_neon.testing import (
    alembic_config,
    alembic_engine,
    test_model_definitions_match_ddl,
    test_models_match_the_migrations,
    test_round_trip,
    test_single_head_revision,
    test_up_down_consistency,
    test_upgrade,
)

__all__ = [
    "alembic_config",
    "alembic_engine",
    "test_model_definitions_match_ddl",
    "test_models_match_the_migrations",
    "test_round_trip",
    "test_single_head_revision",
    "test_up_down_consistency",
    "test_upgrade",
]
