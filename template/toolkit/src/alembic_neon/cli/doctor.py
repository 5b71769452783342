"""The command `db doctor`."""

import asyncio
from dataclasses import asdict

import typer
from rich.text import Text

from ..engine.settings import load_settings
from .console import print_table, write_json
from .doctor_checks import Check, examine
from .options import Json


def doctor_command(json: Json = None) -> None:
    """Check the settings, the connection and the server."""
    checks = asyncio.run(_examine())
    write_json(json, [asdict(check) for check in checks])
    if any(check.grade == "wrong" for check in checks):
        raise typer.Exit(1)


async def _examine() -> list[Check]:
    styles = {"ok": ("ok", "green"), "note": ("note", "yellow"), "wrong": ("wrong", "bold red")}
    checks = [check async for check in examine(load_settings())]
    print_table(
        ("check", "", ""),
        [(check.name, Text(*styles[check.grade]), check.detail) for check in checks],
    )
    return checks
