"""The settings: environment variables, `.env` and `.env.<APP_ENV>`, checked when they are read."""

import os
import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ..errors import ConfigurationError
from ..project import project_name, project_root
from .url import DatabaseURL

_Seconds = Annotated[float, Field(gt=0, le=86400, description="a number of seconds above 0")]


def _one_word(key: SecretStr) -> SecretStr:
    """Refuse what an HTTP header cannot hold, before an error of the HTTP client quotes it."""
    if re.fullmatch(r"[!-~]+", key.get_secret_value()) is None:
        raise ValueError("it is not one word")
    return key


_Key = Annotated[SecretStr, AfterValidator(_one_word)]


class Settings(BaseSettings):
    """What the environment says of the database. The names in upper case are the variables'.

    Of a field, `title` is what it means and `description` what it takes, which errors quote.
    """

    model_config = SettingsConfigDict(
        extra="ignore", env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    database_url: SecretStr | None = Field(
        None,
        title="the application's URL, pooled or direct; without it, the embedded server's main",
        description="a URL as Neon shows it",
    )
    database_url_unpooled: SecretStr | None = Field(
        None,
        title="the direct endpoint, for migrations; without it, derived from `DATABASE_URL`",
        description="a URL as Neon shows it, of the direct endpoint",
    )

    db_pool_size: int = Field(
        20, ge=1, le=4000, title="connections kept", description="a whole number from 1 to 4000"
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
        title="which `.env.<APP_ENV>` is read; `production` never uses the embedded server",
        description="letters, digits, '-' and '_'",
    )

    @property
    def url(self) -> DatabaseURL:
        """The application's URL: `DATABASE_URL`, or the embedded server's main branch.

        Raises:
            ConfigurationError: the URL is malformed, or there is none and `APP_ENV` is
                "production", where nothing may fall back to an embedded server.
        """
        if self.database_url is not None:
            return DatabaseURL.parse(self.database_url.get_secret_value())
        if self.app_env == "production":
            raise ConfigurationError(
                "DATABASE_URL is not set.",
                "Set it to the URL of the Neon branch; production never uses the embedded server.",
            )
        from ..embedded.server import LocalServer  # needs a Unix machine

        return LocalServer.for_project().url()

    @property
    def direct_url(self) -> DatabaseURL:
        """The URL for migrations: `DATABASE_URL_UNPOOLED`, or else `url` on the direct endpoint.

        Raises:
            ConfigurationError: as for `url`, or the unpooled URL is a pooled one after all.
        """
        if self.database_url_unpooled is None:
            url = self.url.direct()
            if url.is_pooled:
                raise ConfigurationError(
                    f"DATABASE_URL points to a pooler, {url.host}.",
                    "Migrations need the server itself: set DATABASE_URL_UNPOOLED.",
                )
            return url
        name = "DATABASE_URL_UNPOOLED"
        url = DatabaseURL.parse(self.database_url_unpooled.get_secret_value(), name)
        if url.is_pooled:
            raise ConfigurationError(
                f"{name} points to a pooled endpoint, {url.host}.",
                f"Migrations need the direct one: {url.direct().host}."
                if url.is_neon
                else "Migrations need the server itself.",
            )
        return url


def load_settings() -> Settings:
    """Read the settings anew: the environment first, then `.env.<APP_ENV>`, then `.env`.

    Raises:
        ConfigurationError: a value is wrong; the line names each such variable, what it got and
            what it takes, and never shows a secret.
    """
    try:
        root = project_root()
    except ConfigurationError:  # an installed application: the environment alone counts
        files: tuple[Any, ...] = ()
    else:
        files = (root / ".env", root / f".env.{app_env()}")
    try:
        settings = Settings(_env_file=files, _env_file_encoding="utf-8")
        _ = settings.url
        if settings.database_url_unpooled is not None:
            _ = settings.direct_url
    except ValidationError as error:
        raise ConfigurationError(
            _explain(error), "Mend it in the environment or in .env."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The settings cannot be read: {error}.", "Mend .env, a text file in UTF-8."
        ) from None
    return settings


def app_env() -> str:
    """Return `APP_ENV`, which chooses the second settings file."""
    return os.environ.get("APP_ENV") or "development"


_SECRETS: Final = {"database_url", "database_url_unpooled", "neon_api_key"}


def _explain(error: ValidationError) -> str:
    lines = []
    for detail in error.errors(include_context=False):
        name = str(detail["loc"][0])
        got = "a value" if name in _SECRETS else repr(detail["input"])
        takes = Settings.model_fields[name].description or "text"
        lines.append(f"{name.upper()} is {got}; it takes {takes}.")
    return " ".join(lines)
