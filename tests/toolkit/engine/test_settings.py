"""Settings: where they come from, which counts more, and what a wrong one says."""

import pytest
from alembic_neon.embedded.server import LocalServer
from alembic_neon.engine.settings import load_settings
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConfigurationError
from scratch_project import ScratchProject

URL = "postgresql://role:s3cr3t@{}.example.org/db"


def write(project: ScratchProject, name: str, host: str) -> None:
    (project.folder / name).write_text(f"# {name}\nDATABASE_URL={URL.format(host)}\n")


def test_the_environment_counts_more_than_the_files(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, ".env", "shared")
    assert load_settings().url.host == "shared.example.org"
    write(project, ".env.development", "development")
    write(project, ".env.staging", "staging")
    assert load_settings().url.host == "development.example.org"
    monkeypatch.setenv("APP_ENV", "staging")
    assert load_settings().url.host == "staging.example.org"
    monkeypatch.setenv("DATABASE_URL", URL.format("environment"))
    assert load_settings().url.host == "environment.example.org"


def test_without_a_url_it_is_the_embedded_server_of_the_project(project: ScratchProject) -> None:
    url = load_settings().url
    assert url.is_unix_socket
    assert url.database == "main"
    assert not (project.folder / ".neon-local").exists(), "a look at the settings starts nothing"


@pytest.mark.parametrize("name", ["production", "Production", "prod", "staging", "develpment"])
def test_only_development_and_test_fall_back_to_the_embedded_server(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("APP_ENV", name)
    with pytest.raises(ConfigurationError, match=f"URL is not set, and APP_ENV is {name}"):
        load_settings()
    monkeypatch.setenv("APP_ENV", "test")
    assert load_settings().url.is_unix_socket


def test_the_embedded_server_can_be_asked_for_by_name(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_BRANCH_PROVIDER", "local")
    monkeypatch.setenv("APP_ENV", "staging")
    assert load_settings().url.is_unix_socket
    monkeypatch.setenv("APP_ENV", "production")
    with pytest.raises(ConfigurationError, match="DATABASE_URL is not set"):
        load_settings()


def test_a_deployment_is_no_laptop(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with pytest.raises(ConfigurationError, match="KUBERNETES_SERVICE_HOST says that this is a dep"):
        load_settings()
    monkeypatch.setenv("APP_ENV", "development")
    assert load_settings().url.is_unix_socket
    monkeypatch.delenv("APP_ENV")
    monkeypatch.setenv("CI", "true")
    assert load_settings().url.is_unix_socket


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_url_is_not_an_unset_one(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    write(project, ".env", "shared")
    monkeypatch.setenv("DATABASE_URL", value)
    with pytest.raises(ConfigurationError, match="DATABASE_URL is empty"):
        load_settings()
    monkeypatch.delenv("DATABASE_URL")
    (project.folder / ".env.development").write_text(f"DATABASE_URL={value}\n")
    with pytest.raises(ConfigurationError, match="DATABASE_URL is empty"):
        load_settings()


def test_a_url_that_was_meant_is_no_reason_for_the_embedded_server(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty direct URL without the other one, and a line of .env without its `=`."""
    monkeypatch.setenv("DATABASE_URL_UNPOOLED", "")
    with pytest.raises(ConfigurationError, match="DATABASE_URL_UNPOOLED is empty"):
        load_settings()
    monkeypatch.setenv("DATABASE_URL", "postgresql://role@localhost/app")
    assert load_settings().database_url_unpooled is None, "beside the other one it is left empty"
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("DATABASE_URL_UNPOOLED")
    for line in ("DATABASE_URL", "export DATABASE_URL", "DATABASE_URL_UNPOOLED", "database_url"):
        (project.folder / ".env").write_text(f"DB_POOL_SIZE=7\n{line}\n")
        with pytest.raises(ConfigurationError, match=f"{line.split()[-1].upper()} is empty"):
            load_settings()


def test_an_app_env_that_chooses_no_file_is_reported(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(project, ".env", "shared")
    monkeypatch.setenv("APP_ENV", "preveiw")
    load_settings()
    assert caplog.text == "", "there is no other file to be missed"
    write(project, ".env.preview", "preview")
    load_settings()
    assert "APP_ENV is preveiw, and there is no .env.preveiw; there is .env.preview." in caplog.text


def test_an_empty_variable_is_as_none(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://role@localhost/app"
    text = f"DB_POOL_SIZE=7\nDATABASE_URL={url}\nDATABASE_URL_UNPOOLED=\n"
    (project.folder / ".env").write_text(text)
    monkeypatch.setenv("DB_POOL_SIZE", "")
    settings = load_settings()
    assert (settings.db_pool_size, settings.database_url_unpooled) == (7, None)


@pytest.mark.parametrize(
    ("url", "direct", "is_refused"),
    [
        ("localhost/app", "localhost/other", True),
        ("localhost/app", "ep-a-1.eu.aws.neon.tech/app", True),
        ("ep-a-1-pooler.eu.aws.neon.tech/app", "localhost/app", True),
        ("ep-a-1-pooler.eu.aws.neon.tech/app", "ep-b-2.eu.aws.neon.tech/app", True),
        ("ep-a-1-pooler.eu.aws.neon.tech/app", "ep-a-1.eu.aws.neon.tech/other", True),
        ("ep-a-1-pooler.eu.aws.neon.tech/app", "ep-a-1.eu.aws.neon.tech/app", False),
        ("localhost:6543/app", "localhost/app", False),
        ("x.pooler.supabase.com:6543/alias", "db.example.com/app", False),
        ("localhost/app", "127.0.0.1/app", False),
    ],
)
def test_migrations_that_would_go_to_another_database_are_refused(
    project: ScratchProject,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    direct: str,
    is_refused: bool,
) -> None:
    (project.folder / ".env").write_text(f"DATABASE_URL_UNPOOLED=postgresql://r:secret@{direct}\n")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://r:secret@{url}")
    if not is_refused:
        assert load_settings().direct_url.database == "app"
        return
    with pytest.raises(ConfigurationError, match="DATABASE_URL_UNPOOLED to database") as caught:
        load_settings()
    assert "secret" not in str(caught.value)


def test_app_env_in_the_first_file_chooses_the_second(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APP_ENV", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    (project.folder / ".env").write_text("APP_ENV=production\nDATABASE_URL=postgresql://r@h/dev\n")
    (project.folder / ".env.production").write_text("DATABASE_URL=postgresql://r@h/live\n")
    assert load_settings().url.database == "live"
    monkeypatch.setenv("APP_ENV", "test")
    assert load_settings().url.database == "dev"


def test_a_url_is_parsed_once(project: ScratchProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL.format("db"))
    settings = load_settings()
    monkeypatch.setattr(DatabaseURL, "parse", None)
    assert settings.url is settings.database_url
    assert settings.direct_url is settings.direct_url
    assert "s3cr3t" not in f"{settings!r} {settings.model_dump()}"


def test_migrations_use_the_direct_endpoint(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://r@ep-a-1-pooler.eu.aws.neon.tech/db")
    assert load_settings().direct_url.host == "ep-a-1.eu.aws.neon.tech"
    monkeypatch.setenv("DATABASE_URL_UNPOOLED", "postgresql://r@ep-a-1.c-2.eu.aws.neon.tech/db")
    assert load_settings().direct_url.host == "ep-a-1.c-2.eu.aws.neon.tech"
    monkeypatch.setenv("DATABASE_URL_UNPOOLED", "postgresql://r@ep-b-2-pooler.eu.aws.neon.tech/db")
    with pytest.raises(ConfigurationError, match="points to a pooled endpoint"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DB_POOL_SIZE", "many", "DB_POOL_SIZE is 'many'; it takes a whole number from 1 to 4000."),
        ("DB_POOL_SIZE", "0", "DB_POOL_SIZE is '0'"),
        ("DB_MAX_OVERFLOW", "-1", "DB_MAX_OVERFLOW is '-1'"),
        ("DB_POOL_TIMEOUT", "nan", "DB_POOL_TIMEOUT is 'nan'"),
        ("DB_CONNECT_TIMEOUT", "10s", "it takes a number of seconds above 0"),
        ("DB_POOL_MODE", "lambda", "it takes 'server' or 'serverless'"),
        ("DB_APPLICATION_NAME", "x" * 64, "it takes a name of 1 to 63 characters"),
        ("APP_ENV", "../etc", "APP_ENV is '../etc'"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_takes(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_secret_in_a_file_shows_neither_in_an_error_nor_in_a_repr(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, ".env", "shared")
    assert "s3cr3t" not in repr(load_settings())
    (project.folder / ".env").write_text("DATABASE_URL=nonsense:s3cr3t@host\n")
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert "s3cr3t" not in str(refused.value)


def test_a_copied_project_does_not_act_on_the_data_of_the_original(
    project: ScratchProject, embedded: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its `.env` has the URL of the original's embedded server, which runs."""
    url = embedded.url().render()
    (project.folder / ".env").write_text(f"DATABASE_URL={url}\n")
    with pytest.raises(ConfigurationError, match=r"in \.env leads to the embedded server of anoth"):
        _ = load_settings().direct_url
    own = LocalServer.for_project().url().render()
    (project.folder / ".env").write_text(f"DATABASE_URL={own}\n")
    assert load_settings().direct_url.render() == own
    monkeypatch.setenv("DATABASE_URL", url)
    assert load_settings().direct_url.render() == url, "the environment means what it says"
