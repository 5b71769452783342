"""The commands `db branch …`."""

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Final, TypeVar

import typer
from rich.text import Text

from ..branches.env_file import use_url
from ..branches.provider import Branch, BranchProvider, NewBranch, prune
from ..branches.selection import open_provider, open_target
from ..engine.settings import load_settings
from ..engine.url import DatabaseURL
from ..errors import UsageError
from .console import echo, print_table, size, success, write_json
from .options import Json

branch_app = typer.Typer(
    help="Branches of the database.", no_args_is_help=True, add_completion=False
)

T = TypeVar("T")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The branch.")]
Force = Annotated[bool, typer.Option("--force", help="End the sessions that are in the way.")]
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def run_on_provider(work: Callable[[BranchProvider], Awaitable[T]]) -> T:
    """Do something with the provider that the settings choose."""

    async def run() -> T:
        async with open_provider() as provider:
            return await work(provider)

    return asyncio.run(run())


def run_on_target(branch: str | None, work: Callable[[BranchProvider, str], Awaitable[T]]) -> T:
    """Do something with the target's provider and branch, or with `branch` where one is named."""

    async def run() -> T:
        async with open_target(branch) as (provider, name):
            return await work(provider, name)

    return asyncio.run(run())


@branch_app.command("list")
def list_branches(json: Json = None) -> None:
    """List all branches; the one in use has a star."""
    branches, current = run_on_provider(_branches_and_current)
    print_table(
        ("", "branch", "parent", "created", "expires", "size"),
        [_row(branch, is_current=branch.name == current) for branch in branches],
    )
    rows = [asdict(branch) | {"current": branch.name == current} for branch in branches]
    write_json(json, rows)


async def _branches_and_current(provider: BranchProvider) -> tuple[list[Branch], str | None]:
    return await provider.list(), await provider.branch_of(load_settings().url)


def _row(branch: Branch, *, is_current: bool) -> tuple[str | Text, ...]:
    created = f"{branch.created_at:%Y-%m-%d %H:%M} UTC" if branch.created_at else ""
    expires = f"{branch.expires_at:%Y-%m-%d %H:%M} UTC" if branch.expires_at else ""
    if branch.is_expired:
        expires = "expired: db branch prune"
    elif branch.is_default or branch.is_protected:
        expires = "never" if branch.is_default else "never (protected)"
    star = Text("*" if is_current else "", "green")
    return star, branch.name, branch.parent or "", created, expires, size(branch.size_bytes)


@branch_app.command()
def create(
    name: Name,
    parent: Annotated[
        str | None, typer.Option(help="The branch to copy; default: the default branch.")
    ] = None,
    ttl: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long it lives: 30m, 2h, 7d.")
    ] = None,
    force: Force = False,
) -> None:
    """Make a branch with the schema and the data of its parent."""
    lifetime = None if ttl is None else _lifetime(ttl)
    branch = run_on_provider(
        lambda provider: provider.create(NewBranch(name, parent, ttl=lifetime, force=force))
    )
    success(f"branch {branch.name} made from {branch.parent}, {size(branch.size_bytes)}")
    echo(f"Work on it with: db branch use {branch.name}")


def _lifetime(given: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,6})([mhd])", given)
    if match is None:
        raise UsageError(f"--ttl is {given!r}.", "It takes a number and m, h or d, such as 2h.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@branch_app.command()
def delete(name: Name, force: Force = False) -> None:
    """Delete a branch and its restore points."""

    async def work(provider: BranchProvider) -> None:
        is_in_use = name == await provider.branch_of(load_settings().url)
        # The default branch is never deleted, which is for the provider to say.
        if is_in_use and not (await provider.get(name)).is_default:
            raise UsageError(f"{name} is the branch in use.", "First: db branch use main")
        await provider.delete(name, force=force)

    run_on_provider(work)
    success(f"branch {name} deleted")


@branch_app.command()
def reset(name: Name, force: Force = False) -> None:
    """Bring a branch back to the present state of its parent."""
    branch = run_on_provider(lambda provider: provider.reset(name, force=force))
    success(f"branch {branch.name} reset to {branch.parent}")


@branch_app.command("url")
def print_url(
    name: Name,
    pooled: Annotated[
        bool, typer.Option("--pooled/--direct", help="The pooled endpoint, or the direct one.")
    ] = False,
) -> None:
    """Print the URL of a branch, password and all, to standard output."""
    url = run_on_provider(lambda provider: provider.url(name, pooled=pooled))
    sys.stdout.write(url.render() + "\n")


@branch_app.command()
def use(name: Name) -> None:
    """Write a branch's URLs into .env.<APP_ENV>, keeping every other line."""

    async def work(provider: BranchProvider) -> tuple[DatabaseURL, DatabaseURL]:
        return await provider.url(name, pooled=True), await provider.url(name)

    path = use_url(*run_on_provider(work))
    success(f"{path.name} points to branch {name}")
    if os.environ.get("DATABASE_URL"):
        echo("DATABASE_URL is set in the environment, which counts more than the file.", "yellow")


@branch_app.command("prune")
def prune_branches(
    older_than: Annotated[
        str, typer.Option(metavar="TIME", help="Skip rehearsals younger than: 30m, 2h, 7d.")
    ] = "2h",
    json: Json = None,
) -> None:
    """Delete the branches that expired, and those that rehearsals left behind."""
    age = _lifetime(older_than)
    pruned = asyncio.run(_prune(age))
    for name in pruned:
        success(f"branch {name} deleted")
    if not pruned:
        echo("Nothing to delete.")
    write_json(json, pruned)


async def _prune(age: timedelta) -> list[str]:
    """Prune the provider's branches, and the copies that lie on the server of `DATABASE_URL`."""
    async with open_provider() as provider:
        pruned = await prune(provider, older_than=age)
    if load_settings().database_url is not None:
        async with open_target() as (target, _):
            pruned += await prune(target, older_than=age)
    return pruned
