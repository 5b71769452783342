"""URLs: every form that Neon hands out, what is refused, and passwords that never show."""

import ssl
from pathlib import Path

import pytest
from db.connection.errors import ConfigurationError
from db.connection.url import DatabaseURL

DIRECT = "ep-cool-darkness-123456.us-east-2.aws.neon.tech"
POOLED = "ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech"
SECRET = "s3cr3t"
NEON = f"postgresql://role:{SECRET}@{POOLED}/neondb?sslmode=require&channel_binding=require"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_every_scheme_is_taken(scheme: str) -> None:
    url = DatabaseURL.parse(f"{scheme}://role:{SECRET}@{DIRECT}:5432/neondb")
    assert url.sqlalchemy.drivername == "postgresql+asyncpg"
    assert (url.host, url.database, url.sqlalchemy.port) == (DIRECT, "neondb", 5432)
    assert url.sqlalchemy.password == SECRET


def test_what_asyncpg_does_not_know_is_taken_out_of_the_query() -> None:
    url = DatabaseURL.parse(NEON)
    assert dict(url.sqlalchemy.query) == {}
    assert url.connect_args.keys() == {"ssl"}


def test_a_pooled_host_becomes_the_direct_one_and_nothing_else_changes() -> None:
    url = DatabaseURL.parse(NEON)
    assert (url.is_neon, url.is_pooled) == (True, True)
    direct = url.direct()
    assert (direct.host, direct.is_pooled) == (DIRECT, False)
    assert direct.render() == url.render().replace(POOLED, DIRECT)
    assert direct.direct() == direct


@pytest.mark.parametrize(
    "host", ["localhost", "db.example.org", "ep-x-pooler.neon.tech.example.org", "neon.tech"]
)
def test_other_hosts_are_not_taken_for_neons(host: str) -> None:
    url = DatabaseURL.parse(f"postgresql://role@{host}/db")
    assert (url.is_neon, url.is_pooled) == (False, False)
    assert url.direct() == url


@pytest.mark.parametrize("mode", ["disable", "require", "verify-full", None])
def test_tls_to_neon_is_verified_in_full_whatever_the_url_asks(mode: str | None) -> None:
    url = DatabaseURL.parse(f"postgresql://role@{DIRECT}/db" + (f"?sslmode={mode}" if mode else ""))
    assert isinstance(url.ssl, ssl.SSLContext)
    assert (url.ssl.verify_mode, url.ssl.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_tls_to_other_hosts_follows_the_url() -> None:
    def tls(mode: str) -> ssl.SSLContext | str | bool:
        return DatabaseURL.parse(f"postgresql://role@example.org/db?sslmode={mode}").ssl

    assert tls("disable") is False
    assert (tls("allow"), tls("prefer")) == ("allow", "prefer")
    encrypted, authority, full = tls("require"), tls("verify-ca"), tls("verify-full")
    assert isinstance(encrypted, ssl.SSLContext)
    assert isinstance(authority, ssl.SSLContext)
    assert isinstance(full, ssl.SSLContext)
    assert encrypted.verify_mode == ssl.CERT_NONE
    assert (authority.verify_mode, authority.check_hostname) == (ssl.CERT_REQUIRED, False)
    assert (full.verify_mode, full.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_percent_escapes_and_unix_sockets_survive(tmp_path: Path) -> None:
    url = DatabaseURL.parse("postgresql://ro%40le:p%25%2F%3A@/db?host=/var/run/x&port=5433")
    assert (url.parts.username, url.parts.password) == ("ro@le", "p%/:")
    assert url.is_unix_socket
    assert url.host == "/var/run/x"
    assert DatabaseURL.parse(url.render()) == url


def test_a_password_never_shows() -> None:
    url = DatabaseURL.parse(NEON)
    assert SECRET not in f"{url} {url!r} {[url]}"
    assert SECRET in url.render()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"role:{SECRET}@{DIRECT}/db", "is not a database URL"),
        (f"mysql://role:{SECRET}@{DIRECT}/db", "begins with mysql://"),
        (f"postgresql://role:{SECRET}@{DIRECT}", "names no database"),
        (f"postgresql://role:{SECRET}@{DIRECT}:port/db", "is not a database URL"),
        (f"postgresql://role:{SECRET}@{DIRECT}:99999/db", "has port 99999"),
        (f"postgresql://role:{SECRET}@{DIRECT}/db?sslmod=require", "not understood: sslmod"),
        (f"postgresql://role:{SECRET}@{DIRECT}/db?sslmode=on", "sslmode=on"),
        (f"postgresql://role:{SECRET}@{DIRECT}/db?sslrootcert=/no/file", "is no file"),
        (f"postgresql://role:{SECRET}@{DIRECT}/db?connect_timeout=soon", "connect_timeout=soon"),
        ("", "is not a database URL"),
    ],
)
def test_what_is_wrong_is_named_without_the_password(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        DatabaseURL.parse(text, "MY_URL")
    assert message in str(refused.value)
    assert refused.value.hint
    assert SECRET not in str(refused.value)
