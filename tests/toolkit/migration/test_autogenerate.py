"""Autogenerate: what it finds, how it writes it, and what it refuses to leave behind."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from alembic.config import CommandLine
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConfigurationError, MigrationError
from alembic_neon.migration.autogenerate.generate import create_revision
from alembic_neon.migration.commands import script_directory
from alembic_neon.migration.runner.run import downgrade, upgrade
from queries import Query
from scratch_project import ScratchProject

MODELS: Final = """
from enum import StrEnum

import sqlalchemy as sa
from alembic_neon import NAMING_CONVENTION
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"
    # more colours


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)


class Thing(Base):
    __tablename__ = "things"
    __table_args__ = (
        sa.UniqueConstraint("a", "b"),
        sa.CheckConstraint("a > 0", name="a_positive"),
        sa.Index(None, "b", postgresql_where=sa.text("a > 1")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    a: Mapped[int] = mapped_column(server_default="1")
    b: Mapped[int | None] = mapped_column(sa.ForeignKey("things.id"))
    colour: Mapped[Colour] = mapped_column(
        sa.Enum(Colour, name="colour", values_callable=lambda found: [c.value for c in found])
    )
    # more columns


metadata = Base.metadata
"""


@pytest.fixture
def modelled(project: ScratchProject) -> ScratchProject:
    project.models(MODELS)
    return project


async def next_revision(project: ScratchProject, database: DatabaseURL, message: str) -> Path:
    """Write a revision, or a chain, apply it, and return the first file."""
    [path, *_] = await create_revision(database, message, project.config)
    await upgrade(database)
    return path


async def test_a_message_in_any_alphabet_names_its_file(project: ScratchProject) -> None:
    """Letters stay letters, and the id keeps two files apart."""
    messages = {
        "Füge Größe hinzu": "_füge_größe_hinzu",
        "добавить таблицу": "_добавить_таблицу",
        "添加用户": "_添加用户",
        "添加订单": "_添加订单",
        "!!!": "_",
    }
    for message, end in messages.items():
        [path] = await create_revision(None, message, project.config)
        assert path.stem.endswith(end)
        assert path.read_text(encoding="utf-8").startswith(f'"""{message}')
    assert len(project.revision_files) == len(messages)
    assert len(script_directory(project.config).get_heads()) == 1


async def test_a_revision_is_written_applied_and_complete(
    modelled: ScratchProject, database: DatabaseURL
) -> None:
    path = await next_revision(modelled, database, "create things")
    assert path.name.startswith("20")
    assert path.name.endswith("_create_things.py")
    assert await create_revision(database, "nothing is left", modelled.config) == []
    await downgrade(database, "base")
    await upgrade(database)


def test_it_is_formatted_and_passes_the_projects_lint(
    modelled: ScratchProject, database: DatabaseURL
) -> None:
    path = asyncio.run(next_revision(modelled, database, "create things"))
    for arguments in (["format", "--check"], ["check"]):
        command = [sys.executable, "-m", "ruff", *arguments, str(path)]
        assert subprocess.run(command, check=False, cwd=modelled.folder).returncode == 0


async def test_names_follow_the_convention(modelled: ScratchProject, database: DatabaseURL) -> None:
    text = (await next_revision(modelled, database, "create things")).read_text()
    for name in (
        "pk_things",
        "uq_things_a_b",
        "ck_things_a_positive",
        "fk_things_b_things",
        "ix_things_b",
    ):
        assert f'op.f("{name}")' in text


async def test_without_a_change_nothing_is_written(
    project: ScratchProject, database: DatabaseURL
) -> None:
    assert await create_revision(database, "nothing", project.config) == []
    assert project.revision_files == []


async def test_an_empty_one_needs_no_database(modelled: ScratchProject) -> None:
    [path] = await create_revision(None, "move data", modelled.config)
    assert path is not None
    text = path.read_text()
    assert "def upgrade()" in text
    assert "op." not in text


@pytest.mark.parametrize(
    ("old", "new", "written"),
    [
        ("# more colours", 'GREEN = "green"', "green"),
        ('server_default="1"', 'server_default="2"', "server_default"),
        ("# more columns", "c: Mapped[int | None]", 'op.add_column("things"'),
        ("a: Mapped[int] =", "a: Mapped[int | None] =", "nullable=True"),
        (
            "b: Mapped[int | None] = mapped_column(",
            "b: Mapped[int | None] = mapped_column(sa.BigInteger, ",
            "BigInteger",
        ),
    ],
)
async def test_a_change_is_found_and_its_downgrade_takes_it_back(
    modelled: ScratchProject, database: DatabaseURL, old: str, new: str, written: str
) -> None:
    await next_revision(modelled, database, "create things")
    assert old in MODELS
    modelled.models(MODELS.replace(old, new))
    assert written in (await next_revision(modelled, database, "change")).read_text()
    await downgrade(database, "-1")
    await upgrade(database)
    assert await create_revision(database, "nothing is left", modelled.config) == []


DEFAULTS: Final = """c: Mapped[list[str]] = mapped_column(sa.JSON, server_default='[]')
    d: Mapped[str] = mapped_column(sa.JSON, server_default=sa.text("'{}'::json"))
    e: Mapped[str] = mapped_column(sa.JSON, server_default='["it\\'s"]')
    f: Mapped[uuid.UUID] = mapped_column(server_default=sa.text("( (GEN_RANDOM_UUID()))"))
    g: Mapped[str] = mapped_column(server_default=sa.text("MD5( Random()::text||'(A')"))
"""


@pytest.mark.parametrize(
    ("old", "new", "written"),
    [
        ("'[]'", "'[1]'", "[1]"),
        ("(GEN_RANDOM_UUID())", "uuidv7()", "uuidv7"),
        ("'(A'", "'(a'", "'(a'"),
    ],
)
async def test_defaults_that_alembic_cannot_compare_are_compared(
    modelled: ScratchProject, database: DatabaseURL, old: str, new: str, written: str
) -> None:
    """On json, its way is an error of PostgreSQL's; what two calls return is never equal."""
    models = "import uuid\n" + MODELS.replace("# more columns", DEFAULTS)
    modelled.models(models)
    await next_revision(modelled, database, "create things")
    assert await create_revision(database, "nothing is left", modelled.config) == []
    assert old in models
    modelled.models(models.replace(old, new))
    assert written in (await next_revision(modelled, database, "change")).read_text()
    assert await create_revision(database, "nothing is left", modelled.config) == []


async def test_a_type_decorator_is_written_as_its_underlying_type(
    project: ScratchProject, database: DatabaseURL
) -> None:
    """SQLModel maps datetime to one of its own; people nest them, and put them in arrays."""
    project.models(
        """
        from datetime import datetime

        import sqlalchemy as sa
        from sqlalchemy.dialects import postgresql
        from sqlalchemy.types import TypeDecorator
        from sqlmodel import Field, MetaData, SQLModel

        SQLModel.metadata = metadata = MetaData()

        class Short(TypeDecorator):
            impl = sa.String
            cache_ok = True

        class Nested(TypeDecorator):
            impl = Short(7)
            cache_ok = True

        class Guid(TypeDecorator):
            impl = sa.CHAR
            cache_ok = True

            def load_dialect_impl(self, dialect):
                return dialect.type_descriptor(sa.Uuid())

        class Task(SQLModel, table=True):
            id: int = Field(primary_key=True)
            due_at: datetime | None = None
            nested: str = Field(sa_column=sa.Column(Nested))
            words: list[str] = Field(sa_column=sa.Column(postgresql.ARRAY(Short(3))))
            guid: str = Field(sa_column=sa.Column(Guid))
        """
    )
    text = (await next_revision(project, database, "create tasks")).read_text()
    assert "sqlmodel" not in text
    for written in (
        '"due_at", sa.DateTime(timezone=True)',
        '"nested", sa.String(length=7)',
        '"words", postgresql.ARRAY(sa.String(length=3))',
        '"guid", sa.UUID()',
    ):
        assert written in text
    assert await create_revision(database, "nothing is left", project.config) == []
    await downgrade(database, "base")
    await upgrade(database)


async def test_sqlmodels_strings_are_written_as_plain_ones(
    project: ScratchProject, database: DatabaseURL
) -> None:
    project.models(
        """
        from sqlmodel import Field, MetaData, SQLModel

        class Base(SQLModel):
            metadata = MetaData()

        class Note(Base, table=True):
            id: int | None = Field(primary_key=True)
            short: str = Field(max_length=20)
            long: str

        metadata = Base.metadata
        """
    )
    text = (await next_revision(project, database, "create notes")).read_text()
    assert "sa.String(length=20)" in text
    assert "sa.String()" in text
    assert "sqlmodel" not in text


async def test_neons_own_schemas_are_left_alone(
    modelled: ScratchProject, database: DatabaseURL
) -> None:
    modelled.revision("a1", up='op.execute("CREATE SCHEMA neon_auth CREATE TABLE users ()")')
    await upgrade(database)
    text = (await next_revision(modelled, database, "create things")).read_text()
    assert "neon_auth" not in text


async def test_of_several_schemas_those_that_no_model_names_are_left_alone(
    project: ScratchProject, database: DatabaseURL
) -> None:
    project.models(
        """
        from sqlalchemy import Column, Integer, MetaData, Table

        metadata = MetaData()
        Table("things", metadata, Column("id", Integer, primary_key=True), schema="app")
        """
    )
    made = "neon_auth CREATE TABLE users ()", "theirs CREATE TABLE others ()", "app"
    project.revision("a1", up="\n".join(f'op.execute("CREATE SCHEMA {each}")' for each in made))
    await upgrade(database)
    text = (await next_revision(project, database, "create things")).read_text()
    assert 'schema="app"' in text
    assert "drop_table" not in text.partition("def downgrade")[0]


async def test_a_file_that_the_lint_refuses_is_not_left_behind(
    modelled: ScratchProject, database: DatabaseURL
) -> None:
    template = modelled.folder / "migrations/script.py.mako"
    template.write_text(template.read_text() + "\n\ndef later():\n    return undefined_name\n")
    with pytest.raises(MigrationError, match=r"ruff refuses.*F821"):
        await create_revision(database, "create things", modelled.config)
    assert modelled.revision_files == []


CHECKED: Final = """
import sqlalchemy as sa
from alembic_neon import NAMING_CONVENTION

metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
sa.Table(
    "notes", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("a", sa.Integer),
    sa.Column("a_name_that_is_as_long_as_names_become_in_the_end", sa.Integer, unique=True),
    {more}
)
"""


@pytest.mark.parametrize("name", ["positive", "very_long_" * 9])
async def test_a_check_is_added_and_dropped_by_its_name_however_long(
    project: ScratchProject, database: DatabaseURL, name: str
) -> None:
    project.models(CHECKED.format(more=""))
    await next_revision(project, database, "create notes")
    project.models(CHECKED.format(more=f'sa.CheckConstraint("a > 0", name="{name}")'))
    added = (await next_revision(project, database, "add it")).read_text()
    assert "op.create_check_constraint" in added
    assert await create_revision(database, "nothing is left", project.config) == []
    project.models(CHECKED.format(more=""))
    assert "op.drop_constraint" in (await next_revision(project, database, "drop it")).read_text()
    assert await create_revision(database, "nothing is left", project.config) == []
    await downgrade(database, "base")


async def test_a_check_without_a_name_is_refused_in_one_line(
    project: ScratchProject, database: DatabaseURL
) -> None:
    project.models(CHECKED.format(more='sa.CheckConstraint("a > 0")'))
    with pytest.raises(ConfigurationError, match="CHECK of the table notes has no name: a > 0"):
        await create_revision(database, "create notes", project.config)


async def test_a_name_of_ones_own_that_is_too_long_is_refused_in_one_line(
    project: ScratchProject, database: DatabaseURL
) -> None:
    project.models(CHECKED.format(more=f'sa.UniqueConstraint("a", name="{"u" * 64}")'))
    with pytest.raises(ConfigurationError, match="exceeds maximum length of 63 characters"):
        await create_revision(database, "create notes", project.config)


async def test_a_drop_says_what_is_lost(project: ScratchProject, database: DatabaseURL) -> None:
    project.models(CHECKED.format(more='sa.Column("b", sa.Text)'))
    await next_revision(project, database, "create notes")
    project.models(CHECKED.format(more=""))
    text = (await next_revision(project, database, "drop b")).read_text()
    assert '# drops column notes.b and its values\n    op.drop_column("notes", "b")' in text
    project.models("import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n")
    text = (await next_revision(project, database, "drop notes")).read_text()
    assert '# drops table notes and its rows\n    op.drop_table("notes")' in text
    await downgrade(database, "base")


async def test_a_table_of_nobody_is_left_alone_with_a_warning(
    modelled: ScratchProject, database: DatabaseURL, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    await query("CREATE TABLE somebodys (id int PRIMARY KEY, a int UNIQUE)")
    await query("CREATE INDEX somebodys_index ON somebodys (a)")
    text = (await next_revision(modelled, database, "create things")).read_text()
    assert "somebodys" not in text
    assert "Table somebodys is in no model and in no revision" in caplog.text
    assert await create_revision(database, "nothing is left", modelled.config) == []


def alembic(project: ScratchProject, database: DatabaseURL, *arguments: str) -> None:
    """Run Alembic's own command, in this process."""
    settings = ["-c", str(project.folder / "alembic.ini")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", database.render())
        CommandLine().main([*settings, *arguments])


def test_alembics_own_command_formats_the_file_too(
    modelled: ScratchProject, database: DatabaseURL
) -> None:
    alembic(modelled, database, "revision", "--autogenerate", "-m", "create things")
    (path,) = modelled.versions.glob("*.py")
    command = [sys.executable, "-m", "ruff", "format", "--check", str(path)]
    assert subprocess.run(command, check=False, cwd=modelled.folder).returncode == 0


def test_alembics_own_command_fails_where_the_lint_does(
    modelled: ScratchProject, database: DatabaseURL, capsys: pytest.CaptureFixture[str]
) -> None:
    template = modelled.folder / "migrations/script.py.mako"
    template.write_text(template.read_text() + "\n\ndef later():\n    return undefined_name\n")
    with pytest.raises(SystemExit):
        alembic(modelled, database, "revision", "--autogenerate", "-m", "create things")
    assert "ruff refuses" in capsys.readouterr().err
    assert modelled.revision_files == []
