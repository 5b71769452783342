"""The reference says what the code says, of everything that the code has."""

import ast
from pathlib import Path

import reference
from alembic_neon import project
from alembic_neon.migration.history import markers
from alembic_neon.rehearsal.thresholds import Thresholds
from rendering import TOOLKIT_PARENT

TOOLKIT = TOOLKIT_PARENT / "alembic_neon"


def test_the_reference_is_current() -> None:
    assert reference.PAGE.read_text() == reference.page(), "run: uv run python tests/reference.py"


def test_every_key_that_the_toolkit_reads_is_described() -> None:
    """What is asked of `tool_settings()` by name, in the call itself or of a variable of it."""
    keys = {key for path in TOOLKIT.rglob("*.py") for key in _keys_read(path)}
    assert keys == set(reference.described(project.tool_settings))


def test_every_threshold_is_described() -> None:
    names = set(Thresholds.__dataclass_fields__)
    assert set(reference.described(Thresholds)) == names


def test_every_variable_of_a_revision_is_described() -> None:
    """What is asked of a revision's module: Alembic's own names, and those that we describe."""
    asked = {name for path in TOOLKIT.rglob("*.py") for name in _variables_read(path)}
    own = asked - {"upgrade", "downgrade"}
    assert own == set(reference.described(markers.revision_marker))


def _keys_read(path: Path) -> list[str]:
    source = path.read_text()
    if "tool_settings()" not in source:
        return []
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            function, first = ast.unparse(node.func), ast.unparse(node.args[0])
            if function in ("tool_settings().get", "settings.get") and first[0] in "'\"":
                found.append(ast.literal_eval(node.args[0]))
            elif first in ("tool_settings()", "settings") and len(node.args) > 1:
                found += [
                    str(each.value) for each in node.args[1:2] if isinstance(each, ast.Constant)
                ]
    return found


def _variables_read(path: Path) -> list[str]:
    """Names in `getattr(script.module, "…", None)` and in `revision_marker(script, "…")`."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            is_ours = node.func.id == "revision_marker"
            is_module = node.func.id == "getattr" and ast.unparse(node.args[0]).endswith(".module")
            if (is_ours or is_module) and isinstance(node.args[1], ast.Constant):
                found.append(str(node.args[1].value))
    return found
