"""A forgotten import, or models without a table, never drop a table and are never said to match."""

from collections.abc import Iterator
from typing import Final

import pytest
from alembic_neon.cli.app import app
from alembic_neon.embedded.server import LocalServer
from alembic_neon.errors import ConfigurationError
from scratch_project import ScratchProject
from typer.testing import CliRunner

_HEAD: Final = """
import sqlalchemy as sa

metadata = sa.MetaData()


def t(name):
    sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True))


"""
_TAG: Final = 'class Tag(Base):\n    __tablename__ = "tags"\n'


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchProject]:
    project = ScratchProject.make(tmp_path_factory.mktemp("models") / "project")
    yield project
    LocalServer(project.folder / ".neon-local", "development", 18).stop()


@pytest.fixture
def project(shared: ScratchProject, monkeypatch: pytest.MonkeyPatch) -> ScratchProject:
    """A project whose migrations made three tables."""
    monkeypatch.chdir(shared.folder)
    if not shared.revision_files:
        shared.models(_HEAD + 't("users")\nt("tags")\nt("notes")')
        revise()
    return shared


def revise(*options: str) -> str:
    """Run `db revision` in this process and return all that it prints."""
    result = CliRunner().invoke(app, ["revision", "-m", "change", *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("folder", ["src/app", "app"])
def test_a_table_whose_model_nothing_imports_is_not_dropped(
    project: ScratchProject, folder: str
) -> None:
    project.models(_HEAD + 't("users")\nt("notes")')
    path = project.folder / folder / "models/tag.py"
    path.parent.mkdir(parents=True)
    (path.parent.parent / "__init__.py").touch()
    path.write_text(_TAG)
    try:
        with pytest.raises(ConfigurationError) as error:
            revise()
    finally:
        path.unlink()
    assert str(error.value) == (
        f"{folder}/models/tag.py:1: Table tags is not in the metadata: nothing imports this model. "
        "The table would be dropped. Import its module where the metadata comes from."
    )
    assert len(project.revision_files) == 1


def test_models_do_not_match_where_nothing_imports_a_new_one(project: ScratchProject) -> None:
    project.models(_HEAD + 't("users")\nt("tags")\nt("notes")')
    path = project.folder / "src/app/models.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_TAG.replace("tags", "colours"))
    try:
        with pytest.raises(ConfigurationError, match=r"src/app/models.py:1: Table colours is not"):
            revise()
    finally:
        path.unlink()


def test_more_tables_than_stay_are_not_dropped(project: ScratchProject) -> None:
    project.models(_HEAD + 't("users")')
    with pytest.raises(ConfigurationError) as error:
        revise()
    assert "lack 2 (notes, tags): more would be dropped than stay." in str(error.value)
    assert error.value.exit_code == 2


def test_models_without_a_table_are_refused(project: ScratchProject) -> None:
    project.models(_HEAD)
    with pytest.raises(ConfigurationError, match="has no table"):
        revise()


def test_a_person_sees_which_models_are_compared(project: ScratchProject) -> None:
    project.models(_HEAD + 't("users")\nt("tags")\nt("notes")')
    said = revise()
    assert "models: 3 tables (notes, tags, users)." in said
    assert "no revision was written" in said
