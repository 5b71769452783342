"""How often a command reads a revision file: Python to import it, and the toolkit once."""

import asyncio
import json
import os
import shutil
import subprocess
import sys

from alembic_neon.branches.neon import NeonProvider
from alembic_neon.branches.neon_client import NeonClient
from alembic_neon.migration.runner.run import upgrade
from neon.api.server import KEY, NeonApi
from pydantic import SecretStr
from rendering import TOOLKIT_PARENT
from scratch_project import ScratchProject

# Runs the command line, and writes how often it opened and compiled each revision file.
COUNTING = """
import collections, json, os, sys
counts = {"open": collections.Counter(), "compile": collections.Counter()}
def count(event, arguments):
    if event in counts:
        path = arguments[0 if event == "open" else 1]
        folder, name = os.path.split(path if isinstance(path, str) else "")
        if folder.endswith("versions") and name.endswith(".py"):
            counts[event][name[-5:-3]] += 1
sys.addaudithook(count)
from alembic_neon.cli.app import main
try:
    main()
finally:
    print(json.dumps(counts))
"""


async def upgrade_main(api: NeonApi) -> None:
    client = NeonClient.connect(api.host, api.project.id, SecretStr(KEY))
    async with client.http:
        await upgrade(await NeonProvider(client).url("main"))


def test_a_rehearsal_opens_each_file_twice_and_parses_it_once(
    neon_api: NeonApi, project: ScratchProject
) -> None:
    project.revision("a1", up='op.execute("CREATE TABLE t (v int)")')
    asyncio.run(upgrade_main(neon_api))
    for name, down in (("b2", "a1"), ("c3", "b2")):
        up, undo = f'op.execute("CREATE TABLE {name} ()")', f'op.execute("DROP TABLE {name}")'
        project.revision(name, down, up=up, undo=undo)
    # The upgrade may have left a compiled file, in whose place no source is opened.
    shutil.rmtree(project.versions / "__pycache__", ignore_errors=True)
    ran = subprocess.run(
        [sys.executable, "-B", "-c", COUNTING, "rehearse"],
        cwd=project.folder,
        env=os.environ | neon_api.environment | {"PYTHONPATH": str(TOOLKIT_PARENT)},
        capture_output=True,
        text=True,
        check=False,
    )
    counts = json.loads(ran.stdout.splitlines()[-1])
    assert counts["open"] == dict.fromkeys(("a1", "b2", "c3"), 2), ran.stderr
    # What is applied is imported, and not linted.
    assert [counts["compile"][name] for name in ("b2", "c3")] == [2, 2]
