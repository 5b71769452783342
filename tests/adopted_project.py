"""A project that was there before the toolkit: its own settings, folders, models and revisions."""

# ruff: noqa: E501 - the user writes as he likes

from pathlib import Path
from textwrap import dedent
from typing import Final

from scratch_project import ScratchProject

# Everything but db.toml and the folder db_environment is the user's.
_FILES: Final = {
    "pyproject.toml": """
        [project]
        name = "legacy"
        version = "3.1"

        [tool.pytest.ini_options]
        asyncio_mode = "strict"
        testpaths = ["tests"]
        addopts = "--import-mode=importlib --strict-config"
    """,
    "alembic.ini": """
        [alembic]
        script_location = alembic
        sqlalchemy.url = postgresql://nobody@nowhere.invalid/none
    """,
    "db.toml": """
        [tool.alembic]
        script_location = "%(here)s/db_environment"
        version_locations = ["%(here)s/alembic/versions", "%(here)s/alembic/older"]
        prepend_sys_path = ["%(here)s"]
        file_template = "%%(rev)s_%%(slug)s"

        [tool.db]
        postgres_version = 18
        version_table = "schema_versions"
        version_table_schema = "ops"
    """,
    "db_environment/env.py": """
        from alembic_neon.migration.environment import run_migrations
        from legacy.models import Base, Item, audit

        run_migrations(Base, Item, audit, Base.metadata)
    """,
    "db_environment/hooks.py": """
        def include_object(object, name, type_, reflected, compare_to):
            return name != "spoken_for"
    """,
    "db_environment/script.py.mako": '''
        """${message}

        Revision ID: ${up_revision}
        Revises: ${down_revision | comma,n}
        """
        from typing import Sequence, Union

        from alembic import op
        import sqlalchemy as sa
        import sqlmodel
        ${imports if imports else ""}

        revision: str = ${repr(up_revision)}
        down_revision: Union[str, None] = ${repr(down_revision)}
        branch_labels: Union[str, Sequence[str], None] = ${repr(branch_labels)}
        depends_on: Union[str, Sequence[str], None] = ${repr(depends_on)}


        def upgrade() -> None:
            ${upgrades if upgrades else "pass"}


        def downgrade() -> None:
            ${downgrades if downgrades else "pass"}
    ''',
    "alembic/env.py": 'raise SystemExit("the old environment was run")\n',
    "legacy/__init__.py": "",
    "legacy/types.py": """
        import sqlalchemy as sa

        class Money(sa.TypeDecorator):
            impl = sa.Numeric(12, 2)
            cache_ok = True
    """,
    # Three metadata, and no naming convention: PostgreSQL names what the models leave unnamed.
    "legacy/models.py": """
        import enum
        import sqlalchemy as sa
        from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
        from sqlmodel import Field, SQLModel
        from .types import Money

        class Base(DeclarativeBase):
            pass

        class State(enum.Enum):
            new = "new"
            paid = "paid"

        class Order(Base):
            __tablename__ = "orders"
            __table_args__ = (
                sa.CheckConstraint("total >= 0"), sa.UniqueConstraint("number"),
                sa.CheckConstraint("number <> ''", name="number_is_said"),
            )
            id: Mapped[int] = mapped_column(primary_key=True)
            number: Mapped[str] = mapped_column(sa.String(20))
            total: Mapped[float] = mapped_column(Money())
            state: Mapped[State] = mapped_column(sa.Enum(State, native_enum=False, create_constraint=True, name="state"))
            is_open: Mapped[bool] = mapped_column(sa.Boolean(create_constraint=True))

        class Item(SQLModel, table=True):
            id: int | None = Field(default=None, primary_key=True)
            name: str = Field(index=True)
            order_id: int

        audit = sa.MetaData(schema="ops")
        sa.Table("trail", audit, sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("what", sa.Text))
    """,
    "alembic/older/aa01_orders.py": '''
        """orders

        Revises:
        """
        from alembic import op
        import sqlalchemy as sa
        from legacy.types import Money

        revision = "aa01"
        down_revision = None
        branch_labels = ("shop",)


        def upgrade():
            op.create_table(
                "orders",
                sa.Column("id", sa.Integer(), nullable=False),
                sa.Column("number", sa.String(20), nullable=False),
                sa.Column("total", Money(), nullable=False),
                sa.Column("state", sa.String(4), nullable=False),
                sa.Column("is_open", sa.Boolean(), nullable=False),
                sa.PrimaryKeyConstraint("id", name="pk_of_orders"),
                sa.UniqueConstraint("number", name="only_one_number"),
                sa.CheckConstraint("total >= 0"),
                sa.CheckConstraint("number <> ''", name="number_is_said"),
                sa.CheckConstraint("state IN ('new', 'paid')", name="state"),
                sa.CheckConstraint("is_open IN (true, false)"),
            )


        def downgrade():
            op.drop_table("orders")
    ''',
    "alembic/versions/bb02_items.py": '''
        """items

        Revises: aa01
        """
        from alembic import op
        import sqlalchemy as sa
        import sqlmodel

        revision = "bb02"
        down_revision = "aa01"


        def upgrade():
            connection = op.get_bind()
            if "item" not in sa.inspect(connection).get_table_names():
                op.create_table(
                    "item",
                    sa.Column("id", sa.Integer(), primary_key=True),
                    sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
                    sa.Column("order_id", sa.Integer(), nullable=False),
                )
            op.create_index(op.f("ix_item_name"), "item", ["name"])
            connection.execute(sa.text("CREATE TABLE ops.trail (id bigserial PRIMARY KEY, what text)"))
            connection.execute(sa.text("CREATE TABLE spoken_for (id int)"))


        def downgrade():
            connection = op.get_bind()
            connection.execute(sa.text("DROP TABLE spoken_for"))
            connection.execute(sa.text("DROP TABLE ops.trail"))
            op.drop_table("item")
    ''',
}


def make_adopted_project(folder: Path) -> ScratchProject:
    """Write the project, with what the template adds to it."""
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"))
    return ScratchProject(folder)
