"""Models that nothing imports: autogenerate would drop their tables, as no metadata has them."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import MetaData

from ..lint.findings import Finding
from ..lint.rules import CHECK_RULES

# Folders beside the project's packages that are none of them.
_NO_PACKAGES: Final = ("migrations", "src", "tests", "toolkit")


def unregistered_models(root: Path, metadata: Iterable[MetaData]) -> list[Finding]:
    """Find models in the project's packages whose tables the metadata does not have.

    Models lie in a `models.py` or below a folder `models`, anywhere in the packages below `src/` or
    in the project's folder. Such a file is one that nothing imports, and autogenerate
    would drop its table. Nothing is imported here: a table's name is read where it is written, as
    `__tablename__ = "…"`, as `Table("…", …)`, or from a class's name with SQLModel's `table=True`.
    """
    registered = {table.name for each in metadata for table in each.tables.values()}
    known = CHECK_RULES["unregistered-model"]
    findings = []
    for path in _model_files(root):
        for name, line in _tables(_tree(path)):
            if name not in registered:
                findings.append(
                    Finding(
                        "unregistered-model",
                        known.severity or "error",
                        f"Table {name} is not in the metadata: nothing imports this model.",
                        file=str(path.relative_to(root)),
                        line=line,
                        hint=known.hint,
                    )
                )
    return findings


def _model_files(root: Path) -> list[Path]:
    flat = {path.parent for path in root.glob("*/__init__.py")}
    packages = {*(root / "src").glob("*/"), *flat} - {root / name for name in _NO_PACKAGES}
    return sorted(
        {
            path
            for package in packages
            for path in package.rglob("*.py")
            if path.name == "models.py" or "models" in path.relative_to(package.parent).parts[:-1]
        }
    )


def _tree(path: Path) -> ast.Module:
    """Return what a file holds; nothing where it is not Python, as nobody imports it."""
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return ast.Module([], [])


def _tables(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name, body=body, keywords=keywords):
                written = [found for each in body if (found := _table_name(each)) is not None]
                if written:
                    yield written[0], node.lineno
                elif any(each.arg == "table" and _is_true(each.value) for each in keywords):
                    yield name.lower(), node.lineno
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), _, *_]):
                if ast.unparse(function).rpartition(".")[2] == "Table":
                    yield name, node.lineno
            case _:
                pass


def _table_name(statement: ast.stmt) -> str | None:
    """Return the name in `__tablename__ = "…"`, with or without an annotation."""
    match statement:
        case ast.Assign(targets=[target], value=ast.Constant(value=str(name))):
            pass
        case ast.AnnAssign(target=target, value=ast.Constant(value=str(name))):
            pass
        case _:
            return None
    return name if isinstance(target, ast.Name) and target.id == "__tablename__" else None


def _is_true(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is True
