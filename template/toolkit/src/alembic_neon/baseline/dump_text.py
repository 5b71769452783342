"""Takes pg_dump's text apart: the objects, each with its name and its statements."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..engine.sql_scan import split_statements
from ..engine.version_table import version_table

# Each object begins so; what pg_dump writes there has no line breaks.
_HEADER: Final = re.compile(
    r"^--\n-- Name: (?P<name>.*); Type: (?P<kind>[^;\n]*); Schema: (?P<schema>.*); Owner: .*\n--\n",
    re.MULTILINE,
)
# What stands for the next object, or for psql, after the last statement of one.
_TRAILER: Final = re.compile(
    r"(\s*^(SET default_\w+ = [^\n]*;|\\unrestrict [^\n]*|--[^\n]*)$)+\s*\Z", re.MULTILINE
)
# User mappings hold passwords.
_LEFT_OUT: Final = {"USER MAPPING", "ENCODING", "STDSTRINGS", "SEARCHPATH"}
_EXTENSIONS: Final = {"plpgsql", "neon"}  # in every database of Neon's already


@dataclass(frozen=True)
class DumpedObject:
    """An object of the schema: what it is, as one line, and the statements that make it."""

    name: str
    statements: tuple[str, ...]


def parse_dump(text: str) -> Iterator[DumpedObject]:
    """Yield the objects in the order in which they are made, without what every database has."""
    headers = list(_HEADER.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    for header, end in zip(headers, ends, strict=False):
        kind, name, schema = header["kind"], header["name"], header["schema"]
        if kind in _LEFT_OUT or _is_everywhere(kind, name):
            continue
        body = _TRAILER.sub("", text[header.end() : end]).strip()
        statements = tuple(_schema_may_exist(kind, name, part) for part in split_statements(body))
        if statements:
            place = name if schema == "-" else f"{schema}.{name}"
            yield DumpedObject(f"{kind.lower()} {place}", statements)


def _is_everywhere(kind: str, name: str) -> bool:
    if kind == "SCHEMA":
        return name == "public"
    extension = name.removeprefix("EXTENSION ").strip('"')
    return (kind == "EXTENSION" and name in _EXTENSIONS) or (
        kind == "COMMENT" and name.startswith("EXTENSION ") and extension in _EXTENSIONS
    )


def _schema_may_exist(kind: str, name: str, statement: str) -> str:
    """Let the schema of the version table be there: the runner makes it before any revision."""
    if kind == "SCHEMA" and name == version_table().schema:
        return statement.replace("CREATE SCHEMA ", "CREATE SCHEMA IF NOT EXISTS ", 1)
    return statement
