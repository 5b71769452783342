"""The people who own tasks."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Identity, func
from sqlmodel import Field

from .base import Base


class User(Base, table=True):
    """A person with a unique address."""

    __tablename__ = "users"

    id: int | None = Field(
        default=None, primary_key=True, sa_type=BigInteger, sa_column_args=[Identity()]
    )
    email: str = Field(max_length=320, unique=True)
    name: str = Field(max_length=200)
    created_at: datetime = Field(
        default=None,  # the database's clock sets it
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"server_default": func.now()},
    )
