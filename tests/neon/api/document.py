"""Finds Neon's published API document, which is never copied into this project."""

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

Document = dict[str, Any]

_VARIABLE: Final = "NEON_OPENAPI_DOCUMENT"
_PACKAGE: Final = "@neondatabase/api-client"
_VERSION: Final = "2.7.3"
_IN_PACKAGE: Final = "package/public-v2-for-users.gen.yaml"


@cache
def load_document() -> Document:
    """Read the document: the file that `NEON_OPENAPI_DOCUMENT` names, or else the npm package's.

    Raises:
        FileNotFoundError: neither is there. No test is skipped for that.
    """
    if path := os.environ.get(_VARIABLE):
        return _parsed(Path(path).read_text(encoding="utf-8"))
    cached = Path(tempfile.gettempdir()) / f"neon-api-{_VERSION}-{os.getuid()}.json"
    if not cached.exists():
        scratch = cached.with_suffix(f".{os.getpid()}")
        scratch.write_text(json.dumps(_from_npm()), encoding="utf-8")
        scratch.replace(cached)  # several test processes may do the same at once
    return _parsed(cached.read_text(encoding="utf-8"))


class _JsonLoader(yaml.CSafeLoader):
    """Loads YAML as the document's JSON form has it: dates stay texts."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own attribute
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


def _parsed(text: str) -> Document:
    parsed = json.loads(text) if text.lstrip().startswith("{") else _from_yaml(text)
    assert parsed["openapi"].startswith("3.0"), "not the document that the stand-in speaks"
    return dict(parsed)


def _from_yaml(text: str | bytes) -> Any:
    # Keys that are numbers, such as status codes, become texts as in JSON.
    return json.loads(json.dumps(yaml.load(text, Loader=_JsonLoader)))  # noqa: S506


def _from_npm() -> Any:
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError(f"Set {_VARIABLE} to Neon's API document, or install npm.")
    with tempfile.TemporaryDirectory() as folder:
        pack = (npm, "pack", f"{_PACKAGE}@{_VERSION}", "--silent")
        result = subprocess.run(pack, cwd=folder, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise FileNotFoundError(f"npm pack {_PACKAGE} failed: {result.stderr.strip()}")
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            file = archive.extractfile(_IN_PACKAGE)
            assert file is not None
            return _from_yaml(file.read())
