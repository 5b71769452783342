"""The rules over the Python file of a revision."""

import ast
import enum
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

from alembic.script import Script
from sqlalchemy import MetaData, Table

from ..alembic_internals import VERSION_NUM_LENGTH
from .statement_rules import Violation

_NOT_THE_PROJECTS: Final = ("site-packages", "dist-packages")


def model_imports(tree: ast.Module, script: Script, root: Path) -> Iterator[Violation]:
    """Find imports of the project's models, which change when the revision must not.

    Functions, and types of columns, are no models: a history of others' has many, and they work.
    """
    path = Path(script.path)
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(level=0, module=str(module), names=names):
                imported = [(module, alias.name) for alias in names]
            case ast.Import(names=names):
                imported = [(alias.name, "*") for alias in names]
            case _:
                continue
        for module, name in imported:
            if _is_own(module.partition(".")[0], path, root) and _has_models(module, name):
                yield Violation(
                    "model-import", node.lineno, f"Imports {module}, which changes later."
                )
                break


def _has_models(module: str, name: str) -> bool:
    """Tell whether what is imported is a model, or a module with models in it.

    The revision has been loaded, and with it whatever it imports at its beginning; an import in a
    function may not have been, and counts as one of models.
    """
    loaded = sys.modules.get(module)
    if loaded is None:
        return True
    found = loaded if name == "*" else getattr(loaded, name, sys.modules.get(f"{module}.{name}"))
    if isinstance(found, ModuleType):
        return any(_is_model(value) for value in vars(found).values())
    return found is None or _is_model(found)


def _is_model(value: object) -> bool:
    """Tell whether it is a table, a metadata, a mapped class, or the values of a column."""
    if isinstance(value, (Table, MetaData)):
        return True
    if not isinstance(value, type):
        return False
    is_values = issubclass(value, enum.Enum) and value.__module__.partition(".")[0] != "enum"
    return is_values or isinstance(getattr(value, "metadata", None), MetaData)


def _is_own(package: str, path: Path, root: Path) -> bool:
    """Tell whether a package is the project's: in its folder, or the one that holds `path`."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return False
    places = [] if spec is None else [*(spec.submodule_search_locations or ())]
    if spec is not None and not places and spec.origin is not None:
        places = [spec.origin]
    for place in map(Path, places):
        foreign = any(part in _NOT_THE_PROJECTS for part in place.parts)
        if path.is_relative_to(place) or (place.is_relative_to(root) and not foreign):
            return True
    return False


def long_revision_id(tree: ast.Module, script: Script) -> Iterator[Violation]:
    """Find an id that does not fit into the version table that Alembic makes."""
    if len(script.revision) > VERSION_NUM_LENGTH:
        named = (
            node.lineno
            for node in tree.body
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and "revision" in _targets(node)
        )
        message = f"The revision's id has {len(script.revision)} characters."
        yield Violation("long-revision-id", next(named, 1), message)


def missing_downgrade(tree: ast.Module) -> Iterator[Violation]:
    """Find a downgrade that does nothing for an upgrade that does something, and no reason why."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    upgrade, downgrade = functions.get("upgrade"), functions.get("downgrade")
    if upgrade is None or not _does_something(upgrade):
        return
    if downgrade is not None and _does_something(downgrade):
        return
    names = {
        name
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for name in _targets(node)
    }
    if "irreversible" not in names:
        line = (downgrade or upgrade).lineno
        yield Violation(
            "no-downgrade", line, "The downgrade does nothing, and the file does not say why."
        )


def _targets(node: ast.Assign | ast.AnnAssign) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _does_something(function: ast.FunctionDef) -> bool:
    return any(
        not isinstance(node, ast.Pass)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in function.body
    )
