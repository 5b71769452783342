"""Alembic's version table: what it is called and where it lies. Whoever reads past it asks here."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from sqlalchemy import MetaData, Table

from ..errors import ConfigurationError
from ..project import project_root, setting_source, tool_settings
from .sqlalchemy_internals import dialect

# What the toolkit notes beside the version table, in its schema: each applied revision with those
# that it builds on, so that an older release can tell a newer database from another one's.
REVISIONS_TABLE: Final = "alembic_neon_revisions"
_NAME_BYTES: Final = 63


@dataclass(frozen=True)
class VersionTable:
    """The table's name, and its schema where that is named; else the search path decides."""

    name: str = "alembic_version"
    schema: str | None = None

    @property
    def parameters(self) -> tuple[list[str], str | None]:
        """What a query that leaves the toolkit's tables out takes: names, and schema or None."""
        return [self.name, REVISIONS_TABLE], self.schema

    @cached_property
    def quoted(self) -> str:
        """The name as SQLAlchemy writes it into SQL, with its schema if it has one."""
        return self._quoted(self.name)

    @cached_property
    def revisions_quoted(self) -> str:
        """The name of the table of applied revisions, in the same way."""
        return self._quoted(REVISIONS_TABLE)

    def _quoted(self, name: str) -> str:
        table = Table(name, MetaData(), schema=self.schema)
        return dialect().identifier_preparer.format_table(table)


def version_table() -> VersionTable:
    """Return what `[tool.db] version_table` and `version_table_schema` say.

    Raises:
        ConfigurationError: a value is no name.
    """
    try:
        _ = project_root()
    except ConfigurationError:  # an installed application without its project folder
        return VersionTable()
    settings = tool_settings()
    return VersionTable(
        _named(settings, "version_table", "a table") or VersionTable.name,
        _named(settings, "version_table_schema", "a schema"),
    )


def _named(settings: dict[str, Any], key: str, what: str) -> str | None:
    value = settings.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        raise ConfigurationError(
            f"[tool.db] {key} in {setting_source(key)} is {value!r}.",
            f"It takes the name of {what}.",
        )
    if value is not None and len(value.encode()) > _NAME_BYTES:
        # PostgreSQL would cut it, and Alembic would not find it again.
        raise ConfigurationError(
            f"[tool.db] {key} in {setting_source(key)} has {len(value.encode())} bytes.",
            f"PostgreSQL's names have at most {_NAME_BYTES}: give a shorter one.",
        )
    return value
