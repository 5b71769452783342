"""Commands whose modules are imported when they are called: `db upgrade` pays for itself alone."""

from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

# The module of each command, and the function or the group in it.
_COMMANDS: Final = {
    "baseline": ("baseline", "baseline_command"),
    "branch": ("branch", "branch_app"),
    "check": ("check", "check_command"),
    "revision": ("revision", "revision_command"),
    "rehearse": ("rehearse", "rehearse_command"),
    "promote": ("rehearse", "promote_command"),
    "restore": ("rehearse", "restore_command"),
    "test": ("project_tests", "run_tests"),
}
_SETTINGS: Final = {"test": {"ignore_unknown_options": True}}  # pytest's


class LazyGroup(TyperGroup):
    """The commands of the application itself, and those of `_COMMANDS`.

    Typer brings a Click of its own, whose types have no public name.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Name all commands, without importing any."""
        return [*super().list_commands(ctx), *_COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Find a command, and import it at the first time."""
        if cmd_name in _COMMANDS and cmd_name not in self.commands:
            self.add_command(_load(cmd_name), cmd_name)
        return super().get_command(ctx, cmd_name)


def _load(name: str) -> Any:
    module, attribute = _COMMANDS[name]
    command = getattr(import_module(f".{module}", __package__), attribute)
    if isinstance(command, typer.Typer):
        return get_command(command)
    single = typer.Typer(add_completion=False)
    single.command(name, context_settings=_SETTINGS.get(name))(command)
    return get_command(single)
