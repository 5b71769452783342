"""The user's .env file: one line of it is changed, and it is nobody else's to read."""

import pytest
from alembic_neon.branches.env_file import use_url
from alembic_neon.engine.settings import load_settings
from alembic_neon.engine.url import DatabaseURL
from scratch_project import ScratchProject

URL = DatabaseURL.parse("postgresql://role:p%40'%20$w@db.example.org/main")


def test_every_other_line_stays(project: ScratchProject) -> None:
    path = project.folder / ".env.development"
    path.write_text(
        "# ours\nDB_POOL_SIZE=3\nDATABASE_URL=postgresql://old@host/db\n\nOTHER='a b'\n"
    )
    assert use_url(URL) == path
    lines = path.read_text().splitlines()
    assert [*lines[:2], *lines[3:]] == ["# ours", "DB_POOL_SIZE=3", "", "OTHER='a b'"]
    assert lines[2].startswith("DATABASE_URL=")


def test_what_is_written_is_read_back_as_it_was(project: ScratchProject) -> None:
    use_url(URL)
    assert load_settings().url == URL


def test_the_direct_url_of_the_branch_before_is_removed(project: ScratchProject) -> None:
    path = project.folder / ".env.development"
    path.write_text("DATABASE_URL_UNPOOLED=postgresql://old@host/db\nDB_POOL_SIZE=3\n")
    use_url(URL)
    assert "UNPOOLED" not in path.read_text()
    assert load_settings().direct_url == URL


def test_it_follows_the_environments_name(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_ENV", "staging")
    assert use_url(URL).name == ".env.staging"


def test_a_new_file_is_for_its_owner_alone(project: ScratchProject) -> None:
    assert use_url(URL).stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_could_read_is_closed_to_them_which_is_said(
    project: ScratchProject, caplog: pytest.LogCaptureFixture
) -> None:
    path = project.folder / ".env.development"
    path.write_text("DB_POOL_SIZE=3\n")
    path.chmod(0o644)
    assert use_url(URL).stat().st_mode & 0o777 == 0o600
    assert ".env.development was open to others" in caplog.text
