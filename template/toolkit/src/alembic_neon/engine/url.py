"""Neon's URLs: any form that Neon hands out, made into what SQLAlchemy and asyncpg take."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import ConfigurationError
from .url_parameters import IGNORED, REJECTED_HINTS, SUPPORTED_PARAMETERS, VALUES

_SCHEMES: Final = ("postgres", "postgresql", "postgresql+asyncpg")
_OTHER_SCHEMES: Final = (
    *("mysql", "mariadb", "sqlite", "oracle", "mssql", "postgresql+psycopg", "postgresql+psycopg2"),
    *("postgresql+pg8000", "http", "https"),
)
# What Neon's passwords and keys begin with. https://neon.com/docs/manage/api-keys
_NEON_SECRETS: Final = ("npg_", "napi_")
# What is shown of a parameter: it may be a part of a password that was not escaped.
_WORD: Final = re.compile(r"[a-z][a-z_-]*|-?\d{1,6}")
# A host name says which endpoint is meant, in any case of letters. Some have another piece between
# the endpoint and the region (ep-x.c-2.us-east-2.aws.neon.tech).
_NEON_DOMAIN: Final = re.compile(r".+\.neon\.(?:tech|build)", re.IGNORECASE)
_NEON_ENDPOINT: Final = re.compile(
    r"(?P<endpoint>ep-[^.]+?)(?P<pooler>-pooler)?(?P<rest>\.(?:[^.]+\.)*neon\.(?:tech|build))",
    re.IGNORECASE,
)
# Which endpoint is meant, for clients that send no host name with TLS (SNI). asyncpg does, and
# without Neon's proxy PostgreSQL and PgBouncer refuse it. https://neon.com/docs/connect/connection-errors
_ENDPOINT_OPTION: Final = re.compile(r"(?:(?<=\s)|^)(?:endpoint|project)=\S*\s*")
# The ports on which others pool transactions: PgBouncer's own, and Supabase's. Where a server
# listens on one of them, `pgbouncer=false` says so.
# https://supabase.com/docs/guides/database/connecting-to-postgres#pooler-transaction-mode
_POOLER_PORTS: Final = (6432, 6543)
_DEFAULT_PORT: Final = 5432
_EXAMPLE: Final = "It takes postgresql://user:password@host/database?sslmode=require."


@dataclass(frozen=True, repr=False)
class DatabaseURL:
    """A database's URL, parsed once. Its `str` and `repr` never show the password.

    `parts` names host and port once, as the connection takes them: a host or port in the query
    counts more than one before it, as in libpq and SQLAlchemy, and only the folder of a Unix
    socket stays in the query. Host names are in lower case and without the dot at the end, as TLS
    compares them.
    """

    parts: URL

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _with_one_host(self.parts))

    @classmethod
    def parse(cls, text: str, variable: str = "DATABASE_URL") -> Self:
        """Parse any form that Neon, libpq or SQLAlchemy writes.

        `variable` is the name that an error gives to what was wrong.

        Raises:
            ConfigurationError: the text is not such a URL, or has a parameter that nothing here
                understands. The message never holds the password.
        """
        try:
            parts = make_url(text.strip())
        except (ArgumentError, ValueError):
            # The cause is not shown: it may quote the URL, and with it the password.
            raise ConfigurationError(f"{variable} is not a database URL.", _EXAMPLE) from None
        if parts.drivername not in _SCHEMES:
            is_known = parts.drivername in _OTHER_SCHEMES
            scheme = f"{parts.drivername}://" if is_known else "another scheme"
            raise ConfigurationError(
                f"{variable} begins with {scheme}, not with postgresql://.", _EXAMPLE
            )
        if not parts.database:
            raise ConfigurationError(f"{variable} names no database.", _EXAMPLE)
        _check_login(parts, text, variable)
        _check_parameters(parts.query, variable)
        _check_host_and_port(parts, variable)
        url = cls(_with_ssl_mode(parts.set(drivername="postgresql")))
        if url.ssl_root not in (None, "system") and not Path(url.ssl_root or "").is_file():
            raise ConfigurationError(
                f"{variable} has sslrootcert={url.ssl_root}, which is no file.",
                "Give a file of certificates, or 'system'.",
            )
        return url

    def __str__(self) -> str:
        return self._render("***")

    def __repr__(self) -> str:
        return f"DatabaseURL({self})"

    def render(self) -> str:
        """Return the whole URL, password included, for a file or a program of the user's."""
        return self._render(str(self.parts.password))

    def _render(self, password: str) -> str:
        """Render as libpq reads it, in which "+" is no space; SQLAlchemy writes it for one."""
        parts = self.parts
        login = ""
        if parts.username is not None:
            shown = "" if parts.password is None else ":" + quote(password, safe="*")
            login = f"{quote(parts.username, safe='')}{shown}@"
        host = parts.host or ""
        address = f"[{host}]" if ":" in host else host
        port = "" if parts.port is None else f":{parts.port}"
        pairs = [
            f"{quote(name, safe='')}={quote(value, safe='/')}"
            for name, values in sorted(parts.query.items())
            for value in ((values,) if isinstance(values, str) else values)
        ]
        query = "?" + "&".join(pairs) if pairs else ""
        return f"postgresql://{login}{address}{port}/{quote(self.database, safe='')}{query}"

    @property
    def database(self) -> str:
        """The name of the database."""
        return self.parts.database or ""

    @property
    def host(self) -> str:
        """The host's name, its address, or the folder of its Unix socket."""
        return self.parts.host or self._single("host") or "localhost"

    @property
    def port(self) -> int:
        """The server's port; a Unix socket's name ends in it."""
        return self.parts.port or _DEFAULT_PORT

    @property
    def is_neon(self) -> bool:
        """Whether the host is Neon's."""
        return _NEON_DOMAIN.fullmatch(self.host) is not None

    @property
    def is_pooled(self) -> bool:
        """Whether a pooler of transactions answers: Neon's, by the host's name, or another.

        Another one is known by its port, or by the parameter `pgbouncer=true`, as Prisma has it.
        """
        match = _NEON_ENDPOINT.fullmatch(self.host)
        if match is not None and match["pooler"] is not None:
            return True
        if (declared := self._single("pgbouncer")) is not None:
            return declared == "true"
        return match is None and self.port in _POOLER_PORTS

    @property
    def is_unix_socket(self) -> bool:
        """Whether the server is reached through a Unix socket."""
        return self.host.startswith("/")

    @property
    def ssl_mode(self) -> str | None:
        """The parameter `sslmode`, one of libpq's; `tls` decides what it means."""
        return self._single("sslmode")

    @property
    def ssl_root(self) -> str | None:
        """The parameter `sslrootcert`: a file of certificates, "system", or None."""
        return self._single("sslrootcert")

    def direct(self) -> Self:
        """Return the same on the direct endpoint; a host that is not Neon's stays as it is."""
        return self._on_endpoint("")

    def pooled(self) -> Self:
        """Return the same on the pooled endpoint; a host that is not Neon's stays as it is."""
        return self._on_endpoint("-pooler")

    def _on_endpoint(self, suffix: str) -> Self:
        match = _NEON_ENDPOINT.fullmatch(self.host)
        if match is None:
            return self
        parts = self.parts
        if not suffix:
            parts = parts.difference_update_query(["pgbouncer"])
        return type(self)(parts.set(host=match["endpoint"] + suffix + match["rest"]))

    def with_database(self, name: str) -> Self:
        """Return the same with another database."""
        return type(self)(self.parts.set(database=name))

    @property
    def sqlalchemy(self) -> URL:
        """The URL for `create_async_engine`; what asyncpg takes apart is in `connect_args`."""
        query = {"host": self.host} if self.is_unix_socket else {}
        return self.parts.set(drivername="postgresql+asyncpg", query=query)

    @property
    def connect_args(self) -> dict[str, Any]:
        """asyncpg's arguments that the URL asks for, without TLS and those of the settings.

        What the URL leaves out is in them too, where asyncpg would read it from PGPORT,
        PGTARGETSESSIONATTRS or PGSSLNEGOTIATION: the URL alone says where the database is.
        """
        arguments: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "target_session_attrs": self._single("target_session_attrs") or "any",
            "direct_tls": False,
        }
        # libpq's 0 means to wait for ever, which nothing here does: the settings' default counts.
        if seconds := int(self._single("connect_timeout") or 0):
            arguments["timeout"] = seconds
        settings = {"options": self._options, "application_name": self._single("application_name")}
        if given := {name: value for name, value in settings.items() if value}:
            arguments["server_settings"] = given
        return arguments

    @property
    def _options(self) -> str:
        """The parameter `options`, without the endpoint where the host's name says it already."""
        options = self._single("options") or ""
        if _NEON_ENDPOINT.fullmatch(self.host):
            options = _ENDPOINT_OPTION.sub("", options).strip()
        return options

    def _single(self, name: str) -> str | None:
        return _last(self.parts.query.get(name))


def _with_one_host(parts: URL) -> URL:
    """Return the parts with host and port where `DatabaseURL` has them."""
    host = unquote(_last(parts.query.get("host")) or parts.host or "")
    port = _last(parts.query.get("port")) or parts.port
    parts = parts.difference_update_query(["host", "port"])
    if host.startswith("/"):
        # `set` leaves alone what is None.
        parts = parts._replace(host=None).update_query_dict({"host": host})
    elif host:
        parts = parts.set(host=host.lower().rstrip("."))
    return parts if port is None else parts.set(port=int(port))


def _last(value: tuple[str, ...] | str | None) -> str | None:
    """Return a parameter's value; of several, the last one counts, as in libpq."""
    return value[-1] if isinstance(value, tuple) else value


def _check_login(parts: URL, text: str, variable: str) -> None:
    """Refuse what may hold a part of the password elsewhere; nothing of it is shown."""
    address = text.partition("?")[0]
    if address.count("@") > (parts.username is not None):
        if parts.username is None:  # three slashes make a database's name of the login
            raise ConfigurationError(f'{variable} has an "@" behind its host.', _EXAMPLE)
        raise ConfigurationError(
            f'{variable} has more than one "@".', "Write %40 for that of a name or a password."
        )
    if any((name or "").startswith(_NEON_SECRETS) for name in (parts.username, parts.host)):
        raise ConfigurationError(
            f"{variable} has a password or a key in the place of a role or a host.", _EXAMPLE
        )


def _check_host_and_port(parts: URL, variable: str) -> None:
    host = unquote(_last(parts.query.get("host")) or parts.host or "")
    if "," in host or isinstance(parts.query.get("host"), tuple):
        raise ConfigurationError(
            f"{variable} names several hosts.", "Name one: Neon has one host for an endpoint."
        )
    port = _last(parts.query.get("port")) or parts.port
    if port is not None and not (str(port).isdecimal() and 0 < int(port) < 65536):
        shown = port if _WORD.fullmatch(str(port)) else "that is none"
        raise ConfigurationError(
            f"{variable} has port {shown}.", "A port is a number from 1 to 65535."
        )


def _check_parameters(query: Mapping[str, tuple[str, ...] | str], variable: str) -> None:
    for name in sorted(set(query) & REJECTED_HINTS.keys()):
        raise ConfigurationError(f"{variable} has {name}, which is not used.", REJECTED_HINTS[name])
    if unknown := sorted(set(query) - SUPPORTED_PARAMETERS - IGNORED):
        named = [name if _WORD.fullmatch(name) else "one that is no word" for name in unknown]
        raise ConfigurationError(
            f"{variable} has a parameter that is not understood: {', '.join(named)}.",
            f"Remove it; understood are {', '.join(sorted(SUPPORTED_PARAMETERS))}.",
        )
    for name, (pattern, takes) in VALUES.items():
        values = query.get(name, ())
        for value in (values,) if isinstance(values, str) else values:
            if not re.fullmatch(pattern, value):
                shown = value if _WORD.fullmatch(value) else "a value that is not shown"
                raise ConfigurationError(f"{variable} has {name}={shown}.", f"It takes {takes}.")


def _with_ssl_mode(parts: URL) -> URL:
    """Write asyncpg's and SQLAlchemy's parameter `ssl` as libpq's `sslmode`."""
    value = parts.query.get("ssl")
    if value is None:
        return parts
    mode = value[-1] if isinstance(value, tuple) else value
    mode = {"true": "require", "false": "disable"}.get(mode, mode)
    parts = parts.difference_update_query(["ssl"])
    return parts if "sslmode" in parts.query else parts.update_query_dict({"sslmode": mode})
