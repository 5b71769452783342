"""The enums and domains that models declare, by their names."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ARRAY, MetaData
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.types import Enum, TypeDecorator


def declared_types(metadata: MetaData, default_schema: str) -> Iterator[tuple[str, str]]:
    """Yield schema and name of each enum and domain that a column of the models has."""
    for table in metadata.tables.values():
        for column in table.columns:
            type_ = _plain(column.type)
            is_native = isinstance(type_, Enum) and type_.native_enum
            if (is_native or isinstance(type_, DOMAIN)) and type_.name:
                yield type_.schema or default_schema, type_.name


def _plain(type_: Any) -> Any:
    """Return what is inside of decorators and arrays."""
    if isinstance(type_, TypeDecorator):
        return _plain(type_.impl_instance)
    return _plain(type_.item_type) if isinstance(type_, ARRAY) else type_
