"""Changes of models, a module a kind: what stands before, what stands after, and what is asked for.

A case is written in one of two styles. Text without a class or a table is the body of a class
`Task` on the table `tasks`, which has an `id`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from textwrap import dedent, indent
from typing import Final

KINDS: Final = (
    "columns",
    "constraints",
    "enums",
    "expressions",
    "indexes",
    "keys",
    "renames",
    "tables",
    "types",
)
_IMPORTS: Final = """\
import datetime as dt
import decimal
import enum
import uuid
from typing import Any, ClassVar

import sqlalchemy as sa
from alembic_neon import NAMING_CONVENTION
from sqlalchemy import *
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column as col, registry, relationship
from sqlmodel import AutoString, Field, SQLModel


def table(name, *items, **options):
    return Table(name, Base.metadata, Column("id", Integer, primary_key=True), *items, **options)


"""
_BASES: Final = {
    "sqlalchemy": """\
class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
""",
    "sqlmodel": """\
class Base(SQLModel, registry=registry()):
    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING_CONVENTION)
""",
}
_CLASSES: Final = {
    "sqlalchemy": """\
class Task(Base):
    __tablename__ = "tasks"
    id: Mapped[int] = col(primary_key=True)
""",
    "sqlmodel": """\
class Task(Base, table=True):
    __tablename__ = "tasks"
    id: int | None = Field(default=None, primary_key=True)
""",
}


@dataclass(frozen=True)
class Case:
    """A change of models from `before` to `after`.

    `options` are given to `db revision`, where a person would have to decide. `sql` ran in a
    revision before, beside the models. `keeps`: no value may be lost, not even knowingly.
    """

    kind: str
    name: str
    style: str
    before: str
    after: str
    options: tuple[str, ...] = ()
    sql: tuple[str, ...] = ()
    keeps: bool = False

    def models(self, stage: str) -> str:
        """Return the module of models of a stage, `before` or `after`."""
        text = dedent(getattr(self, stage)).strip("\n")
        if text and "class " not in text and "able(" not in text:  # neither Table nor table
            text = _CLASSES[self.style] + indent(text, "    ")
        return f"{_IMPORTS}{_BASES[self.style]}\n\n{text}\n\nmetadata = Base.metadata\n"


class Kind:
    """Collects the cases of one kind, in the order in which a module writes them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cases: list[Case] = []

    def sqlalchemy(
        self,
        name: str,
        before: str,
        after: str,
        *options: str,
        sql: tuple[str, ...] = (),
        keeps: bool = False,
    ) -> None:
        """Add a case in SQLAlchemy's declarative style, or of plain tables."""
        self.cases.append(Case(self.name, name, "sqlalchemy", before, after, options, sql, keeps))

    def sqlmodel(
        self,
        name: str,
        before: str,
        after: str,
        *options: str,
        sql: tuple[str, ...] = (),
        keeps: bool = False,
    ) -> None:
        """Add a case in SQLModel's style."""
        self.cases.append(Case(self.name, name, "sqlmodel", before, after, options, sql, keeps))


def all_cases() -> Iterator[Case]:
    """Yield every case of every kind."""
    for name in KINDS:
        yield from import_module(f".{name}", __package__).kind.cases
