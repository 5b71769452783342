"""Lets PostgreSQL's system user into a folder, and nobody else.

PostgreSQL refuses to run as root, and root's own folders are closed to others. An entry for the one
user in the folders' access control lists keeps them so.
"""

import errno
import os
import stat
import struct
from pathlib import Path
from typing import Final

from ..errors import ConfigurationError

# Linux keeps a list as a version, then for each entry its tag, permissions and id, by tag and id.
# https://man7.org/linux/man-pages/man5/acl.5.html and linux/posix_acl_xattr.h
_ATTRIBUTE: Final = "system.posix_acl_access"
_VERSION: Final = struct.pack("<I", 2)
_ENTRY: Final = struct.Struct("<HHI")
_OWNER, _USER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NO_ID: Final = 0xFFFFFFFF
_PASS: Final = 1  # to search a folder, not to list it


def let_pass(user_id: int, path: Path) -> None:
    """Let a user pass through every folder above `path`.

    Raises:
        ConfigurationError: a folder is closed to it, and the file system has no such lists.
    """
    for folder in path.resolve().parents:
        state = folder.stat()
        is_open = state.st_mode & (stat.S_IXUSR if state.st_uid == user_id else stat.S_IXOTH)
        if not is_open:
            _allow(user_id, folder, state.st_mode)


def _allow(user_id: int, folder: Path, mode: int) -> None:
    try:
        entries = _entries(folder, mode)
        entries[_USER, user_id] = entries.get((_USER, user_id), 0) | _PASS
        entries[_MASK, _NO_ID] = entries.get((_MASK, _NO_ID), (mode >> 3) & 7) | _PASS
        packed = [_ENTRY.pack(tag, rights, who) for (tag, who), rights in sorted(entries.items())]
        os.setxattr(folder, _ATTRIBUTE, _VERSION + b"".join(packed))
    except (OSError, AttributeError) as error:  # macOS has no such call
        reason = getattr(error, "strerror", None) or "no access control lists"
        raise ConfigurationError(
            f"The embedded server may not enter {folder}, as PostgreSQL does not run as root, and "
            f"it cannot be let in: {reason}.",
            f"Run: chmod o+x {folder}, or run as another user, or set DATABASE_URL.",
        ) from None


def _entries(folder: Path, mode: int) -> dict[tuple[int, int], int]:
    """Return the rights in a folder's list, by tag and id; without one, those of its mode."""
    try:
        packed = os.getxattr(folder, _ATTRIBUTE)[len(_VERSION) :]
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        return {
            (_OWNER, _NO_ID): (mode >> 6) & 7,
            (_GROUP, _NO_ID): (mode >> 3) & 7,
            (_OTHER, _NO_ID): mode & 7,
        }
    return {(tag, who): rights for tag, rights, who in _ENTRY.iter_unpack(packed)}
