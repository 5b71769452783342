"""TLS to the server: verified in full on Neon, as the URL's `sslmode` says elsewhere."""

import logging
import ssl
from functools import cache
from typing import Final, Literal

from ..errors import ConfigurationError
from .url import DatabaseURL

SSLVerify = Literal["full", "url"]
SSLArgument = ssl.SSLContext | str | bool

_log = logging.getLogger(__name__)

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def tls_argument(url: DatabaseURL, verify: SSLVerify = "full") -> SSLArgument:
    """Return what asyncpg takes as `ssl`: a context, a mode that it knows, or False.

    Neon's hosts are verified in full (chain and host name), against `sslrootcert` or the system's
    roots, whatever `sslmode` says: their certificates are public ones, and `sslmode=require`, which
    Neon's URLs carry, would trust anybody. Only `verify="url"` (DB_SSL_VERIFY) lets the URL weaken
    that. Other hosts get what the URL says, in libpq's meaning.
    https://www.postgresql.org/docs/current/libpq-ssl.html

    asyncpg has no channel binding (asyncpg #1051); full verification stands in for it.
    """
    mode = _mode(url, verify)
    if mode == "disable" or url.is_unix_socket:
        return False
    if mode in ("allow", "prefer"):
        return mode
    return _context(mode, url.ssl_root)


def tls_weakness(url: DatabaseURL, verify: SSLVerify = "full") -> str | None:
    """Say what is not verified on the way to the server, or None where all is, or nothing need be.

    A Unix socket and this machine's own addresses need no TLS.
    """
    mode = _mode(url, verify)
    if url.is_unix_socket or mode == "verify-full" or url.host in _LOOPBACK:
        return None
    if mode == "verify-ca":
        return "its certificate is verified, its host name is not"
    if mode == "require":
        return "TLS is on, but the server's certificate is not verified"
    return "TLS is off" if mode == "disable" else f"sslmode={mode} lets the network switch TLS off"


def warn_of_weak_tls(url: DatabaseURL, verify: SSLVerify = "full") -> None:
    """Write a warning to the log where the connection is not verified in full."""
    if weakness := tls_weakness(url, verify):
        _log.warning("%s: %s; sslmode=verify-full does it all", url.host, weakness)


def _mode(url: DatabaseURL, verify: SSLVerify) -> str:
    if url.is_neon and (verify == "full" or url.ssl_mode is None):
        return "verify-full"
    if url.ssl_mode == "require" and url.ssl_root is not None:
        return "verify-ca"  # as in libpq, which has roots to verify against then
    return url.ssl_mode or "prefer"


@cache
def _context(mode: str, root: str | None) -> ssl.SSLContext:
    """Make a context, once for each kind: to read the roots takes some 20 ms."""
    try:
        context = ssl.create_default_context(cafile=None if root == "system" else root)
    except (ssl.SSLError, OSError):
        raise ConfigurationError(
            f"The database URL has sslrootcert={root}, which holds no certificate.",
            "Give a file of certificates in PEM, or 'system'.",
        ) from None
    if mode != "verify-full":
        context.check_hostname = False
    if mode == "require":  # libpq's meaning: encrypted, not verified
        context.verify_mode = ssl.CERT_NONE
    return context
