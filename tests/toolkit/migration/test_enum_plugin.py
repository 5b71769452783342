"""The private functions of alembic-postgresql-enum and SQLAlchemy that are replaced are in use."""

import inspect
from importlib.metadata import version
from types import ModuleType
from typing import Any

import alembic_neon.migration.autogenerate.dialect_gaps as gaps
import alembic_neon.migration.autogenerate.enum_plugin as ours
import pytest
from alembic_postgresql_enum.get_enum_data import declared_enums
from sqlalchemy.dialects.postgresql import REGCONFIG


@pytest.mark.parametrize(
    ("name", "replacement"),
    [
        ("get_just_added_defaults", ours.just_added_defaults),
        ("get_enum_values", ours.enum_values),
        ("column_type_is_enum", ours.is_native_enum),
    ],
)
def test_the_plugin_calls_what_is_put_in_the_place_of_its_own(name: str, replacement: Any) -> None:
    module: ModuleType = declared_enums
    assert getattr(module, name) is replacement
    assert f" {name}(" in inspect.getsource(declared_enums.get_declared_enums)


def test_the_function_that_is_called_on_takes_what_it_took() -> None:
    taken = inspect.signature(ours._just_added_defaults).parameters
    assert list(taken) == list(inspect.signature(ours.just_added_defaults).parameters)


def test_the_plugin_is_the_version_that_was_read() -> None:
    assert version("alembic-postgresql-enum").startswith("1.11."), "read enum_plugin.py beside it"


def test_sqlalchemy_cannot_write_the_name_of_a_configuration_yet() -> None:
    assert vars(REGCONFIG)["literal_processor"] is gaps._literal, "dialect_gaps.py can go"
