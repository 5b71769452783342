"""Functions fit on a screen, take few parameters, and modules stay short."""

import ast
from collections.abc import Iterator
from pathlib import Path

from rendering import TOOLKIT_PARENT

TOOLKIT = Path(TOOLKIT_PARENT) / "alembic_neon"
LONGEST_FUNCTION = 50  # lines, without its docstring; a text, such as one of SQL, is one line
MOST_PARAMETERS = 5  # without self and cls, and without those (`_`) that a caller insists on
LONGEST_MODULE = 400

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, Function]]:
    """Yield every function of the toolkit, with where it is."""
    for path in sorted(TOOLKIT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, Function):
                yield f"{path.relative_to(TOOLKIT)}:{node.lineno} {node.name}", node


def length(function: Function) -> int:
    return lines(function) - bool(ast.get_docstring(function)) - in_texts(function)


def in_texts(node: ast.AST) -> int:
    """Return how many lines the texts in a node take beyond the first of each."""
    match node:
        case ast.JoinedStr() | ast.Constant(value=str()):
            return lines(node) - 1
        case _:
            return sum(map(in_texts, ast.iter_child_nodes(node)))


def lines(node: ast.stmt | ast.expr) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def parameters(function: Function) -> int:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return sum(each.arg not in ("self", "cls", "_", "__") for each in named)


def is_command(function: Function) -> bool:
    """Tell whether Typer calls it: its parameters are the options that a person reads."""
    return function.name.endswith("_command")


def test_a_function_fits_on_a_screen() -> None:
    assert [
        f"{where}: {length(function)} lines"
        for where, function in functions()
        if length(function) > LONGEST_FUNCTION
    ] == []


def test_a_function_takes_few_parameters() -> None:
    assert [
        f"{where}: {parameters(function)} parameters"
        for where, function in functions()
        if parameters(function) > MOST_PARAMETERS and not is_command(function)
    ] == []


def test_a_module_is_short() -> None:
    assert [
        f"{path.relative_to(TOOLKIT)}: {lines} lines"
        for path in sorted(TOOLKIT.rglob("*.py"))
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_MODULE
    ] == []


def test_each_is_measured() -> None:
    """What is counted, on a function that has one of each."""
    source = (
        'def f(self, a, /, b, _, *args, c, **more):\n    """Two\n    lines."""\n'
        '    a = f"""One {b}\n    text."""\n    return 1\n'
    )
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert (length(function), parameters(function)) == (3, 3)
