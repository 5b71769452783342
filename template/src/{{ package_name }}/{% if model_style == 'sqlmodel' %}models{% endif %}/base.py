"""What all models share."""

from enum import StrEnum
from typing import ClassVar

from alembic_neon import NAMING_CONVENTION
from sqlalchemy import MetaData
from sqlmodel import SQLModel


class Base(SQLModel):
    """The parent of every table."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING_CONVENTION)


def enum_values(members: type[StrEnum]) -> list[str]:
    """Let the database store an enum's values, instead of the names of its members."""
    return [member.value for member in members]
