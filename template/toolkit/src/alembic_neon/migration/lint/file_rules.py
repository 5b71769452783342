"""The rules over the Python file of a revision."""

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .statement_rules import Violation

_NOT_THE_PROJECTS: Final = ("site-packages", "dist-packages")


def model_imports(tree: ast.Module, path: Path, root: Path) -> Iterator[Violation]:
    """Find imports of the project's own code, which changes when the revision must not."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(level=0, module=str(module)):
                modules = [module]
            case ast.ImportFrom(level=level, module=module) if level:
                modules = ["." * level + (module or "")]
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case _:
                continue
        for module in modules:
            if module.startswith(".") or _is_own(module.partition(".")[0], path, root):
                yield "model-import", node.lineno, f"Imports {module}, which changes later."


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


def missing_downgrade(tree: ast.Module) -> Iterator[Violation]:
    """Find a downgrade that does nothing for an upgrade that does something, and no reason why."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    upgrade, downgrade = functions.get("upgrade"), functions.get("downgrade")
    if upgrade is None or not _does_something(upgrade):
        return
    if downgrade is not None and _does_something(downgrade):
        return
    names = {
        target.id
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    if "irreversible" not in names:
        line = (downgrade or upgrade).lineno
        yield "no-downgrade", line, "The downgrade does nothing, and the file does not say why."


def _does_something(function: ast.FunctionDef) -> bool:
    return any(
        not isinstance(node, ast.Pass)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in function.body
    )
