"""The environment of PostgreSQL's programs, without what would lead them to another database."""

import os


def environment_without_pg() -> dict[str, str]:
    """Return the environment without libpq's variables, PGPORT and PGSERVICE among them.

    The URL alone says which database is meant.
    https://www.postgresql.org/docs/current/libpq-envars.html
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
