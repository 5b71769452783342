"""Neon's URLs: any form that Neon hands out, made into what SQLAlchemy and asyncpg take."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from .errors import ConfigurationError

_SCHEMES: Final = ("postgres", "postgresql", "postgresql+asyncpg")
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_PARAMETERS: Final = frozenset(
    {"sslmode", "sslrootcert", "channel_binding", "host", "port"}
    | {"options", "application_name", "connect_timeout"}
)
_NEON_HOST: Final = re.compile(
    r"(?P<endpoint>ep-[^.]+?)(?P<pooler>-pooler)?(?P<rest>\.(?:[^.]+\.)*neon\.(?:tech|build))"
)
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
        if parts.port is not None and not 0 < parts.port < 65536:
            raise ConfigurationError(
                f"{variable} has port {parts.port}.", "A port is a number from 1 to 65535."
            )
        if unknown := sorted(set(parts.query) - _PARAMETERS):
            raise ConfigurationError(
                f"{variable} has a parameter that is not understood: {', '.join(unknown)}.",
                f"Remove it; understood are {', '.join(sorted(_PARAMETERS))}.",
            )
        url = cls(parts.set(drivername="postgresql"))
        _ = url.connect_args  # what is wrong in them is refused here, not at the first query
        return url

    def __str__(self) -> str:
        return self.parts.render_as_string(hide_password=True)

    def __repr__(self) -> str:
        return f"DatabaseURL({self})"

    def render(self) -> str:
        """Return the whole URL, password included, for a file or a program of the user's."""
        return self.parts.render_as_string(hide_password=False)

    @property
    def database(self) -> str:
        """The name of the database."""
        return self.parts.database or ""

    @property
    def host(self) -> str:
        """The host's name, its address, or the folder of its Unix socket."""
        return self.parts.host or _single(self.parts.query, "host") or "localhost"

    @property
    def is_neon(self) -> bool:
        """Whether the host is one of Neon's endpoints."""
        return _NEON_HOST.fullmatch(self.host) is not None

    @property
    def is_pooled(self) -> bool:
        """Whether the host is a pooled endpoint (PgBouncer in transaction mode)."""
        match = _NEON_HOST.fullmatch(self.host)
        return match is not None and match["pooler"] is not None

    @property
    def is_unix_socket(self) -> bool:
        """Whether the server is reached through a Unix socket."""
        return self.host.startswith("/")

    def direct(self) -> Self:
        """Return the same on the direct endpoint; a host that is not Neon's stays as it is."""
        match = _NEON_HOST.fullmatch(self.host)
        if match is None:
            return self
        return type(self)(self.parts.set(host=match["endpoint"] + match["rest"]))

    def with_database(self, name: str) -> Self:
        """Return the same with another database."""
        return type(self)(self.parts.set(database=name))

    @property
    def sqlalchemy(self) -> URL:
        """The URL for `create_async_engine`; what asyncpg takes apart is in `connect_args`."""
        query = {key: value for key, value in self.parts.query.items() if key in ("host", "port")}
        return self.parts.set(drivername="postgresql+asyncpg", query=query)

    @property
    def ssl(self) -> ssl.SSLContext | str | bool:
        """What asyncpg takes as `ssl`: a context, a mode that it knows, or False.

        Neon's hosts are always verified in full against the system's roots: their certificates are
        public ones, and `sslmode=require`, which Neon's URLs carry, would trust anybody.
        `channel_binding` is dropped, as asyncpg has none (asyncpg #1051).
        """
        root = _single(self.parts.query, "sslrootcert")
        mode = _single(self.parts.query, "sslmode") or ("verify-full" if self.is_neon else "prefer")
        if mode not in _SSL_MODES:
            raise ConfigurationError(
                f"The database URL has sslmode={mode}.", f"It takes one of {', '.join(_SSL_MODES)}."
            )
        if root not in (None, "system") and not Path(root).is_file():
            raise ConfigurationError(
                f"The database URL has sslrootcert={root}, which is no file.",
                "Give a file of certificates, or 'system'.",
            )
        if self.is_neon or mode == "verify-full":
            return ssl.create_default_context(cafile=None if root == "system" else root)
        if mode == "disable" or self.is_unix_socket:
            return False
        if mode in ("allow", "prefer"):
            return mode
        context = ssl.create_default_context(cafile=None if root == "system" else root)
        context.check_hostname = False
        if mode == "require" and root is None:  # libpq's meaning: encrypted, not verified
            context.verify_mode = ssl.CERT_NONE
        return context

    @property
    def connect_args(self) -> dict[str, Any]:
        """asyncpg's arguments that the URL asks for, without those of the settings."""
        arguments: dict[str, Any] = {"ssl": self.ssl}
        if seconds := self._connect_timeout_seconds():
            arguments["timeout"] = seconds
        settings = {
            name: value
            for name in ("options", "application_name")
            if (value := _single(self.parts.query, name))
        }
        if settings:
            arguments["server_settings"] = settings
        return arguments

    def _connect_timeout_seconds(self) -> int | None:
        value = _single(self.parts.query, "connect_timeout")
        if value is not None and not value.isdecimal():
            raise ConfigurationError(
                f"The database URL has connect_timeout={value}.", "It takes a number of seconds."
            )
        return int(value) if value else None


def _single(query: Mapping[str, tuple[str, ...] | str], name: str) -> str | None:
    """Return a parameter's value; of several, the last one counts, as in libpq."""
    value = query.get(name)
    return value[-1] if isinstance(value, tuple) else value
