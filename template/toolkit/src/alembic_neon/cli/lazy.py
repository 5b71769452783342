"""Commands whose modules are imported when they run: `db upgrade` pays for itself alone."""

import ast
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class Target(NamedTuple):
    """Where the function, or the group, of a command is."""

    module: str
    attribute: str
    settings: Mapping[str, Any] = {}


# A relative revision, "-1", begins like an option; and the options of other programs are theirs.
_ANY_OPTION: Final = {"ignore_unknown_options": True}
COMMANDS: Final = {
    "doctor": Target("doctor", "doctor_command"),
    "status": Target("status", "status_command"),
    "upgrade": Target("upgrade", "upgrade_command"),
    "downgrade": Target("upgrade", "downgrade_command", _ANY_OPTION),
    "revision": Target("revision", "revision_command"),
    "check": Target("check", "check_command"),
    "test": Target("project_tests", "run_tests", _ANY_OPTION),
    "branch": Target("branch", "branch_app"),
    "rehearse": Target("rehearse", "rehearse_command"),
    "report": Target("report", "report_command"),
    "promote": Target("rehearse", "promote_command"),
    "restore": Target("rehearse", "restore_command"),
    "baseline": Target("baseline", "baseline_command"),
    "alembic": Target("upgrade", "alembic_command", _ANY_OPTION | {"help_option_names": []}),
    "start": Target("server", "start_command"),
    "stop": Target("server", "stop_command"),
}


class LazyCommand(TyperCommand):
    """Stands for a command in lists, suggestions and completion, and becomes it when it is run."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.target = COMMANDS[name]

    def load(self) -> Any:
        """Import the command."""
        module, attribute, settings = self.target
        found = getattr(import_module(f".{module}", __package__), attribute)
        if isinstance(found, typer.Typer):
            return get_command(found)
        single = typer.Typer(add_completion=False)
        single.command(self.name, context_settings=dict(settings))(found)
        return get_command(single)

    def summary(self) -> str:
        """Read the first paragraph of its help from the source, which is not imported for it."""
        path = Path(__file__).with_name(f"{self.target.module}.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            match node:
                case ast.FunctionDef(name=self.target.attribute):
                    return (ast.get_docstring(node) or "").partition("\n\n")[0]
                case ast.Assign(
                    targets=[ast.Name(id=self.target.attribute)], value=ast.Call() as call
                ):
                    texts = {each.arg: each.value for each in call.keywords}
                    return str(ast.literal_eval(texts["help"]))
                case _:
                    pass
        raise LookupError(f"{self.target.attribute} is not in {path}")

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        """Make the context of the command itself, which then runs in this one's place."""
        return self.load().make_context(info_name, args, *rest, **extra)


class LazyGroup(TyperGroup):
    """The commands of `COMMANDS`.

    Typer brings a Click of its own, whose types have no public name.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name in COMMANDS:
            self.add_command(LazyCommand(name), name)

    def list_commands(self, ctx: Any) -> list[str]:
        """Name all commands, in the order of their use."""
        return list(COMMANDS)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, with a line for each command."""
        for command in self.commands.values():
            if isinstance(command, LazyCommand):
                command.help = command.summary()
        super().format_help(ctx, formatter)
