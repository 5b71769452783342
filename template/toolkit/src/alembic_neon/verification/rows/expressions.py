"""Expressions, as `pg_get_expr` writes them, taken apart."""

import re


def conjuncts(expression: str) -> list[str]:
    """Return the conditions that `AND` joins in an expression, in any number of parentheses.

    PostgreSQL writes parentheses around every AND that is not the outermost one. Before a CASE it
    breaks the line, so that the condition before it stays with it, as it may guard it.
    """
    expression = _without_parentheses(expression.strip())
    parts, depth, start, quote = [], 0, 0, ""
    for at, sign in enumerate(expression):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "([":
            depth += 1
        elif sign in ")]":
            depth -= 1
        elif depth == 0 and expression.startswith(" AND ", at):
            parts.append(expression[start:at])
            start = at + len(" AND ")
    if not parts:
        return [expression]
    return [each for part in [*parts, expression[start:]] for each in conjuncts(part)]


def mentions(expression: str, name: str) -> bool:
    """Whether an expression names a column, or has a text that looks like its name."""
    written = re.escape(name.replace('"', '""'))
    return re.search(rf"(?<!\w){written}(?!\w)", expression) is not None


def _without_parentheses(expression: str) -> str:
    """Take off parentheses around the whole."""
    while expression.startswith("(") and _end(expression) == len(expression) - 1:
        expression = expression[1:-1].strip()
    return expression


def _end(expression: str) -> int:
    """Return where the parenthesis that the expression begins with is closed."""
    depth, quote = 0, ""
    for at, sign in enumerate(expression):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "()":
            depth += 1 if sign == "(" else -1
            if depth == 0:
                return at
    return -1
