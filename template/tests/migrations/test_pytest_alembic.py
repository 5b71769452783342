"""pytest-alembic's four tests of the whole history.

They are imported by hand, as its own collection fails on pytest 9.2. Their fixtures
`alembic_config` and `alembic_engine` come from the toolkit's plugin.
"""

from pytest_alembic.tests import (
    test_model_definitions_match_ddl,
    test_single_head_revision,
    test_up_down_consistency,
    test_upgrade,
)

__all__ = [
    "test_model_definitions_match_ddl",
    "test_single_head_revision",
    "test_up_down_consistency",
    "test_upgrade",
]
