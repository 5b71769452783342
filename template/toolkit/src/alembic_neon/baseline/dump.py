"""The schema of a live database as SQL, from PostgreSQL's own pg_dump."""

from typing import Final

from ..branches.client_programs import find_program, run_program
from ..engine.url import DatabaseURL
from ..engine.version_table import version_table
from ..errors import MigrationError

# What is Neon's own in each of its databases.
NEON_SCHEMAS: Final = ("neon", "neon_auth", "neon_migration")
_OPTIONS: Final = (
    "--schema-only",
    "--no-owner",
    "--no-privileges",
    "--no-security-labels",
    "--no-tablespaces",
    "--no-subscriptions",  # they hold passwords
    *(f"--exclude-schema={schema}" for schema in NEON_SCHEMAS),
)


async def dump_schema(url: DatabaseURL, server_version: int) -> str:
    """Return the SQL that makes the schema of a database, without the version table.

    `server_version` is the server's major version; pg_dump has to be of that or a newer one.

    Raises:
        ConfigurationError: there is no such pg_dump.
        MigrationError: pg_dump failed.
    """
    program = find_program("pg_dump", server_version)
    try:
        return await run_program(url, program, *_OPTIONS, *_without_own_tables())
    except MigrationError as error:
        raise MigrationError(f"The schema could not be read: {error.message}", error.hint) from None


def _without_own_tables() -> list[str]:
    """Return the options of pg_dump that leave out the toolkit's tables, by its patterns.

    Quotes keep all in a pattern as it is.
    """
    names, schema = version_table().parameters
    return [f"--exclude-table={_pattern(schema) if schema else '*'}.{_pattern(n)}" for n in names]


def _pattern(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
