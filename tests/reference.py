"""Writes docs/reference.md from the code: `uv run python tests/reference.py`.

Every sentence on the page stands in the code, as help, title, description or docstring. A line of a
docstring that begins with "`name`: " describes that name.
"""

import inspect
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs/reference.md"

if __name__ == "__main__":  # pytest has its own way to the toolkit
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    sys.path += [
        str(ROOT / each) for each in document["tool"]["pytest"]["ini_options"]["pythonpath"]
    ]

# ruff: noqa: E402 - what follows is found only now
from alembic_neon import errors, project, pytest_plugin
from alembic_neon.cli.app import app, main
from alembic_neon.cli.lazy import LazyCommand
from alembic_neon.engine.settings import Settings
from alembic_neon.migration.history import markers
from alembic_neon.migration.lint import rules
from alembic_neon.migration.lint.findings import Severity
from alembic_neon.rehearsal.thresholds import Thresholds
from typer.main import get_command

_HEAD: Final = """# Reference

<!-- Written by `uv run python tests/reference.py` from the code; change it there. -->

Commands, exit codes, settings, what a revision may declare, the linter's rules, and what the pytest
plugin offers. The [index](README.md) has the pages that explain them.
"""


def page() -> str:
    """Return the whole page."""
    sections = (
        ("Commands", _commands()),
        ("Exit codes", _exit_codes()),
        ("Settings", _settings()),
        ("`[tool.db]` in `pyproject.toml`", _tool_keys()),
        ("What a revision file may declare", _revision_variables()),
        ("Rules of `db check`", _rules()),
        ("The pytest plugin", _plugin()),
    )
    parts = [_HEAD]
    for title, lines in sections:
        parts.append(f"## {title}\n\n" + "\n".join(lines).strip() + "\n")
    return "\n".join(parts)


def described(owner: object) -> dict[str, str]:
    """Return what a docstring says of the names that it lists."""
    text = inspect.getdoc(owner) or ""
    found = re.findall(r"^`([\w.-]+)`: (.*(?:\n(?!`|$).*)*)", text, re.MULTILINE)
    assert found, f"the docstring of {owner} describes no name"
    return {name: " ".join(words.split()) for name, words in found}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a table; a cell's vertical bar does not end it."""
    columns = list(head)
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        cells = [" ".join(cell.split()).replace("|", "\\|") for cell in row]
        assert all(cells[:2]), f"nothing is said of {cells[0]}"
        yield f"| {' | '.join(cells)} |"
    yield ""


def _commands() -> Iterator[str]:
    yield "Each runs as `uv run db …`, or as `python -m alembic_neon …`. `--help` says the same."
    yield ""
    group = get_command(app)
    context = group.make_context("db", [], resilient_parsing=True)
    yield from _of_group(group, context, "db")


def _of_group(group: Any, context: Any, prefix: str) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        command = command.load() if isinstance(command, LazyCommand) else command
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        if hasattr(command, "list_commands"):
            yield from _of_group(command, inner, f"{prefix} {name}")
        else:
            yield from _of_command(command, inner, f"{prefix} {name}")


def _of_command(command: Any, context: Any, name: str) -> Iterator[str]:
    assert command.help, f"{name} has no help"
    arguments = [
        each.metavar if each.required else f"[{each.metavar}]"
        for each in command.params
        if each.param_type_name == "argument"
    ]
    yield f"### `{' '.join([name, *arguments])}`\n"
    yield f"{inspect.cleandoc(command.help)}\n"
    shown = [each for each in command.params if each.name != "help"]
    if shown:
        yield from table(("parameter", "meaning"), (_parameter(each, context) for each in shown))


def _parameter(parameter: Any, context: Any) -> tuple[str, str]:
    assert parameter.help, f"{context.command_path}: {parameter.name} has no help"
    name, meaning = parameter.get_help_record(context)
    is_argument = parameter.param_type_name == "argument"
    return f"`{parameter.metavar if is_argument else name}`", meaning.replace("  [", " [")


def _exit_codes() -> Iterator[str]:
    codes = [(f"`{code}`", text) for code, text in described(main).items()]
    yield from table(("code", "when"), codes)
    yield "An expected failure is one line that says what to do, without a traceback. Its kinds:\n"
    kinds = [
        (f"`{name}`", _first_sentence(kind), str(kind.exit_code))
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind is not errors.ToolkitError and issubclass(kind, errors.ToolkitError)
    ]
    yield from table(("error", "meaning", "exit code"), kinds)


def _first_sentence(owner: object) -> str:
    return (inspect.getdoc(owner) or "").partition("\n\n")[0]


def _settings() -> Iterator[str]:
    yield "Variables of the environment, of `.env.<APP_ENV>` or of `.env`: the first one counts.\n"
    rows = []
    for name, field in Settings.model_fields.items():
        assert field.title, f"{name} has no title"
        is_named = field.default_factory is not None
        default = "the project's name" if is_named else field.default
        shown = "" if default is None else default if is_named else f"`{default}`"
        rows.append((f"`{name.upper()}`", field.title, field.description or "text", str(shown)))
    yield from table(("variable", "meaning", "takes", "default"), rows)
    yield f"Tests alone read `{pytest_plugin.SERVER_VARIABLE}`: see the pytest plugin."


def _tool_keys() -> Iterator[str]:
    rows = [(f"`{name}`", text) for name, text in described(project.tool_settings).items()]
    yield from table(("key", "meaning"), rows)
    yield "The table `[tool.db.rehearsal]`:\n"
    defaults = Thresholds()
    limits = [
        (f"`{name}`", text, f"`{getattr(defaults, name)}`")
        for name, text in described(Thresholds).items()
    ]
    yield from table(("key", "meaning", "default"), limits)


def _revision_variables() -> Iterator[str]:
    yield 'Plain variables of the file, without an import: `irreversible = "why"`.\n'
    rows = [(f"`{name}`", text) for name, text in described(markers.revision_marker).items()]
    yield from table(("variable", "meaning"), rows)


def _rules() -> Iterator[str]:
    yield "[Writing safe revisions](writing-safe-revisions.md) has the steps. Of the whole:\n"
    yield from _spoken(rules.CHECK_RULES)
    yield "Of one revision:\n"
    yield from _spoken(rules.BUILTIN_RULES)
    yield "Of one statement, by [squawk](https://squawkhq.com/docs/rules):\n"
    yield from _spoken(rules.SQUAWK_RULES)
    yield "Never said:\n"
    silent = ((f"`{name}`", rule.hint) for name, rule in rules.RULES.items() if not rule.severity)
    yield from table(("rule", "why"), silent)


def _spoken(registry: Mapping[str, rules.Rule]) -> Iterator[str]:
    order = get_args(Severity)
    told = [(name, rule.severity, rule.hint) for name, rule in registry.items() if rule.severity]
    told.sort(key=lambda each: (order.index(each[1]), each[0]))
    rows = [(f"`{name}`", str(severity), hint) for name, severity, hint in told]
    yield from table(("rule", "severity", "what to do"), rows)


class _Options:
    """Stands for pytest's parser and keeps what a plugin adds."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []

    def getgroup(self, _: str) -> "_Options":
        return self

    def addoption(self, *names: str, help: str, **_: Any) -> None:
        self.rows.append((", ".join(f"`{name}`" for name in names), help))


def _plugin() -> Iterator[str]:
    options = _Options()
    pytest_plugin.pytest_addoption(options)  # type: ignore[arg-type] # it has what is called
    yield from table(("option", "meaning"), options.rows)
    fixtures = {
        name: value
        for name, value in vars(pytest_plugin).items()
        if type(value).__name__ == "FixtureFunctionDefinition"
    }
    rows = [
        (f"`{name}`", _first_sentence(each._get_wrapped_function()))
        for name, each in sorted(fixtures.items())
    ]
    yield from table(("fixture", "what it is"), rows)
    yield _first_sentence(pytest_plugin.pytest_generate_tests)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
