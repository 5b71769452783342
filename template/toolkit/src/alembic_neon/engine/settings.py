"""The settings: environment variables, `.env` and `.env.<APP_ENV>`, checked when they are read."""

import logging
import os
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    PlainSerializer,
    SecretStr,
    ValidationError,
    ValidationInfo,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    SettingsConfigDict,
)

from ..errors import ConfigurationError
from ..project import project_name, project_root
from .setting_errors import explain
from .url import DatabaseURL

_log = logging.getLogger(__name__)

_Seconds = Annotated[float, Field(gt=0, le=86400, description="a number of seconds above 0")]


def _one_word(key: SecretStr) -> SecretStr:
    """Refuse what an HTTP header cannot hold, before an error of the HTTP client quotes it."""
    if re.fullmatch(r"[!-~]+", key.get_secret_value()) is None:
        raise ValueError("it is not one word")
    return key


_Key = Annotated[SecretStr, AfterValidator(_one_word)]


def _parsed(value: Any, info: ValidationInfo) -> DatabaseURL | None:
    """Parse a URL, once; every use of the settings has it as it is here.

    Raises:
        ConfigurationError: it is malformed, or empty, as a secret is that nobody has set.
    """
    name = str(info.field_name).upper()
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if not isinstance(value, str):
        return cast(DatabaseURL | None, value)
    if not value.strip():
        if name == "DATABASE_URL_UNPOOLED":
            return None  # it is left empty beside DATABASE_URL; `load_settings` refuses it alone
        raise _empty(name)
    return DatabaseURL.parse(value, name)


def _empty(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name} is empty.",
        "Set it to a database's URL, or remove the variable: a secret that is not set looks like "
        "this.",
    )


_URLS: Final = ("database_url", "database_url_unpooled")


def _url_in(source: EnvSettingsSource) -> dict[str, Any]:
    return {name: value for name, value in source().items() if name in _URLS}


_URL = Annotated[
    InstanceOf[DatabaseURL] | None,
    BeforeValidator(_parsed),
    PlainSerializer(str, when_used="unless-none"),  # which hides the password
]
# Where the embedded server may stand in for a database that is not named.
_LOCAL_ENVIRONMENTS: Final = ("development", "test")
_USUAL_ENVIRONMENTS: Final = (*_LOCAL_ENVIRONMENTS, "staging", "production")
# What hosting platforms set in the processes that they run; none is set on a laptop.
_PLATFORM_VARIABLES: Final = (
    "AWS_LAMBDA_FUNCTION_NAME",
    "DYNO",  # Heroku
    "ECS_CONTAINER_METADATA_URI_V4",
    "FLY_APP_NAME",
    "KUBERNETES_SERVICE_HOST",
    "K_SERVICE",  # Cloud Run
    "RAILWAY_ENVIRONMENT_ID",
    "RENDER",
    "VERCEL",
    "WEBSITE_INSTANCE_ID",  # Azure
)


class Settings(BaseSettings):
    """The settings of the database, immutable; a field is the variable of its name in upper case.

    `url` is the database of the application and `direct_url` the one for migrations, both as a
    `DatabaseURL`, which never shows its password unless it is asked to `render()`.

    Of a field, `title` is what it means and `description` what it takes, which errors quote.
    """

    model_config = SettingsConfigDict(
        extra="ignore", env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    database_url: _URL = Field(
        None,
        title="the application's URL, pooled or direct; without it, the embedded server's main",
        description="a URL as Neon shows it",
    )
    database_url_unpooled: _URL = Field(
        None,
        title="the direct endpoint, for migrations; without it, derived from `DATABASE_URL`",
        description="a URL as Neon shows it, of the direct endpoint",
    )

    db_pool_size: int = Field(
        20,
        ge=1,
        le=4000,
        title="connections in the pool",
        description="a whole number from 1 to 4000",
    )
    db_max_overflow: int = Field(
        10,
        ge=0,
        le=4000,
        title="connections more at a peak",
        description="a whole number from 0 to 4000",
    )
    db_pool_timeout: _Seconds = Field(30, title="how long to wait for a free connection")
    # Below Neon's 300 s of idleness, so that no pooled connection is one that a suspend has cut.
    db_pool_recycle: _Seconds = Field(240, title="the age from which a connection is made anew")
    db_pool_mode: Literal["server", "serverless"] = Field(
        "server",
        title="`server` keeps a pool, `serverless` none",
        description="'server' or 'serverless'",
    )
    # "url" lets sslmode in the URL weaken what is verified on Neon's hosts, too.
    db_ssl_verify: Literal["full", "url"] = Field(
        "full",
        title="`full` verifies Neon's hosts whatever the URL says; `url` lets `sslmode` weaken it",
        description="'full' or 'url'",
    )
    db_connect_timeout: _Seconds = Field(
        10, title="how long to try to connect, cold starts included"
    )
    db_command_timeout: _Seconds = Field(
        60, title="how long one statement of the application may take"
    )
    db_application_name: str = Field(
        default_factory=project_name,
        min_length=1,
        max_length=63,  # PostgreSQL cuts what is longer
        title="what the server's lists of sessions show",
        description="a name of 1 to 63 characters",
    )

    neon_api_key: _Key | None = Field(
        None,
        title="with the project's id: branches are those of that project at Neon",
        description="a key of Neon's, without spaces",
    )
    neon_project_id: str | None = Field(
        None,
        pattern=r"^[a-z0-9-]{1,60}$",
        title="the project at Neon that the key is used for",
        description="a project's id, such as shiny-wind-028834",
    )
    # The key is sent in the clear to this machine alone.
    neon_api_host: str = Field(
        "https://console.neon.tech",
        pattern=r"^(https://[^\s/@?#]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)(/[^\s@?#]*)?$",
        title="another host that speaks Neon's API",
        description="an https:// URL, or an http:// one of this machine",
    )
    db_branch_provider: Literal["neon", "local"] | None = Field(
        None,
        title="where branches are; without it, at Neon where key and project are set",
        description="'neon' or 'local'",
    )

    app_env: str = Field(
        "development",
        pattern=r"^[A-Za-z0-9_-]+$",
        title="which `.env.<APP_ENV>` is read; the embedded server is for `development` and `test`",
        description="letters, digits, '-' and '_'",
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *args: Any, **sources: Any
    ) -> tuple[Any, ...]:
        """Ignore empty variables, but for those of URLs: there, unset and empty are different."""
        environment, files = sources["env_settings"], sources["dotenv_settings"]
        strict = EnvSettingsSource(settings_cls, env_ignore_empty=False)
        strict_files = DotEnvSettingsSource(
            settings_cls, files.env_file, files.env_file_encoding, env_ignore_empty=False
        )
        return (
            sources["init_settings"],
            lambda: _url_in(strict),
            environment,
            lambda: _url_in(strict_files),
            files,
        )

    @cached_property
    def url(self) -> DatabaseURL:
        """The application's URL: `DATABASE_URL`, or the embedded server's main branch.

        Raises:
            ConfigurationError: there is no URL, and this is no place for the embedded server.
        """
        if self.database_url is not None:
            return self.database_url
        self._require_local()
        from ..embedded.server import LocalServer  # needs a Unix machine

        return LocalServer.for_project().url()

    @cached_property
    def direct_url(self) -> DatabaseURL:
        """The URL for migrations: `DATABASE_URL_UNPOOLED`, or else `url` on the direct endpoint.

        Raises:
            ConfigurationError: as for `url`, or the URL is a pooled one after all, or leads to
                another database, or to another project's embedded server.
        """
        url = self.database_url_unpooled
        if url is None:
            url = self.url.direct()
            if url.is_pooled:
                raise ConfigurationError(
                    f"DATABASE_URL points to a pooler, {url.host}:{url.port}.",
                    "Migrations need the server itself: set DATABASE_URL_UNPOOLED.",
                )
        elif url.is_pooled:
            raise ConfigurationError(
                f"DATABASE_URL_UNPOOLED points to a pooled endpoint, {url.host}.",
                f"Migrations need the direct one: {url.direct().host}."
                if url.is_neon
                else "Migrations need the server itself.",
            )
        elif self.database_url is not None and _is_elsewhere(self.database_url, url):
            raise ConfigurationError(
                f"DATABASE_URL leads to {_shown(self.database_url)}, DATABASE_URL_UNPOOLED to "
                f"{_shown(url)}.",
                "Migrations would change another database than the application's: set both to the "
                "same one, or remove DATABASE_URL_UNPOOLED.",
            )
        if url.is_unix_socket:
            from ..embedded.ownership import require_own_server

            require_own_server(url)
        return url

    def _require_local(self) -> None:
        """Refuse the embedded server where a database was meant and not named.

        Data in it would be lost with the container, and a deployment that migrates it would report
        success. DB_BRANCH_PROVIDER=local asks for it by name.
        """
        if self.db_branch_provider == "local" and self.app_env.casefold() != "production":
            return
        if self.app_env not in _LOCAL_ENVIRONMENTS:
            raise ConfigurationError(
                f"DATABASE_URL is not set, and APP_ENV is {self.app_env}.",
                "Set DATABASE_URL; the embedded server stands in for it where APP_ENV is "
                f"{' or '.join(_LOCAL_ENVIRONMENTS)}.",
            )
        platform = next((name for name in _PLATFORM_VARIABLES if os.environ.get(name)), None)
        if platform and "app_env" not in self.model_fields_set and not os.environ.get("CI"):
            raise ConfigurationError(
                f"DATABASE_URL is not set, and {platform} says that this is a deployment.",
                "Set DATABASE_URL, or APP_ENV=development to use the embedded server.",
            )


def _is_elsewhere(url: DatabaseURL, direct: DatabaseURL) -> bool:
    """Tell whether two URLs cannot lead to the same database, as where one of them is outdated.

    A pooler that is not Neon's may have other names for its databases.
    """
    if url.is_pooled and not url.is_neon:
        return False
    return (url.is_neon, _endpoint(url), url.database) != (
        direct.is_neon,
        _endpoint(direct),
        direct.database,
    )


def _endpoint(url: DatabaseURL) -> str:
    """Return the id of Neon's endpoint, which its host begins with; "" elsewhere."""
    return (url.direct().host or "").partition(".")[0] if url.is_neon else ""


def _shown(url: DatabaseURL) -> str:
    return f"database {url.database} on {url.host or 'this machine'}"


def load_settings() -> Settings:
    """Read the settings anew: the environment first, then `.env.<APP_ENV>`, then `.env`.

    Outside of a project, as in an installed application, the environment alone counts.

    Raises:
        ConfigurationError: a value is wrong, or a file cannot be read. The message names the
            variable and what it takes, never a password.
    """
    try:
        root = project_root()
    except ConfigurationError:
        files: tuple[Any, ...] = ()
    else:
        files = (root / ".env", root / f".env.{app_env()}")
        _warn_of_missing_file(root)
    try:
        settings = Settings(_env_file=files, _env_file_encoding="utf-8")
        _require_no_empty_url(settings, files)
        _ = settings.url
        if settings.database_url_unpooled is not None:
            _ = settings.direct_url
    except ValidationError as error:
        raise ConfigurationError(
            explain(error, Settings.model_fields), "Fix it in the environment or in .env."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The settings cannot be read: {error}.", "Fix .env: it is a text file in UTF-8."
        ) from None
    return settings


def _require_no_empty_url(settings: Settings, files: Iterable[Path]) -> None:
    """Refuse a URL that was meant and is not there, for which the embedded server would stand in.

    Raises:
        ConfigurationError: DATABASE_URL_UNPOOLED alone is set, and empty; or a line of a file names
            a URL without a `=`.
    """
    if settings.database_url is None and settings.database_url_unpooled is None:
        lines = [name for file in files for name, value in dotenv_values(file).items() if not value]
        for name in _URLS:
            if name in settings.model_fields_set or name.upper() in (
                line.upper() for line in lines
            ):
                raise _empty(name.upper())


def app_env() -> str:
    """Return `APP_ENV` of the environment or of `.env`; it chooses the second settings file."""
    return os.environ.get("APP_ENV") or _app_env_of_file() or "development"


def _app_env_of_file() -> str | None:
    try:
        return dotenv_values(project_root() / ".env").get("APP_ENV")
    except (ConfigurationError, OSError, UnicodeDecodeError):  # whoever reads the settings says so
        return None


def _warn_of_missing_file(root: Path) -> None:
    """Report an APP_ENV that chooses none of the settings files, as a misspelt one does."""
    name = app_env()
    others = {path.name for path in root.glob(".env.?*")} - {".env.example"}
    if others and f".env.{name}" not in others and name not in _USUAL_ENVIRONMENTS:
        _log.warning(
            "APP_ENV is %s, and there is no .env.%s; there is %s.",
            name,
            name,
            ", ".join(sorted(others)),
        )
