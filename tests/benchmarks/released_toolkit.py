"""The toolkit of version 0.2.0, to be imported as `released.db` beside the one of this tree."""

import shutil
import tempfile
from pathlib import Path

from releases import RELEASES

VERSION = "0.2.0"


def write_released(folder: Path) -> None:
    """Write that version's toolkit to `folder`, to be imported from there."""
    release = next(each for each in RELEASES if each.version == VERSION)
    with tempfile.TemporaryDirectory() as scratch:
        release.extract(Path(scratch))
        shutil.copytree(Path(scratch, "template/src/{{ package_name }}/db"), folder / "released/db")
