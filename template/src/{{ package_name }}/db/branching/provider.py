"""What every branch provider offers: branches of a database, and how one reaches them."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from ..connection.errors import UsageError
from ..connection.url import DatabaseURL

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")


@dataclass(frozen=True)
class Branch:
    """A branch. `parent` is None for the one that the others come from."""

    name: str
    parent: str | None
    created_at: datetime | None
    size_bytes: int

    @property
    def is_default(self) -> bool:
        """Whether it is the branch that is never deleted or reset."""
        return self.parent is None


class BranchProvider(Protocol):
    """Branches, wherever they live. Every method may raise a `ToolkitError`."""

    async def list(self) -> list[Branch]:
        """Return all branches, the default one first."""

    async def create(
        self,
        name: str,
        parent: str | None = None,
        *,
        time_to_live: timedelta | None = None,
        force: bool = False,
    ) -> Branch:
        """Make a branch with its parent's schema and data; `force` ends the parent's sessions."""

    async def delete(self, name: str, *, force: bool = False) -> None:
        """Delete a branch; `force` ends its sessions."""

    async def reset(self, name: str, *, force: bool = False) -> Branch:
        """Bring a branch back to its parent's present state; its own changes are lost."""

    async def url(self, name: str) -> DatabaseURL:
        """Return the URL of a branch."""


def checked_name(name: str) -> str:
    """Return a branch's name as it is.

    Raises:
        UsageError: it is too long, or holds other characters than letters, digits, `.`, `_`, `/`
            and `-`.
    """
    if _NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} cannot be a branch's name.",
            "It takes 1 to 63 letters, digits, '.', '_', '/' and '-', a letter or digit first.",
        )
    return name
