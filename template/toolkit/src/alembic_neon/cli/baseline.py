"""The command `db baseline`: a database that no revision made is brought in."""

import asyncio
import os
from typing import Annotated

import typer

from ..baseline.create import NotEqualError, make_baseline
from ..branches.target import describe_url, target_url
from .console import echo, success


def baseline_command(
    message: Annotated[
        str, typer.Option("-m", "--message", help="What the revision is called.")
    ] = "baseline",
    no_stamp: Annotated[
        bool, typer.Option("--no-stamp", help="Write and prove it; leave the database as it is.")
    ] = False,
) -> None:
    """Write the first revision from a database that has none, prove it, and stamp the database."""
    url = target_url()
    echo(f"Baseline of {describe_url(url)}")
    try:
        made = asyncio.run(make_baseline(url, message, stamp=not no_stamp, say=echo))
    except NotEqualError as error:
        for difference in error.differences:
            echo(str(difference))
        raise
    verb = "wrote" if made.is_new else "kept"
    success(f"{verb} {os.path.relpath(made.path)}; it makes exactly the schema of the database")
    if no_stamp:
        echo("The database is not stamped. Run db baseline again to prove it anew and stamp it.")
    else:
        success(f"the database is at {made.revision}")
