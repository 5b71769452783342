"""The commands `db branch …`."""

import asyncio
import os
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from .branching.env_file import use_url
from .branching.local import LocalProvider
from .branching.provider import Branch
from .connection.errors import UsageError
from .connection.settings import load_settings
from .console import say, say_done, say_table, size, write_json

branch_app = typer.Typer(help="Branches of the database.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME")]
Force = Annotated[bool, typer.Option("--force", help="End the sessions that are in the way.")]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE|-", help="Write the result as JSON too.")
]


@branch_app.command("list")
def list_branches(json: Json = None) -> None:
    """List all branches; the one in use has a star."""
    branches, current = asyncio.run(_branches_and_current())
    say_table(
        ("", "branch", "parent", "created", "size"),
        [_row(branch, is_current=branch.name == current) for branch in branches],
    )
    rows = [asdict(branch) | {"current": branch.name == current} for branch in branches]
    write_json(json, rows)


async def _branches_and_current() -> tuple[list[Branch], str | None]:
    provider = LocalProvider()
    branches = await provider.list()
    url = load_settings().url
    for branch in branches:
        if await provider.url(branch.name) == url:
            return branches, branch.name
    return branches, None


def _row(branch: Branch, *, is_current: bool) -> tuple[str | Text, ...]:
    created = f"{branch.created_at:%Y-%m-%d %H:%M} UTC" if branch.created_at else ""
    star = Text("*" if is_current else "", "green")
    return star, branch.name, branch.parent or "", created, size(branch.size_bytes)


@branch_app.command()
def create(
    name: Name,
    parent: Annotated[str | None, typer.Option(help="The branch to copy; default: main.")] = None,
    force: Force = False,
) -> None:
    """Make a branch with the schema and the data of its parent."""
    branch = asyncio.run(LocalProvider().create(name, parent, force=force))
    say_done(f"branch {branch.name} made from {branch.parent}, {size(branch.size_bytes)}")
    say(f"Work on it with: db branch use {branch.name}")


@branch_app.command()
def delete(name: Name, force: Force = False) -> None:
    """Delete a branch."""
    _, current = asyncio.run(_branches_and_current())
    if name == current:
        raise UsageError(f"{name} is the branch in use.", "First: db branch use main")
    asyncio.run(LocalProvider().delete(name, force=force))
    say_done(f"branch {name} deleted")


@branch_app.command()
def reset(name: Name, force: Force = False) -> None:
    """Bring a branch back to the present state of its parent."""
    branch = asyncio.run(LocalProvider().reset(name, force=force))
    say_done(f"branch {branch.name} reset to {branch.parent}")


@branch_app.command("url")
def print_url(name: Name) -> None:
    """Print the URL of a branch to standard output."""
    sys.stdout.write(asyncio.run(LocalProvider().url(name)).render() + "\n")


@branch_app.command()
def use(name: Name) -> None:
    """Write a branch's URL into .env.<APP_ENV>, keeping every other line."""
    path = use_url(asyncio.run(LocalProvider().url(name)))
    say_done(f"{path.name} points to branch {name}")
    if os.environ.get("DATABASE_URL"):
        say("DATABASE_URL is set in the environment, which counts more than the file.", "yellow")
