"""Neon's URLs: any form that Neon hands out, made into what SQLAlchemy and asyncpg take."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import ConfigurationError
from .url_parameters import DROPPED, INSTEAD, SUPPORTED_PARAMETERS, VALUES

_SCHEMES: Final = ("postgres", "postgresql", "postgresql+asyncpg")
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
_EXAMPLE: Final = "It takes postgresql://user:password@host/database?sslmode=require."


@dataclass(frozen=True, repr=False)
class DatabaseURL:
    """A database's URL, parsed once. Its `str` and `repr` never show the password."""

    parts: URL

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
            raise ConfigurationError(
                f"{variable} begins with {parts.drivername}://, not with postgresql://.",
                _EXAMPLE,
            )
        if not parts.database:
            raise ConfigurationError(f"{variable} names no database.", _EXAMPLE)
        has_login = parts.username is not None
        if has_login and "@" in text.partition("@")[2].partition("?")[0]:
            # What stands before the last "@" may be a part of the password: nothing of it is shown.
            raise ConfigurationError(
                f'{variable} has more than one "@".', "Write %40 for that of a name or a password."
            )
        _check_parameters(parts.query, variable)
        url = cls(_with_ssl_mode(parts.set(drivername="postgresql")))
        url._check_place(variable)
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
        place = f"[{host}]" if ":" in host else host
        port = "" if parts.port is None else f":{parts.port}"
        pairs = [
            f"{quote(name, safe='')}={quote(value, safe='/')}"
            for name, values in sorted(parts.query.items())
            for value in ((values,) if isinstance(values, str) else values)
        ]
        query = "?" + "&".join(pairs) if pairs else ""
        return f"postgresql://{login}{place}{port}/{quote(self.database, safe='')}{query}"

    @property
    def database(self) -> str:
        """The name of the database."""
        return self.parts.database or ""

    @property
    def host(self) -> str:
        """The host's name, its address, or the folder of its Unix socket."""
        return self.parts.host or self._single("host") or "localhost"

    @property
    def is_neon(self) -> bool:
        """Whether the host is Neon's."""
        return _NEON_DOMAIN.fullmatch(self.host) is not None

    @property
    def is_pooled(self) -> bool:
        """Whether a PgBouncer in transaction mode answers: Neon's, by the host's name, or another.

        Another one is told by the parameter `pgbouncer=true`, as Prisma has it.
        """
        match = _NEON_ENDPOINT.fullmatch(self.host)
        is_neons = match is not None and match["pooler"] is not None
        return is_neons or self._single("pgbouncer") == "true"

    @property
    def is_unix_socket(self) -> bool:
        """Whether the server is reached through a Unix socket."""
        return self.host.startswith("/")

    @property
    def ssl_mode(self) -> str | None:
        """The parameter `sslmode`, one of libpq's; what is made of it is said in `tls`."""
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
        parts = self.parts.difference_update_query(["host"])
        if not suffix:
            parts = parts.difference_update_query(["pgbouncer"])
        return type(self)(parts.set(host=match["endpoint"] + suffix + match["rest"]))

    def with_database(self, name: str) -> Self:
        """Return the same with another database."""
        return type(self)(self.parts.set(database=name))

    @property
    def sqlalchemy(self) -> URL:
        """The URL for `create_async_engine`; what asyncpg takes apart is in `connect_args`."""
        query = {key: value for key, value in self.parts.query.items() if key in ("host", "port")}
        return self.parts.set(drivername="postgresql+asyncpg", query=query)

    @property
    def connect_args(self) -> dict[str, Any]:
        """asyncpg's arguments that the URL asks for, without TLS and those of the settings."""
        arguments: dict[str, Any] = {}
        # libpq's 0 means to wait for ever, which nothing here does: the settings' default counts.
        if seconds := int(self._single("connect_timeout") or 0):
            arguments["timeout"] = seconds
        if target := self._single("target_session_attrs"):
            arguments["target_session_attrs"] = target
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
        """Return a parameter's value; of several, the last one counts, as in libpq."""
        value = self.parts.query.get(name)
        return value[-1] if isinstance(value, tuple) else value

    def _check_place(self, variable: str) -> None:
        port = self.parts.port or self._single("port")
        if port is not None and not (str(port).isdecimal() and 0 < int(port) < 65536):
            raise ConfigurationError(
                f"{variable} has port {port}.", "A port is a number from 1 to 65535."
            )
        if "," in self.host or isinstance(self.parts.query.get("host"), tuple):
            raise ConfigurationError(
                f"{variable} names several hosts.", "Name one: Neon has one host for an endpoint."
            )
        if self.ssl_root not in (None, "system") and not Path(self.ssl_root or "").is_file():
            raise ConfigurationError(
                f"{variable} has sslrootcert={self.ssl_root}, which is no file.",
                "Give a file of certificates, or 'system'.",
            )


def _check_parameters(query: Mapping[str, tuple[str, ...] | str], variable: str) -> None:
    for name in sorted(set(query) & INSTEAD.keys()):
        raise ConfigurationError(f"{variable} has {name}, which is not used.", INSTEAD[name])
    if unknown := sorted(set(query) - SUPPORTED_PARAMETERS - DROPPED):
        raise ConfigurationError(
            f"{variable} has a parameter that is not understood: {', '.join(unknown)}.",
            f"Remove it; understood are {', '.join(sorted(SUPPORTED_PARAMETERS))}.",
        )
    for name, (pattern, takes) in VALUES.items():
        values = query.get(name, ())
        for value in (values,) if isinstance(values, str) else values:
            if not re.fullmatch(pattern, value):
                raise ConfigurationError(f"{variable} has {name}={value}.", f"It takes {takes}.")


def _with_ssl_mode(parts: URL) -> URL:
    """Write asyncpg's and SQLAlchemy's parameter `ssl` as libpq's `sslmode`."""
    value = parts.query.get("ssl")
    if value is None:
        return parts
    mode = value[-1] if isinstance(value, tuple) else value
    mode = {"true": "require", "false": "disable"}.get(mode, mode)
    parts = parts.difference_update_query(["ssl"])
    return parts if "sslmode" in parts.query else parts.update_query_dict({"sslmode": mode})
