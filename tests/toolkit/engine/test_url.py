"""URLs: every form that Neon hands out, what is refused, and passwords that never show."""

import ssl
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import trustme
from alembic_neon.engine.tls import tls_argument, tls_weakness, warn_of_weak_tls
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ConfigurationError
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL

DIRECT = "ep-cool-darkness-123456.us-east-2.aws.neon.tech"
POOLED = "ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech"
SECRET = "s3cr3t"
# What asyncpg would take from PGPORT and others of libpq's variables.
WHERE_ALONE = {
    "host": POOLED,
    "port": 5432,
    "target_session_attrs": "any",
    "direct_tls": False,
}
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
    assert url.connect_args == WHERE_ALONE


def test_a_pooled_host_becomes_the_direct_one_and_nothing_else_changes() -> None:
    url = DatabaseURL.parse(NEON)
    assert (url.is_neon, url.is_pooled) == (True, True)
    direct = url.direct()
    assert (direct.host, direct.is_pooled) == (DIRECT, False)
    assert direct.render() == url.render().replace(POOLED, DIRECT)
    assert direct.direct() == direct
    assert direct.pooled() == url
    assert url.pooled() == url


@pytest.mark.parametrize(
    ("pooled", "direct"),
    [
        ("ep-x-1-pooler.c-2.us-east-2.aws.neon.tech", "ep-x-1.c-2.us-east-2.aws.neon.tech"),
        ("EP-X-1-POOLER.us-east-2.aws.NEON.tech", "ep-x-1.us-east-2.aws.neon.tech"),
        ("ep-x-1-pooler.us-east-2.aws.neon.tech.", "ep-x-1.us-east-2.aws.neon.tech"),
        ("ep-x-1-pooler.us-east-2.aws.neon.build", "ep-x-1.us-east-2.aws.neon.build"),
        ("ep-x-1-pooler.vpce.us-east-2.aws.neon.tech", "ep-x-1.vpce.us-east-2.aws.neon.tech"),
    ],
)
def test_every_form_of_a_host_name_is_known(pooled: str, direct: str) -> None:
    url = DatabaseURL.parse(f"postgresql://role@{pooled}/db")
    assert (url.is_neon, url.is_pooled) == (True, True)
    assert url.direct().host == direct
    assert url.direct().pooled().host == pooled.lower().rstrip(".")


def test_another_pooler_is_told_by_a_parameter() -> None:
    url = DatabaseURL.parse("postgresql://role@db.example.org:6432/db?pgbouncer=true")
    assert (url.is_neon, url.is_pooled) == (False, True)
    assert not DatabaseURL.parse("postgresql://role@h/db?pgbouncer=false").is_pooled
    assert not DatabaseURL.parse(f"postgresql://role@{POOLED}/db?pgbouncer=true").direct().is_pooled


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ("endpoint%3Dep-cool-darkness-123456", None),
        ("project%3Dcool-darkness-123456", None),
        ("endpoint%3Dep-x%20-c%20search_path%3Dshop", "-c search_path=shop"),
        ("-c%20geqo%3Doff%20project%3Dx", "-c geqo=off"),
        ("-c%20my.endpoint%3Dx", "-c my.endpoint=x"),
    ],
)
def test_the_endpoint_option_goes_where_the_host_says_it_already(
    options: str, sent: str | None
) -> None:
    url = DatabaseURL.parse(f"postgresql://role@{DIRECT}/db?options={options}")
    assert url.connect_args.get("server_settings", {}).get("options") == sent
    elsewhere = DatabaseURL.parse(f"postgresql://role@pg.neon.tech/db?options={options}")
    assert elsewhere.is_neon
    assert elsewhere.connect_args["server_settings"]["options"] == unquote(options)


def test_asyncpg_gets_what_it_has_a_word_for() -> None:
    url = DatabaseURL.parse(
        f"postgresql://role@{DIRECT}/db?connect_timeout=5&application_name=a%20b"
        "&target_session_attrs=read-write&keepalives=1&keepalives_idle=30&sslnegotiation=direct"
    )
    assert url.connect_args == WHERE_ALONE | {
        "host": DIRECT,
        "timeout": 5,
        "target_session_attrs": "read-write",
        "server_settings": {"application_name": "a b"},
    }
    without_limit = DatabaseURL.parse(f"postgresql://role@{POOLED}/db?connect_timeout=0")
    assert without_limit.connect_args == WHERE_ALONE


def test_sqlalchemys_own_parameter_for_tls_is_understood() -> None:
    url = DatabaseURL.parse("postgresql+asyncpg://role@example.org/db?ssl=require")
    assert url.ssl_mode == "require"
    assert url.render() == "postgresql://role@example.org/db?sslmode=require"


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
)
HOSTS = st.sampled_from(
    [DIRECT, POOLED, "localhost", "10.0.0.1", "::1", "2001:db8::7", "EP-A-1.eu.aws.neon.tech", None]
)
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "sslmode": st.sampled_from(["disable", "prefer", "require", "verify-ca", "verify-full"]),
        "channel_binding": st.sampled_from(["require", "prefer"]),
        "application_name": TEXT,
        "options": TEXT,
        "connect_timeout": st.integers(0, 999).map(str),
        "host": TEXT.map(lambda text: "/" + text.replace(",", "")),
        "keepalives": st.just("1"),
    },
)


@settings(max_examples=200, deadline=None)
@given(TEXT, st.none() | TEXT, HOSTS, st.none() | st.integers(1, 65535), TEXT, QUERIES)
def test_nothing_is_lost_between_parsing_and_rendering(
    user: str,
    password: str | None,
    host: str | None,
    port: int | None,
    database: str,
    query: dict[str, str],
) -> None:
    parts = URL.create("postgresql", user, password, host, port, database, query)
    url = DatabaseURL.parse(DatabaseURL(parts).render())
    assert url.parts == DatabaseURL(parts).parts
    # Another reader of URLs, for whom "+" is no space, as for libpq.
    split = urlsplit(url.render())
    assert unquote(split.username or "") == user
    assert split.password is None if password is None else unquote(split.password or "") == password
    assert unquote(split.path) == f"/{database}"
    assert "+" not in split.query
    assert dict(parse_qsl(split.query)) == query
    assert url.host == query.get("host", (host or "localhost").lower())
    sent = url.sqlalchemy
    assert (sent.username, sent.password) == (user, password)
    assert (sent.host or sent.query.get("host", "localhost")) == url.host
    assert (sent.port, sent.database) == (port, database)
    for other in (url.direct(), url.pooled()):
        assert other.parts.set(host=url.parts.host, query=url.parts.query) == url.parts


@given(st.text("pässword%/@:+ &=", min_size=8))
def test_no_password_shows(secret: str) -> None:
    url = DatabaseURL(URL.create("postgresql", "role", f"<{secret}>", "h", database="db"))
    assert str(url) == "postgresql://role:***@h/db"
    assert repr(url) == f"DatabaseURL({url})"


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
    tls = tls_argument(url)
    assert isinstance(tls, ssl.SSLContext)
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert tls_argument(url.pooled()) is tls, "the roots are read once"


@pytest.mark.parametrize(("mode", "verify_mode"), [("require", ssl.CERT_NONE), ("disable", None)])
def test_tls_to_neon_is_weakened_only_where_a_setting_asks_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture, mode: str, verify_mode: ssl.VerifyMode | None
) -> None:
    url = DatabaseURL.parse(f"postgresql://role:{SECRET}@{DIRECT}/db?sslmode={mode}")
    warn_of_weak_tls(url)
    assert not caplog.records
    warn_of_weak_tls(url, "url")
    assert DIRECT in caplog.text
    assert SECRET not in caplog.text
    tls = tls_argument(url, "url")
    assert (tls.verify_mode if isinstance(tls, ssl.SSLContext) else None) == verify_mode
    unsaid = DatabaseURL.parse(f"postgresql://role@{DIRECT}/db")
    assert tls_argument(unsaid, "url") is tls_argument(unsaid), "no sslmode weakens nothing"


def test_weak_tls_to_another_host_is_told() -> None:
    def weakness(rest: str) -> str | None:
        return tls_weakness(DatabaseURL.parse(f"postgresql://role@{rest}"))

    assert weakness("example.org/db") == "sslmode=prefer lets the network switch TLS off"
    assert weakness("example.org/db?sslmode=disable") == "TLS is off"
    assert "is not verified" in (weakness("example.org/db?sslmode=require") or "")
    assert "host name is not" in (weakness("example.org/db?sslmode=verify-ca") or "")
    assert weakness("example.org/db?sslmode=verify-full") is None
    assert weakness("localhost/db") is None
    assert weakness("/db?host=/run") is None


def test_tls_to_other_hosts_follows_the_url() -> None:
    def tls(mode: str) -> ssl.SSLContext | str | bool:
        return tls_argument(DatabaseURL.parse(f"postgresql://role@example.org/db?sslmode={mode}"))

    assert tls("disable") is False
    assert (tls("allow"), tls("prefer")) == ("allow", "prefer")
    encrypted, authority, full = tls("require"), tls("verify-ca"), tls("verify-full")
    assert isinstance(encrypted, ssl.SSLContext)
    assert isinstance(authority, ssl.SSLContext)
    assert isinstance(full, ssl.SSLContext)
    assert encrypted.verify_mode == ssl.CERT_NONE
    assert (authority.verify_mode, authority.check_hostname) == (ssl.CERT_REQUIRED, False)
    assert (full.verify_mode, full.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_file_of_roots_makes_require_verify_as_in_libpq(tmp_path: Path) -> None:
    roots = tmp_path / "root.crt"
    trustme.CA().cert_pem.write_to_path(str(roots))
    url = DatabaseURL.parse(f"postgresql://role@h/db?sslmode=require&sslrootcert={roots}")
    tls = tls_argument(url)
    assert isinstance(tls, ssl.SSLContext)
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, False)
    assert len(tls.get_ca_certs()) == 1, "the system's roots are not trusted beside it"


def test_percent_escapes_and_unix_sockets_survive(tmp_path: Path) -> None:
    url = DatabaseURL.parse("postgresql://ro%40le:p%25%2F%3A@/db?host=/var/run/x&port=5433")
    assert (url.parts.username, url.parts.password) == ("ro@le", "p%/:")
    assert url.is_unix_socket
    assert url.host == "/var/run/x"
    assert DatabaseURL.parse(url.render()) == url


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("postgresql://r@EP-A-1.EU.aws.Neon.Tech./db", "ep-a-1.eu.aws.neon.tech", 5432),
        (
            "postgresql://r@harmless/db?host=ep-a-1.eu.aws.neon.tech",
            "ep-a-1.eu.aws.neon.tech",
            5432,
        ),
        ("postgresql://r@ep-a-1.eu.aws.neon.tech/db?host=other", "other", 5432),
        ("postgresql://r@localhost/db?host=/cloudsql/p:r:i", "/cloudsql/p:r:i", 5432),
        ("postgresql://r@%2Frun%2Fpg/db", "/run/pg", 5432),
        ("postgresql://r@h/db?port=6000", "h", 6000),
        ("postgresql://r@h:1/db?port=6000", "h", 6000),
        ("postgresql://r@h:6000/db", "h", 6000),
        ("postgresql:///db?host=/run/pg&port=6000", "/run/pg", 6000),
    ],
)
def test_host_and_port_are_the_ones_that_are_connected_to(text: str, host: str, port: int) -> None:
    url = DatabaseURL.parse(text)
    arguments = url.connect_args
    assert (url.host, url.port) == (arguments["host"], arguments["port"]) == (host, port)
    dialect = url.sqlalchemy.get_dialect()()
    _, sent = dialect.create_connect_args(url.sqlalchemy)
    assert sent["host"] == host
    assert sent.get("port", 5432) == port
    assert DatabaseURL.parse(url.render()) == url
    is_neons = host.endswith("neon.tech")
    assert url.is_neon == is_neons
    tls = tls_argument(url)
    assert isinstance(tls, ssl.SSLContext) == is_neons, "verification follows the host"


@pytest.mark.parametrize(
    ("address", "is_pooled"),
    [
        ("aws-0-eu-west-1.pooler.supabase.com:6543", True),
        ("aws-0-eu-west-1.pooler.supabase.com:5432", False),  # pools sessions, not transactions
        ("db.abc.supabase.co:6543", True),
        ("db.example.org:6432", True),
        ("db.example.org", False),
    ],
)
def test_a_pooler_of_another_provider_is_known_by_its_port(address: str, is_pooled: bool) -> None:
    assert DatabaseURL.parse(f"postgresql://role@{address}/db").is_pooled == is_pooled
    by_query = address.rpartition(":")[2]
    if by_query.isdecimal():
        host = address.partition(":")[0]
        text = f"postgresql://role@{host}/db?port={by_query}"
        assert DatabaseURL.parse(text).is_pooled == is_pooled
    declared = DatabaseURL.parse(f"postgresql://role@{address}/db?pgbouncer=false")
    assert not declared.is_pooled


def test_a_parameter_may_hold_what_a_password_must_escape() -> None:
    url = DatabaseURL.parse("postgresql:///db?host=/run/a@b/c@d")
    assert url.host == "/run/a@b/c@d"


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
        (f"postgresql://role@{DIRECT}/db?password={SECRET}", "has password, which is not used"),
        (f"postgresql://role:a@{SECRET}/b@{DIRECT}/db", 'has more than one "@"'),
        (f"postgresql://role:a@b#/{SECRET}@{DIRECT}/db", 'has more than one "@"'),
        (f"postgresql://role:{SECRET}@{DIRECT}/db?sslcert=c.pem", "has sslcert"),
        (f"postgresql://role:{SECRET}@{DIRECT}/db?statement_cache_size=0", "statement_cache_size"),
        (f"postgresql://role:{SECRET}@a,b/db", "names several hosts"),
        (f"postgresql://role:{SECRET}@/db?host=a&host=b", "names several hosts"),
        (f"postgresql://role:{SECRET}@/db?host=/run&port=zero", "has port zero"),
        (f"postgresql://role:{SECRET}@a/db?pgbouncer=yes", "pgbouncer=yes"),
        (f"postgresql://role:{SECRET}@a/db?target_session_attrs=x", "target_session_attrs=x"),
        ("", "is not a database URL"),
        (f"postgresql:///role:{SECRET}@{DIRECT}/db", 'an "@" behind its host'),
        (f"postgresql://{DIRECT}/role:{SECRET}@db", 'an "@" behind its host'),
        (f"{SECRET}://{DIRECT}/db", "begins with another scheme"),
        (f"postgresql://role:a@{DIRECT}/db?1{SECRET}=x", "one that is no word"),
        (f"postgresql://npg_{SECRET}@{DIRECT}/db", "a password or a key in the place of a role"),
    ],
)
def test_what_is_wrong_is_named_without_the_password(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        DatabaseURL.parse(text, "MY_URL")
    assert message in str(refused.value)
    assert refused.value.hint
    assert SECRET not in str(refused.value)
