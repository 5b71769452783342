"""Moves a file of the project that the template has renamed, so that edits in it are not lost.

    python rename.py OLD NEW

Runs before the update, in the project. Copier then has the user's file beside its
new one, and shows each difference as a conflict. Without it the old file would be deleted with the
edits in it, and nothing would say so. A project without the old file, or with the new one
already, is left as it is.
"""

import subprocess
import sys
from pathlib import Path


def main(old: Path, new: Path) -> None:
    """Move the file in git, and make the folder that it moves to."""
    if not old.is_file() or new.exists():
        return
    new.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "mv", "--", str(old), str(new)], check=True)  # noqa: S603, S607


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
