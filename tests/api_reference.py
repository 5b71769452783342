"""Writes docs/api.md from the public docstrings: `uv run python tests/api_reference.py`."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs/api.md"

if __name__ == "__main__":  # pytest has its own way to the toolkit
    sys.path.append(str(ROOT / "template/toolkit/src"))

# ruff: noqa: E402 - what follows is found only now
import alembic_neon
from alembic_neon import pytest_plugin, testing

_HEAD: Final = """# Python API

<!-- Written by `uv run python tests/api_reference.py` from the docstrings; change them there. -->

What an application imports from `alembic_neon`. Importing it, and using any of these names, imports
neither Alembic nor the command line, and works on Windows with a `DATABASE_URL`.

## What may change

Public are the names on this page, `alembic_neon.testing`, the fixtures and options of the pytest
plugin, the commands with their options and exit codes, and the keys of their `--json`, as the
[reference](reference.md) has them; and the settings, the keys of `[tool.db]`, the variables of a
revision file. Of these, within one minor version (0.3.x), nothing is renamed, removed or given
another meaning; names, options and JSON keys may be added. A later minor version may do so: the
changelog says it, and the old name works for one more minor version where that can be done.

Everything else may change at any time: every other module, also where it can be imported, names
that begin with an underscore, the texts of messages, the names of loggers, and the layout of
`.neon-local/`.
"""

_KINDS: Final = ("Functions", "Classes", "Errors", "Constants")


def page() -> str:
    """Return the whole page."""
    groups: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for name in sorted(alembic_neon.__all__, key=str.lower):
        value = getattr(alembic_neon, name)
        groups[_kind(value)].append("\n".join(_entry(name, value)))
    parts = [_HEAD, *(f"## {kind}\n\n" + "\n".join(groups[kind]) for kind in _KINDS)]
    parts.append(f"## `alembic_neon.testing`\n\n{_prose(inspect.getdoc(testing) or '')}\n")
    parts.append("## Fixtures of the pytest plugin\n\n" + "\n".join(_fixtures()) + "\n")
    return "\n".join(parts)


def _kind(value: Any) -> str:
    if inspect.isclass(value):
        return "Errors" if issubclass(value, Exception) else "Classes"
    return "Functions" if callable(value) else "Constants"


def _entry(name: str, value: Any) -> Iterator[str]:
    yield f"### `{name}`\n"
    if _kind(value) == "Functions":
        yield f"```python\n{_signature(value)}\n```\n"
    text = _comment(name) if _kind(value) == "Constants" else inspect.getdoc(value)
    assert text, f"{name} has no docstring"
    yield _prose(text) + "\n"


def _signature(function: Any) -> str:
    """Return a function's head as it stands in the code, without its decorators."""
    lines = inspect.getsource(inspect.unwrap(function)).splitlines()
    begin = next(number for number, line in enumerate(lines) if re.match(r"(async )?def ", line))
    end = next(number for number, line in enumerate(lines) if number >= begin and line[-1] == ":")
    head = "\n".join(lines[begin : end + 1]).removesuffix(":")
    if "@asynccontextmanager" not in lines[:begin]:
        return head
    call, _, given = head.removeprefix("async def ").partition(" -> AsyncIterator[")
    return f"async with {call} as value:  # {given.removesuffix(']')}"


def _prose(docstring: str) -> str:
    """Write a docstring as Markdown: what is raised becomes a list."""
    text, _, raised = docstring.partition("\nRaises:\n")
    if not raised:
        return text.strip()
    items = re.split(r"\n(?=    \S)", raised.rstrip())
    lines = [" ".join(item.split()) for item in items]
    listed = [re.sub(r"^([\w, ]+): ", r"- `\1`: ", line) for line in lines]
    return f"{text.strip()}\n\nRaises:\n\n" + "\n".join(listed)


def _comment(name: str) -> str:
    """Return the comment above a constant."""
    module = import_module(f"alembic_neon.{alembic_neon._MODULES[name]}")
    lines = inspect.getsource(module).splitlines()
    end = next(number for number, line in enumerate(lines) if line.startswith(f"{name}:"))
    begin = end
    while lines[begin - 1].startswith("#"):
        begin -= 1
    return "\n".join(line.removeprefix("#").strip() for line in lines[begin:end])


def _fixtures() -> Iterator[str]:
    tree = ast.parse(inspect.getsource(pytest_plugin))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(
            ast.unparse(each).startswith("pytest.fixture") for each in node.decorator_list
        ):
            sentence = (ast.get_docstring(node) or "").partition("\n\n")[0]
            yield f"- `{node.name}`: {' '.join(sentence.split())}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
