"""The extensions of the embedded PostgreSQL, which its owner may create, as on Neon."""

from pathlib import Path
from typing import Final

from .binaries import EmbeddedBinaries

# https://neon.com/docs/extensions/pg-extensions
_EXTENSIONS: Final = ("vector",)
# The first version that reads control files from elsewhere.
# https://www.postgresql.org/docs/18/runtime-config-client.html#GUC-EXTENSION-CONTROL-PATH
_SINCE: Final = 18


def extension_settings(binaries: EmbeddedBinaries, version: int, data: Path) -> dict[str, str]:
    """Write control files in which the extensions are trusted; return the settings to find them.

    pgvector's own asks for a superuser, which no role is on Neon, nor here. Before PostgreSQL 18
    there is nothing to be done, and an extension is refused.
    """
    if version < _SINCE:
        return {}
    shipped = binaries.folder.parent / "share" / "postgresql" / "extension"
    folder = data / "neon-local" / "extension"
    folder.mkdir(parents=True, exist_ok=True)
    for name in _EXTENSIONS:
        control = (shipped / f"{name}.control").read_text(encoding="utf-8")
        folder_literal = str(shipped).replace("'", "''")
        text = f"{control}\ntrusted = true\ndirectory = '{folder_literal}'\n"
        (folder / f"{name}.control").write_text(text, encoding="utf-8")
    return {"extension_control_path": f"{folder.parent}:$system"}
