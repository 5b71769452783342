"""Projects that were there before the toolkit, of the usual kinds, for tests of adopting it."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Final

from rendering import check, commit_all

_REVISION: Final = '''\
"""{message}

Revision ID: {revision}
Revises: {revises}
Create Date: 2025-03-04 10:11:12.131415

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa
{imports}

# revision identifiers, used by Alembic.
revision: str = '{revision}'
down_revision: Union[str, None] = {down!r}
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
{upgrade}

def downgrade() -> None:
{downgrade}'''


@dataclass(frozen=True)
class ExistingProject:
    """A repository with everything committed."""

    folder: Path

    def write(self, files: dict[str, str]) -> None:
        """Write files, and the folders that they lie in."""
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(dedent(text).lstrip("\n"))

    def init_alembic(self, path: str, metadata: str, options: str = "") -> None:
        """Let Alembic itself make its folder; the module that has the metadata is imported."""
        check(sys.executable, "-m", "alembic", "init", path, cwd=self.folder)
        environment = self.folder / path / "env.py"
        module, _, attribute = metadata.partition(":")
        name = attribute.partition(".")[0]
        text = environment.read_text()
        text = text.replace(
            "target_metadata = None",
            f"from {module} import {name}\n\ntarget_metadata = {attribute}",
        )
        text = text.replace(
            "target_metadata=target_metadata", f"target_metadata=target_metadata{options}"
        )
        environment.write_text(text)
        for readme in (self.folder / path).glob("README"):
            readme.unlink()

    def revision(
        self,
        versions: str,
        revision: str,
        down: str | None,
        message: str,
        upgrade: str,
        downgrade: str,
        imports: str = "",
    ) -> None:
        """Write a revision in the style of Alembic's own template."""
        slug = re.sub(r"\W+", "_", message)
        path = self.folder / versions / f"{revision}_{slug}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        bodies = [
            "".join(f"    {line}\n" for line in dedent(body).strip().splitlines())
            for body in (upgrade, downgrade)
        ]
        path.write_text(
            _REVISION.format(
                message=message,
                revision=revision,
                revises=down or "",
                down=down,
                imports=imports,
                upgrade=bodies[0],
                downgrade=bodies[1],
            )
        )

    def status(self) -> list[str]:
        """Return what git says of the working tree, one path a line."""
        status = check("git", "status", "--porcelain", "--untracked-files=all", cwd=self.folder)
        return status.splitlines()


def fastapi_project(folder: Path) -> ExistingProject:
    """FastAPI and SQLModel, flat in `app/`, with Alembic's folder beside it and two revisions."""
    project = ExistingProject(folder)
    project.write(
        {
            ".gitignore": ".venv\n__pycache__\n.pytest_cache\n",
            "pyproject.toml": """
                [project]
                name = "shop"
                version = "0.1.0"
                requires-python = ">=3.11"
                dependencies = [
                    "alembic>=1.12",
                    "fastapi>=0.110",
                    "psycopg[binary]>=3.1",
                    "pydantic-settings>=2.2",
                    "sqlmodel>=0.0.21",
                ]

                [dependency-groups]
                dev = ["pytest>=8", "httpx2>=2"]

                [tool.pytest.ini_options]
                testpaths = ["tests"]
                """,
            "README.md": "# Shop\n",
            "app/__init__.py": "",
            "app/main.py": """
                from fastapi import FastAPI

                from app.api import items

                app = FastAPI()
                app.include_router(items.router)
                """,
            "app/models.py": """
                import uuid

                from sqlmodel import Field, Relationship, SQLModel


                class User(SQLModel, table=True):
                    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
                    email: str = Field(unique=True, index=True, max_length=255)
                    is_active: bool = True
                    items: list["Item"] = Relationship(back_populates="owner")


                class Item(SQLModel, table=True):
                    id: int | None = Field(default=None, primary_key=True)
                    title: str = Field(max_length=255)
                    description: str | None = None
                    owner_id: uuid.UUID = Field(foreign_key="user.id", ondelete="CASCADE")
                    owner: User = Relationship(back_populates="items")
                """,
            "app/core/__init__.py": "",
            "app/core/config.py": """
                from pydantic_settings import BaseSettings


                class Settings(BaseSettings):
                    sqlalchemy_url: str = "postgresql+psycopg://localhost/shop"


                settings = Settings()
                """,
            "app/core/db.py": """
                from collections.abc import Iterator

                from sqlmodel import Session, create_engine

                from app.core.config import settings

                engine = create_engine(settings.sqlalchemy_url)


                def get_session() -> Iterator[Session]:
                    with Session(engine) as session:
                        yield session
                """,
            "app/api/__init__.py": "",
            "app/api/items.py": """
                from fastapi import APIRouter, Depends
                from sqlmodel import Session, select

                from app.core.db import get_session
                from app.models import Item

                router = APIRouter(prefix="/items")


                @router.get("/")
                def read(session: Session = Depends(get_session)) -> list[Item]:
                    return list(session.exec(select(Item)).all())
                """,
            "tests/__init__.py": "",
            "tests/conftest.py": """
                from collections.abc import Iterator

                import pytest
                from fastapi.testclient import TestClient

                from app.main import app


                @pytest.fixture
                def client() -> Iterator[TestClient]:
                    with TestClient(app) as client:
                        yield client
                """,
            "tests/test_api.py": """
                from fastapi.testclient import TestClient


                def test_the_schema_is_served(client: TestClient) -> None:
                    assert client.get("/openapi.json").status_code == 200
                """,
        }
    )
    project.init_alembic("alembic", "app.models:SQLModel.metadata")
    project.revision(
        "alembic/versions",
        "1a31ce608336",
        None,
        "create users",
        """
        op.create_table('user',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('email', sqlmodel.sql.sqltypes.AutoString(length=255), nullable=False),
        sa.Column('is_active', sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint('id')
        )
        op.create_index(op.f('ix_user_email'), 'user', ['email'], unique=True)
        """,
        """
        op.drop_index(op.f('ix_user_email'), table_name='user')
        op.drop_table('user')
        """,
        imports="import sqlmodel.sql.sqltypes",
    )
    project.revision(
        "alembic/versions",
        "9c0a54914c78",
        "1a31ce608336",
        "add items",
        """
        op.create_table('item',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('title', sqlmodel.sql.sqltypes.AutoString(length=255), nullable=False),
        sa.Column('description', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column('owner_id', sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(['owner_id'], ['user.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id')
        )
        """,
        "op.drop_table('item')",
        imports="import sqlmodel.sql.sqltypes",
    )
    commit_all(folder, "Start")
    return project


def declarative_project(folder: Path) -> ExistingProject:
    """SQLAlchemy in `src/`, two base classes of one name, the version table in a schema."""
    project = ExistingProject(folder)
    project.write(
        {
            "pyproject.toml": """
                [project]
                name = "store"
                version = "1.0"
                requires-python = ">=3.11"
                dependencies = ["alembic", "sqlalchemy"]

                [tool.setuptools.packages.find]
                where = ["src"]
                """,
            "src/store/__init__.py": "",
            "src/store/sales.py": """
                from sqlalchemy import ForeignKey, String
                from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


                class Base(DeclarativeBase):
                    pass


                class Customer(Base):
                    __tablename__ = "customers"
                    id: Mapped[int] = mapped_column(primary_key=True)
                    name: Mapped[str] = mapped_column(String(80))


                class Order(Base):
                    __tablename__ = "orders"
                    id: Mapped[int] = mapped_column(primary_key=True)
                    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
                """,
            "src/store/stock.py": """
                from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


                class Base(DeclarativeBase):
                    pass


                class Article(Base):
                    __tablename__ = "articles"
                    id: Mapped[int] = mapped_column(primary_key=True)
                    pieces: Mapped[int]
                """,
        }
    )
    project.init_alembic(
        "src/store/migrations", "store.sales:Base.metadata", ', version_table_schema="ops"'
    )
    project.revision(
        "src/store/migrations/versions",
        "b51f7a9d1c02",
        None,
        "all tables",
        """
        op.create_table('customers',
            sa.Column('id', sa.Integer(), nullable=False),
            sa.Column('name', sa.String(80), nullable=False),
            sa.PrimaryKeyConstraint('id'))
        op.create_table('orders',
            sa.Column('id', sa.Integer(), nullable=False),
            sa.Column('customer_id', sa.Integer(), nullable=False),
            sa.ForeignKeyConstraint(['customer_id'], ['customers.id']),
            sa.PrimaryKeyConstraint('id'))
        op.create_table('articles',
            sa.Column('id', sa.Integer(), nullable=False),
            sa.Column('pieces', sa.Integer(), nullable=False),
            sa.PrimaryKeyConstraint('id'))
        """,
        """
        op.drop_table('articles')
        op.drop_table('orders')
        op.drop_table('customers')
        """,
    )
    commit_all(folder, "Start")
    return project


def bare_project(folder: Path) -> ExistingProject:
    """A package with models, and nothing of migrations."""
    project = ExistingProject(folder)
    project.write(
        {
            "pyproject.toml": '[project]\nname = "notes"\nversion = "0.1.0"\n',
            "notes/__init__.py": "",
            "notes/models.py": """
                from sqlmodel import Field, SQLModel


                class Note(SQLModel, table=True):
                    id: int | None = Field(default=None, primary_key=True)
                    text: str
                """,
        }
    )
    commit_all(folder, "Start")
    return project
