"""Names that end a statement and begin another are names and nothing else, wherever SQL is made."""

from contextlib import suppress

from alembic_neon.branches.provider import BranchProvider, NewBranch
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ToolkitError
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.rehearsal.run import Options, rehearse
from alembic_neon.verification.round_trip import check_history
from queries import first_column
from scratch_project import ScratchProject

HOSTILE = 't"; DROP TABLE canary; --%s'
NAME = '"' + HOSTILE.replace('"', '""') + '"'
TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)


def write(project: ScratchProject) -> None:
    """Write a table, a column and a constraint of that name, and a table that must stay."""
    project.revision("a1", up='op.execute("CREATE TABLE canary (v int)")')
    table = f"CREATE TABLE {NAME} ({NAME} text, CONSTRAINT {NAME} CHECK ({NAME} <> ''))"
    drop = f"DROP TABLE {NAME}"
    project.revision("b2", "a1", up=f"op.execute({table!r})", undo=f"op.execute({drop!r})")


async def test_a_round_trip_fills_and_reads_them(
    project: ScratchProject, database: DatabaseURL
) -> None:
    write(project)
    (_, found) = await check_history(database)
    assert found.ok, str(found)
    assert not found.unfilled


async def test_a_rehearsal_compares_them(provider: BranchProvider, project: ScratchProject) -> None:
    write(project)
    url = await provider.url("main")
    await upgrade(url)
    await first_column(url, f"INSERT INTO {NAME} VALUES ('1'), ('2')")  # noqa: S608 - quoted
    project.revision("c3", "b2", up=f"op.execute({f'TRUNCATE {NAME}'!r})")
    found = await rehearse(provider, Options(), lambda _: None)
    lost = [each for each in found.as_json()["findings"] if "canary; --" in each["message"]]
    assert lost, found.as_json()["findings"]
    assert set(await first_column(url, TABLES)) >= {"canary", HOSTILE}


async def test_a_branch_of_that_name_is_one_or_is_refused(provider: BranchProvider) -> None:
    url = await provider.url("main")
    await first_column(url, "CREATE TABLE canary AS SELECT 1 AS v")
    with suppress(ToolkitError):
        made = await provider.create(NewBranch(HOSTILE))
        assert made.name == HOSTILE
        await provider.delete(HOSTILE)
    assert await first_column(url, "SELECT v FROM canary") == [1]
