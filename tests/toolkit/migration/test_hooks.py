"""What a project adds to the environment, and what is not its to look at."""

import re
from pathlib import Path

import pytest
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConfigurationError
from alembic_neon.migration.autogenerate.generate import create_revision
from alembic_neon.migration.environment import _require_direct
from alembic_neon.migration.history.status import read_status
from alembic_neon.migration.hooks import load_hooks
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.project import read_toml
from queries import Query, first_column
from scratch_project import ScratchProject
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("here", metadata, sa.Column("id", sa.Integer, primary_key=True))
sa.Table("there", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="other")
"""


async def test_models_of_several_schemas_are_compared_and_no_other_schema_is(
    project: ScratchProject, database: DatabaseURL, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    project.models(MODELS)
    for schema in ("other", "somebodys", "neon_auth"):
        await query(f"CREATE SCHEMA {schema}")
    await query("CREATE TABLE somebodys.things (id int)")
    await query("CREATE TABLE neon_auth.users (id int)")
    [path] = await create_revision(database, "create both", project.config)
    assert path is not None
    text = path.read_text()
    assert re.findall(r'create_table\(\s*"(\w+)"', text) == ["here", "there"]
    assert 'schema="other"' in text
    assert "somebodys" not in text + caplog.text
    assert "neon_auth" not in text + caplog.text
    await upgrade(database)
    assert await create_revision(database, "nothing is left", project.config) == []


async def test_the_version_table_lies_in_a_schema_of_its_own_where_one_is_named(
    project: ScratchProject, database: DatabaseURL, query: Query
) -> None:
    settings = project.folder / "pyproject.toml"
    text = settings.read_text().replace("[tool.db]", '[tool.db]\nversion_table_schema = "My meta"')
    settings.write_text(text)
    read_toml.cache_clear()
    project.revision("a1")
    assert (await read_status(database)).current == ()
    assert len(await upgrade(database)) == 1
    assert await upgrade(database) == []
    assert await query('SELECT version_num FROM "My meta".alembic_version') == "a1"
    assert (await read_status(database)).is_at_head


async def test_a_table_of_an_extension_is_left_alone_without_a_word(
    project: ScratchProject, database: DatabaseURL, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    await query("CREATE TABLE spatial_ref_sys (id int)")
    superuser = DatabaseURL(database.parts.set(username="postgres"))
    await first_column(
        superuser, "CREATE EXTENSION vector", "ALTER EXTENSION vector ADD TABLE spatial_ref_sys"
    )
    assert await create_revision(database, "nothing", project.config) == []
    assert "spatial_ref_sys" not in caplog.text
    await first_column(superuser, "ALTER EXTENSION vector DROP TABLE spatial_ref_sys")
    assert await create_revision(database, "nothing", project.config) == []
    assert "spatial_ref_sys is in no model" in caplog.text


async def test_the_projects_own_hooks_are_asked(
    project: ScratchProject, database: DatabaseURL
) -> None:
    project.models(MODELS.replace(', schema="other"', ""))
    (project.folder / "migrations/hooks.py").write_text(
        "def include_object(object, name, type_, reflected, compare_to):\n"
        "    return name != 'there'\n"
        "def configure_options():\n"
        "    return {'user_module_prefix': 'x.', 'process_revision_directives': said}\n"
        "def said(context, revision, directives):\n"
        "    directives[0].message = 'by the hook'\n"
    )
    [path] = await create_revision(database, "create one", project.config)
    assert path is not None
    assert re.findall(r'create_table\(\s*"(\w+)"', path.read_text()) == ["here"]
    assert '"""by the hook' in path.read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def configure_options():\n    return {'transaction_per_migration': False}", "sets trans"),
        (
            "def configure_options():\n    return {'connection': None}",
            "out: set DATABASE_URL",
        ),
        ("def configure_options():\n    return []", r"returned list\. Return a dict"),
        ("include_object = 7", "include_object is not a function"),
    ],
)
def test_hooks_that_would_make_a_run_unsafe_are_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "hooks.py").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        load_hooks(tmp_path)


@pytest.mark.parametrize(
    ("url", "is_refused"),
    [
        ("postgresql+asyncpg://r:s3cr3t@ep-a-b-1-pooler.eu.aws.neon.tech/db", True),
        ("postgresql+asyncpg://r:s3cr3t@127.0.0.1/db?pgbouncer=true", True),
        ("postgresql+asyncpg://r:s3cr3t@ep-a-b-1.eu.aws.neon.tech/db", False),
    ],
)
def test_a_connection_to_a_pooled_endpoint_is_refused_with_the_reason(
    url: str, is_refused: bool
) -> None:
    engine = create_async_engine(url).sync_engine
    # Not connected: it is refused before a statement is sent, as its first one would lie.
    connection = Connection(engine, connection=engine.raw_connection, _allow_autobegin=False)  # type: ignore[arg-type]
    if is_refused:
        with pytest.raises(ConfigurationError, match="neither the migration lock") as refused:
            _require_direct(connection)
        assert "s3cr3t" not in str(refused.value)
    else:
        _require_direct(connection)
