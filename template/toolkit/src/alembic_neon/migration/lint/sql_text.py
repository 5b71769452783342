"""What can be told of a statement from its words alone, exactly, without parsing it.

Comments, literals and everything in parentheses are cut out first, so that a WHERE of a subquery is
not taken for the statement's own. A parser would refuse what it does not know; this never does.
"""

import re
from typing import Final

_OPAQUE: Final = re.compile(
    r"""(?P<comment>--[^\n]* | /\*.*?\*/) | (?P<tag>\$\w*\$).*?(?P=tag) | '(?:[^']|'')*'""",
    re.DOTALL | re.VERBOSE,
)
_NAME: Final = r'(?:"(?:[^"]|"")+"|\w+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|\w+))?'
_CREATED: Final = re.compile(
    rf"CREATE\s+(?:(?:GLOBAL|LOCAL|TEMP|TEMPORARY|UNLOGGED)\s+)*TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?({_NAME})",
    re.IGNORECASE,
)
_DROPPED: Final = re.compile(
    rf"DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?({_NAME}(?:\s*,\s*{_NAME})*)", re.IGNORECASE
)
_WRITTEN: Final = re.compile(
    rf"\b(UPDATE|DELETE\s+FROM|INSERT\s+INTO|MERGE\s+INTO)\s+(?:ONLY\s+)?({_NAME})", re.IGNORECASE
)
_DDL: Final = re.compile(r"(CREATE|ALTER|DROP|TRUNCATE|REINDEX|CLUSTER)\b", re.IGNORECASE)
_CONCURRENTLY: Final = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)


def masked(sql: str) -> str:
    """Return `sql` without comments, literals and whatever is inside parentheses."""
    text = _OPAQUE.sub(lambda found: " " if found["comment"] else "''", sql)
    while True:
        outer = re.sub(r"\([^()]*\)", " ", text)
        if outer == text:
            return text.strip()
        text = outer


def created_table(sql: str) -> str | None:
    """Return the name of the table that a CREATE TABLE makes."""
    match = _CREATED.match(masked(sql))
    return plain_name(match[1]) if match else None


def dropped_tables(sql: str) -> list[str]:
    """Return the names of the tables that a DROP TABLE drops."""
    match = _DROPPED.match(masked(sql))
    return [plain_name(name) for name in match[1].split(",")] if match else []


def written_table(sql: str) -> tuple[str, str] | None:
    """Return the verb and the table of a statement that writes rows."""
    text = masked(sql)
    if _DDL.match(text) or text.upper().startswith(("COMMENT", "GRANT", "REVOKE", "SET", "DO")):
        return None
    match = _WRITTEN.search(text)
    return (match[1].split()[0].upper(), plain_name(match[2])) if match else None


def writes_whole_table(sql: str) -> bool:
    """Tell whether it is an UPDATE or a DELETE without a WHERE of its own."""
    written = written_table(sql)
    return (
        written is not None
        and written[0] in ("UPDATE", "DELETE")
        and re.search(r"\bWHERE\b", masked(sql), re.IGNORECASE) is None
    )


def is_ddl(sql: str) -> bool:
    """Tell whether it changes the schema."""
    return _DDL.match(masked(sql)) is not None


def is_concurrent(sql: str) -> bool:
    """Tell whether it builds, drops, reindexes or detaches concurrently."""
    text = masked(sql)
    return _DDL.match(text) is not None and _CONCURRENTLY.search(text) is not None


def is_do_block(sql: str) -> bool:
    """Tell whether it is code in a procedural language."""
    return re.match(r"DO\b", masked(sql), re.IGNORECASE) is not None


def plain_name(name: str) -> str:
    """Return a table's name as it is compared: without quotes and spaces."""
    return re.sub(r'["\s]', "", name)
