"""A revision file's text and tree: read and parsed once, whoever asks."""

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from weakref import WeakKeyDictionary

from alembic.script import Script


@dataclass(frozen=True)
class RevisionSource:
    """What stands in a revision file. Line endings are those of a checkout on Linux."""

    path: Path
    content: bytes

    @cached_property
    def text(self) -> str:
        """The text of the file."""
        return self.content.decode()

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; nobody changes it."""
        return ast.parse(self.text, str(self.path))


_sources: WeakKeyDictionary[Script, RevisionSource] = WeakKeyDictionary()


def source_of(script: Script) -> RevisionSource:
    """Return the source of a revision, which lasts as long as what Alembic has loaded of it."""
    if script not in _sources:
        path = Path(script.path)
        _sources[script] = RevisionSource(path, path.read_bytes().replace(b"\r\n", b"\n"))
    return _sources[script]
