"""Bad input and bad luck: one clear line, the right exit code, and nothing half-done."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic_neon.engine.url import DatabaseURL
from queries import first_column
from rendering import TOOLKIT_PARENT, run
from scratch_project import ScratchProject

SECRET = "s3cr3t"
URL = f"postgresql://role:{SECRET}@127.0.0.1:1/db"
NOBODY = 65534


def refused(result: "subprocess.CompletedProcess[str]", exit_code: int, *parts: str) -> None:
    """Hold a failure to what every failure owes a person."""
    assert result.returncode == exit_code, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, result.stderr
    assert result.stderr.endswith(lines[0] + "\n"), "the error is the last line"
    for part in parts:
        assert part in lines[0]
    for unwanted in ("Traceback", SECRET):
        assert unwanted not in result.stderr + result.stdout


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("DATABASE_URL", f"role:{SECRET}@host/db", "DATABASE_URL is not a database URL"),
        ("DATABASE_URL", f"mysql://role:{SECRET}@host/db", "not with postgresql://"),
        ("DATABASE_URL_UNPOOLED", "nonsense", "DATABASE_URL_UNPOOLED is not a database URL"),
        ("DB_POOL_SIZE", "twenty", "DB_POOL_SIZE is 'twenty'; it takes a whole number"),
        ("DB_CONNECT_TIMEOUT", "-1", "DB_CONNECT_TIMEOUT is '-1'"),
    ],
)
@pytest.mark.parametrize("command", ["doctor", "upgrade", "status"])
def test_a_wrong_setting(
    project: ScratchProject, command: str, name: str, value: str, part: str
) -> None:
    refused(project.db(command, **{name: value}), 2, part)
    assert not (project.folder / ".neon-local").exists()


def test_no_server_at_the_port(project: ScratchProject) -> None:
    result = project.db("upgrade", DATABASE_URL=URL, DB_CONNECT_TIMEOUT="0.3")
    refused(result, 1, "127.0.0.1:1/db cannot be reached", "***")


def test_no_such_database_and_no_such_role(project: ScratchProject, database: DatabaseURL) -> None:
    other = database.with_database("not-there").render()
    refused(project.db("upgrade", DATABASE_URL=other), 2, "there is no such database")
    role = DatabaseURL(database.parts.set(username="nobody", password=SECRET)).render()
    refused(project.db("upgrade", DATABASE_URL=role), 2, "refused the role or its password")


def test_a_revision_that_does_not_exist(project: ScratchProject, database: DatabaseURL) -> None:
    project.revision("a1")
    url = database.render()
    refused(project.db("upgrade", "nope", DATABASE_URL=url), 2, "nope", "alembic history")
    refused(project.db("downgrade", "nope", DATABASE_URL=url), 2, "nope")
    refused(project.db("upgrade", "+7", DATABASE_URL=url), 2)


def test_two_heads(project: ScratchProject, database: DatabaseURL) -> None:
    project.revision("a1")
    project.revision("b2")
    for command in (["upgrade"], ["revision", "-m", "more"], ["upgrade", "--sql"]):
        result = project.db(*command, DATABASE_URL=database.render())
        refused(result, 1, "more than one head", "alembic merge heads")
    assert len(list(project.versions.glob("*.py"))) == 2


def test_a_revision_that_fails(project: ScratchProject, database: DatabaseURL) -> None:
    project.revision("a1", up='op.execute("CREATE TABLE a (b nonsense)")')
    result = project.db("upgrade", DATABASE_URL=database.render())
    refused(result, 1, "a1.py, line", 'type "nonsense" does not exist', "rolled back")


def test_an_error_of_a_revision_ends_in_one_line_with_its_file_and_line(
    project: ScratchProject, database: DatabaseURL
) -> None:
    project.revision("a1", up='raise RuntimeError("of the author")')
    result = project.db("upgrade", DATABASE_URL=database.render())
    refused(result, 1, "a1.py, line 11: RuntimeError: of the author", "a1 was rolled back")


def test_models_that_cannot_be_imported_keep_their_traceback(
    project: ScratchProject, database: DatabaseURL
) -> None:
    project.models("import not_there\n")
    result = project.db("upgrade", DATABASE_URL=database.render())
    assert "No module named 'not_there'" in result.stderr


@pytest.mark.parametrize("file", ["models.py", "env.py"])
@pytest.mark.parametrize("ending", ["import sys; sys.exit()", "raise SystemExit(0)"])
def test_a_file_that_ends_the_program_is_an_error(
    project: ScratchProject, database: DatabaseURL, file: str, ending: str
) -> None:
    path = project.folder / "migrations" / file
    path.write_text(f"{ending}\n")
    result = project.db("upgrade", DATABASE_URL=database.render())
    refused(result, 2, f"{path.name}, line 1: sys.exit() or the like ends the program.")


def test_a_revision_that_ends_the_program_is_an_error(
    project: ScratchProject, database: DatabaseURL
) -> None:
    project.revision("a1", up="raise SystemExit(0)")
    result = project.db("upgrade", DATABASE_URL=database.render())
    refused(result, 1, "a1.py, line 11", "sys.exit(0) ends the run")


def test_a_module_that_is_not_installed_is_named_with_what_to_do(
    project: ScratchProject, database: DatabaseURL
) -> None:
    file = project.revision("a1")
    file.write_text(f"import not_there\n{file.read_text()}")
    result = project.db("upgrade", DATABASE_URL=database.render())
    refused(result, 1, "a1.py, line 1", "Install what has not_there into this environment")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "postgres_verison = 18",
            ("postgres_verison in {} is not understood", "postgres_version,"),
        ),
        (
            'allow_mixed_revisions = "yes"',
            ("allow_mixed_revisions in {} is 'yes'", "true or false"),
        ),
        ("version_table = 3", ("version_table in {} is 3", "the name of a table")),
        ("postgres_version = true", ("postgres_version in {} is True", "14, 15, 16")),
    ],
)
@pytest.mark.parametrize("name", ["pyproject.toml", "db.toml"])
def test_a_setting_of_the_project_that_is_not_understood(
    project: ScratchProject, name: str, text: str, parts: tuple[str, ...]
) -> None:
    """It would be without effect, as a misspelt one is, or be taken for true."""
    head = "[tool.alembic]\nscript_location = 'migrations'\n" if name == "db.toml" else ""
    (project.folder / name).write_text(f"{head}[tool.db]\n{text}\n")
    refused(project.db("status"), 2, *(part.format(name) for part in parts))


def test_a_history_without_revisions_says_so(
    project: ScratchProject, database: DatabaseURL
) -> None:
    result = project.db("upgrade", DATABASE_URL=database.render())
    assert result.returncode == 0
    assert "There are no revisions yet." in result.stderr


def test_a_project_that_was_moved_is_told_so_at_once(project: ScratchProject) -> None:
    url = "postgresql://neondb_owner@/main?host=/elsewhere/.neon-local/development-18"
    (project.folder / ".env").write_text(f"DATABASE_URL={url}\n")
    result = project.db("status")
    refused(result, 2, "leads to an embedded server in /elsewhere/.neon-local", "db branch use")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("setting", ["script_location = %(here)s/nope", "script_location = .", ""])
@pytest.mark.parametrize("command", ["status", "check"])
def test_a_wrong_script_location(project: ScratchProject, setting: str, command: str) -> None:
    ini = project.folder / "alembic.ini"
    ini.write_text(ini.read_text().replace("script_location = %(here)s/migrations", setting))
    result = project.db(command)
    refused(result, 2, "script_location in alembic.ini", "holds env.py and the revisions")


@pytest.mark.parametrize(
    "way",
    [
        'with op.get_bind().engine.begin() as own:\n    own.execute(sa.text("SELECT 1"))',
        "from sqlalchemy.orm import Session\n"
        'Session(op.get_bind().engine).scalar(sa.text("SELECT 1"))',
        'own = op.get_bind().engine.connect()\nown.exec_driver_sql("CREATE TABLE beside (n int)")',
    ],
)
async def test_a_connection_of_a_revisions_own_is_refused(
    project: ScratchProject, database: DatabaseURL, way: str
) -> None:
    """No trace, no lock and no rollback would reach what it does."""
    project.revision("a1", up=f'op.execute("CREATE TABLE t (n int)")\n{way}')
    result = project.db("upgrade", DATABASE_URL=database.render())
    refused(result, 1, "a1.py, line 13: It runs a statement on a connection of its own", "a1 was")
    assert await first_column(database, "SELECT to_regclass('beside') IS NULL") == [True]


def test_a_look_into_the_catalog_by_the_engine_is_none_of_these(
    project: ScratchProject, database: DatabaseURL
) -> None:
    look = "assert not sa.inspect(op.get_bind().engine).has_table('t')"
    project.revision("a1", up=look)
    assert project.db("upgrade", DATABASE_URL=database.render()).returncode == 0


def test_an_id_that_is_too_long_is_found_with_file_and_line(
    project: ScratchProject, database: DatabaseURL
) -> None:
    path = project.revision("a1")
    path.write_text(path.read_text().replace("'a1'", repr("a" * 33)))
    result = project.db("check", "--json", "-", DATABASE_URL=database.render())
    assert result.returncode == 1, result.stderr
    [found] = [each for each in json.loads(result.stdout) if each["rule"] == "long-revision-id"]
    assert (found["severity"], found["line"]) == ("error", 6)
    assert found["file"] == f"migrations/versions/{path.name}"
    assert "33 characters" in found["message"]


def test_outside_of_a_project_the_one_of_the_environment_is_named(tmp_path: Path) -> None:
    """An editable toolkit lies in its project, which `db` finds from anywhere."""
    project = ScratchProject.make(tmp_path / "project")
    package = project.folder / "toolkit/src/alembic_neon"
    shutil.copytree(TOOLKIT_PARENT / "alembic_neon", package)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder, is_named in ((elsewhere, True), (project.folder / "migrations", False)):
        result = subprocess.run(
            [sys.executable, "-m", "alembic_neon", "status"],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(package.parent), "DATABASE_URL": URL},
            capture_output=True,
            text=True,
            check=False,
        )
        line = f"{folder} is in no project: using the one in {project.folder}."
        assert (line in result.stderr.splitlines()) == is_named, result.stderr


def test_outside_of_a_project(tmp_path: Path) -> None:
    # Where the toolkit lies here there is an alembic.ini above it: the template's.
    shutil.copytree(TOOLKIT_PARENT / "alembic_neon", tmp_path / "alembic_neon")
    result = run(sys.executable, "-m", "alembic_neon", "status", cwd=tmp_path)
    refused(result, 2, "No db.toml and no alembic.ini", "Run this inside the project's folder")


def test_a_pyproject_that_is_no_toml(project: ScratchProject) -> None:
    (project.folder / "pyproject.toml").write_text("[tool\n")
    refused(project.db("status"), 2, "is not valid TOML", "Fix that line")


def test_a_pyproject_that_is_no_text(project: ScratchProject) -> None:
    (project.folder / "pyproject.toml").write_bytes(b"[project]\nname = '\xff'\n")
    refused(project.db("status"), 2, "pyproject.toml cannot be read", "text file in UTF-8")


def test_a_rehearsal_table_that_is_none(project: ScratchProject) -> None:
    (project.folder / "pyproject.toml").write_text("[tool.db]\nrehearsal = 3\n")
    refused(project.db("rehearse"), 2, "[tool.db] rehearsal in pyproject.toml is 3", "table of")


def test_an_alembic_ini_that_is_none(project: ScratchProject, database: DatabaseURL) -> None:
    with (project.folder / "alembic.ini").open("a") as file:
        file.write(f"nonsense {SECRET}\n")
    for command in (["status"], ["upgrade"], ["alembic", "history"]):
        result = project.db(*command, DATABASE_URL=database.render())
        refused(result, 2, "alembic.ini, line ", "is not understood")


def test_a_postgres_version_that_neon_does_not_offer(project: ScratchProject) -> None:
    (project.folder / "pyproject.toml").write_text("[tool.db]\npostgres_version = 13\n")
    refused(project.db("upgrade"), 2, "postgres_version in pyproject.toml is 13", "14, 15, 16")


def test_a_settings_file_that_is_no_text(project: ScratchProject) -> None:
    (project.folder / ".env").write_bytes(b"\xff\xfe\x00")
    refused(project.db("status"), 2, "Fix .env: it is a text file in UTF-8")


@pytest.mark.parametrize(
    "arguments",
    [["upgrade", "a", "b"], ["nope"], ["revision"], ["branch", "create"], ["upgrade", "--nope"]],
)
def test_a_wrong_usage(project: ScratchProject, arguments: list[str]) -> None:
    result = project.db(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_json_into_a_folder_that_is_not_there(
    project: ScratchProject, database: DatabaseURL
) -> None:
    result = project.db("upgrade", "--json", "no/where.json", DATABASE_URL=database.render())
    refused(result, 2, "no/where.json cannot be written")
    assert "applied" not in result.stderr, "it is refused before anything is done"


@pytest.mark.parametrize("command", ["upgrade", "downgrade"])
def test_an_empty_revision(project: ScratchProject, database: DatabaseURL, command: str) -> None:
    refused(project.db(command, "", DATABASE_URL=database.render()), 2, "The revision is empty")


def test_neon_local_is_a_file(project: ScratchProject) -> None:
    (project.folder / ".neon-local").write_text("")
    refused(project.db("upgrade"), 2, ".neon-local cannot be used", "set DATABASE_URL")


def test_a_temporary_folder_whose_path_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = ScratchProject.make(tmp_path / ("x" * 100))
    temporary = tmp_path / ("t" * 100)
    temporary.mkdir()
    result = project.db("upgrade", TMPDIR=str(temporary))
    refused(result, 2, "socket is too long", "Set TMPDIR to a folder so short")
    assert not (project.folder / ".neon-local").exists()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine reaches, as pytest's own are the runner's alone."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_folder_that_may_not_be_written_to(open_folder: Path) -> None:
    project = ScratchProject.make(open_folder / "project")
    project.folder.chmod(0o555)
    # Root may write everywhere, so it becomes somebody else when everything is imported.
    code = (
        "import os, typer._adapters, alembic_neon.cli.upgrade, alembic_neon.cli.app as app\n"
        f"os.getuid() or os.setuid({NOBODY})\napp.main()"
    )
    command = (sys.executable, "-c", code, "upgrade")
    result = run(*command, cwd=project.folder, PYTHONPATH=str(TOOLKIT_PARENT))
    project.folder.chmod(0o755)
    refused(result, 2, "Permission denied", "Make it a folder that you may write to")


def privileged(*command: str) -> bool:
    """Run a command as root, where that is possible, and tell whether it went well."""
    sudo = [] if os.getuid() == 0 else ["sudo", "-n"]
    try:
        return subprocess.run([*sudo, *command], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def small_disk(open_folder: Path) -> Iterator[Path]:
    """A disk that holds a new cluster (46 MB) and little more."""
    options = "size=64m,mode=777"
    if not privileged("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(open_folder)):
        pytest.skip("a small disk can only be mounted by root, or with sudo")
    yield open_folder
    assert privileged("umount", str(open_folder))


def fill(disk: Path, left_bytes: int = 0) -> Path:
    """Take the free space of a disk, but for some bytes, and return the file to remove again."""
    file = disk / "fill"
    file.write_bytes(bytes(shutil.disk_usage(disk).free - left_bytes))
    return file


def test_a_full_disk_at_the_first_start(small_disk: Path) -> None:
    project = ScratchProject.make(small_disk / "project")
    fill(small_disk, left_bytes=20_000_000)
    result = project.db("upgrade")
    refused(result, 1, "could not be set up", "nothing was left behind")
    # PostgreSQL's own words, which differ by how far it came.
    assert re.search("No space left on device|Check free disk space", result.stderr)
    left = [path.name for path in (project.folder / ".neon-local").iterdir() if path.is_dir()]
    assert left == [], "no half-made cluster is left"


def test_a_full_disk_at_a_later_start(small_disk: Path) -> None:
    project = ScratchProject.make(small_disk / "project")
    assert project.db("start").returncode == 0
    assert project.db("stop").returncode == 0
    taken = fill(small_disk)
    refused(project.db("upgrade"), 1, "did not start", "No space left on device")
    taken.unlink()
    assert project.db("upgrade").returncode == 0
    assert project.db("stop").returncode == 0


def test_a_disk_that_fills_up_within_a_run(small_disk: Path) -> None:
    project = ScratchProject.make(small_disk / "project")
    project.revision("a1", up='op.execute("CREATE TABLE a (n int)")')
    # Unlogged, as PostgreSQL itself ends where it cannot write its WAL.
    rows = "SELECT repeat('x', 1000) FROM generate_series(1, 6000)"
    project.revision("b2", "a1", up=f'op.execute("CREATE UNLOGGED TABLE b AS {rows}")')
    assert project.db("start").returncode == 0
    taken = fill(small_disk, left_bytes=3_000_000)
    result = project.db("upgrade")
    refused(result, 1, "b2: the server's disk is full", "rolled back")
    status = project.db("status", "--json", "-")
    assert status.returncode == 0, status.stderr
    assert json.loads(status.stdout)["current"] == ["a1"], "what was finished stays"
    taken.unlink()
    assert project.db("upgrade").returncode == 0, "the next run needs nothing but room"
    assert project.db("stop").returncode == 0
