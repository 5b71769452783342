"""The parameters of database URLs: those that are understood, left out, and refused by name."""

from typing import Final

_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TARGETS: Final = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")

# What something is made of.
SUPPORTED_PARAMETERS: Final = frozenset(
    {"sslmode", "ssl", "sslrootcert", "host", "port", "options", "application_name"}
    | {"connect_timeout", "target_session_attrs", "pgbouncer"}
)

# libpq's that change nothing which is promised here: a socket's keepalive, how libpq would
# negotiate. They stay in the URL, for the programs that it is handed to. `channel_binding` is among
# them as asyncpg has none; that TLS is verified in full guards against the same attacker.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
IGNORED: Final = frozenset(
    {"channel_binding", "sslnegotiation", "sslsni", "sslcompression", "gssencmode"}
    | {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"}
    | {"tcp_user_timeout", "fallback_application_name", "client_encoding", "load_balance_hosts"}
)

_FROM_URL: Final = "Write it into the URL: postgresql://user:password@host/database."
_NO_CLIENT_CERTIFICATE: Final = "Remove it: Neon takes a password, no client's certificate."
_OWN_CACHE: Final = "Remove it: the statement caches follow the endpoint, pooled or direct."

# What would be lost without a word if it were left out, and what to do instead.
REJECTED_HINTS: Final = {
    "user": _FROM_URL,
    "password": _FROM_URL,
    "dbname": _FROM_URL,
    "hostaddr": "Write the address as the host.",
    "passfile": "Write the password into the URL.",
    "service": "Write what the service file says into the URL.",
    "sslcert": _NO_CLIENT_CERTIFICATE,
    "sslkey": _NO_CLIENT_CERTIFICATE,
    "sslpassword": _NO_CLIENT_CERTIFICATE,
    "sslcrl": "Remove it: revocation lists are not read.",
    "sslcrldir": "Remove it: revocation lists are not read.",
    "require_auth": "Remove it: sslmode=verify-full makes sure of the server.",
    "schema": "Use options=-c%20search_path%3DNAME, or name the schema in the models.",
    "search_path": "Use options=-c%20search_path%3DNAME.",
    "connection_limit": "Set DB_POOL_SIZE.",
    "pool_timeout": "Set DB_POOL_TIMEOUT.",
    "command_timeout": "Set DB_COMMAND_TIMEOUT.",
    "timeout": "Use connect_timeout, or set DB_CONNECT_TIMEOUT.",
    "statement_cache_size": _OWN_CACHE,
    "prepared_statement_cache_size": _OWN_CACHE,
    "prepared_statement_name_func": _OWN_CACHE,
}

# A pattern for the values, and what an error says of them.
VALUES: Final = {
    "sslmode": ("|".join(_SSL_MODES), "one of " + ", ".join(_SSL_MODES)),
    "ssl": ("|".join((*_SSL_MODES, "true", "false")), "one of " + ", ".join(_SSL_MODES)),
    "target_session_attrs": ("|".join(_TARGETS), "one of " + ", ".join(_TARGETS)),
    "connect_timeout": (r"[0-9]{1,6}", "a number of seconds"),
    "pgbouncer": ("true|false", "true or false"),
}
