"""Commands whose modules are imported when they are called: `db upgrade` pays for itself alone."""

from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

# The module of each command, which has it under `<name>_command`, or is the group `<name>_app`.
_MODULES: Final = {
    "baseline": "baseline",
    "branch": "branch",
    "check": "check",
    "rehearse": "rehearse",
    "promote": "rehearse",
    "restore": "rehearse",
}


class LazyGroup(TyperGroup):
    """The commands of the application itself, and those of `_MODULES`.

    Typer brings a Click of its own, whose types have no public name.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Name all commands, without importing any."""
        return [*super().list_commands(ctx), *_MODULES]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Find a command, and import it at the first time."""
        if cmd_name in _MODULES and cmd_name not in self.commands:
            self.add_command(_load(cmd_name), cmd_name)
        return super().get_command(ctx, cmd_name)


def _load(name: str) -> Any:
    module = import_module(f".{_MODULES[name]}", __package__)
    if found := getattr(module, f"{name}_app", None):
        return get_command(found)
    single = typer.Typer(add_completion=False)
    single.command(name)(getattr(module, f"{name}_command"))
    return get_command(single)
