"""The command `db baseline`: a database that no revision made is brought in."""

import asyncio
import os
from typing import Annotated

import typer

from .branching.baseline import NotEqualError, make_baseline
from .connection.local_server import place
from .connection.settings import load_settings
from .console import say, say_done


def baseline_command(
    message: Annotated[
        str, typer.Option("-m", "--message", help="What the revision is called.")
    ] = "baseline",
    no_stamp: Annotated[
        bool, typer.Option("--no-stamp", help="Write and prove it; leave the database as it is.")
    ] = False,
) -> None:
    """Write the first revision from a database that has none, prove it, and stamp the database."""
    url = load_settings().direct_url
    say(f"Baseline of {place(url)}")
    try:
        made = asyncio.run(make_baseline(url, message, stamp=not no_stamp, say=say))
    except NotEqualError as error:
        for difference in error.differences:
            say(str(difference))
        raise
    verb = "wrote" if made.is_new else "kept"
    say_done(f"{verb} {os.path.relpath(made.path)}; it makes exactly the schema of the database")
    if no_stamp:
        say("The database is not stamped. Run db baseline again to prove it anew and stamp it.")
    else:
        say_done(f"the database is at {made.revision}")
