"""A statement as one line, for messages, tables and reports."""


def shortened(sql: str, length: int = 80) -> str:
    """Return a statement on one line, cut to `length` characters."""
    line = " ".join(sql.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
