"""The local provider: one embedded server a project, one database a branch."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ..embedded.server import MAIN_BRANCH, LocalServer
from ..engine.factory import migration_connection
from ..engine.url import DatabaseURL
from ..errors import UsageError
from . import local_databases as databases
from .local_databases import BranchMetadata, DatabaseRow, list_databases
from .provider import (
    Branch,
    NewBranch,
    RestorePoint,
    refuse_reserved_name,
    require_branch,
    require_mutable,
    validate_name,
    validate_new_branch,
)
from .target import Target, read_system_identifier

_MAINTENANCE: Final = "postgres"
# What a killed process leaves of these, `prune` finds expired.
_SCRATCH_TTL: Final = timedelta(hours=1)


class LocalProvider:
    """Branches as databases of the project's embedded server, which is started at first use.

    PostgreSQL copies and drops a database only while nobody uses it: its sessions are waited for,
    ten seconds at most, which ends in a `ToolkitError`, or ended with `force`.
    """

    def __init__(self, server: LocalServer | None = None) -> None:
        self._server = server or LocalServer.for_project()

    async def list(self) -> list[Branch]:
        """Return all branches, `main` first; restore points are none."""
        async with self._connection() as connection:
            return list(_branches(await list_databases(connection)).values())

    async def default_branch(self) -> str:
        """Return `main`, whether it is there or not."""
        return MAIN_BRANCH

    async def target(self, branch: str) -> Target:
        """Return the database behind a branch.

        Raises:
            UsageError: there is no such branch.
        """
        url = await self.url(branch)
        system = await read_system_identifier(self._server.url(_MAINTENANCE))
        return Target("local", system, branch, str(self._server), branch, url.parts.username or "")

    async def get(self, name: str) -> Branch:
        """Return a branch.

        Raises:
            UsageError: there is no such branch.
        """
        async with self._connection() as connection:
            return require_branch(_branches(await list_databases(connection)), name)

    async def create(self, new: NewBranch) -> Branch:
        """Copy the database `parent` (None: `main`), files and all.

        Raises:
            UsageError: the name is taken, reserved or no name, or there is no such parent.
        """
        parent = new.parent or MAIN_BRANCH
        if not new.is_rehearsal:
            refuse_reserved_name(new.name)
        async with self._connection() as connection:
            found = await list_databases(connection)
            expires_at = validate_new_branch(_branches(found), new, parent)
            if new.name in {_MAINTENANCE, "template0", "template1", *(each.name for each in found)}:
                raise UsageError(f"There is a branch {new.name} already.", "Take another name.")
            metadata = BranchMetadata(
                parent, datetime.now(UTC), expires_at, rehearsal=new.is_rehearsal
            )
            await databases.copy(connection, new.name, parent, metadata, force=new.force)
            return _branches(await list_databases(connection))[new.name]

    async def create_empty(self, name: str, *, is_rehearsal: bool = False) -> DatabaseURL:
        """Make a database without a parent, as a scratch branch; returns its URL."""
        metadata = replace(_scratch(MAIN_BRANCH), rehearsal=is_rehearsal)
        async with self._connection() as connection:
            await databases.create(connection, validate_name(name), metadata)
        return self._server.url(name)

    async def delete(self, name: str, *, force: bool = False) -> None:
        """Drop a branch's database, and its restore points with it.

        Raises:
            UsageError: there is no such branch, or it is `main`, protected, or has children.
        """
        async with self._connection() as connection:
            found = await list_databases(connection)
            require_mutable(_branches(found), name, "deleted")
            await databases.drop(connection, name, force=force)
            for each in found:
                if each.metadata.point_of == name:
                    await databases.drop(connection, each.name, force=force)

    async def reset(self, name: str, *, force: bool = False) -> Branch:
        """Replace a branch's database by a fresh copy of its parent's.

        The copy is made under another name first, so a failure leaves the branch as it was.

        Raises:
            UsageError: as `delete` does.
        """
        async with self._connection() as connection:
            found = await list_databases(connection)
            branches = _branches(found)
            parent = require_mutable(branches, name, "reset").parent or MAIN_BRANCH
            require_branch(branches, parent)
            fresh, old = f"reset-{token_hex(4)}", f"reset-{token_hex(4)}"
            await databases.copy(connection, fresh, parent, _scratch(parent), force=force)
            await self._replace(connection, name, fresh, old, force=force)
            await databases.drop(connection, old, force=True)
            return _branches(await list_databases(connection))[name]

    async def url(self, name: str, *, pooled: bool = False) -> DatabaseURL:
        """Return a branch's URL. There is no pooler here, so both endpoints are the same.

        Raises:
            UsageError: there is no such branch.
        """
        return self._server.url((await self.get(name)).name)

    async def branch_of(self, url: DatabaseURL) -> str | None:
        """Return the name of the branch that a URL leads to, or None."""
        names = [branch.name for branch in await self.list()]
        return next((name for name in names if self._server.url(name) == url), None)

    async def make_restore_point(self, branch: str, *, force: bool = False) -> RestorePoint:
        """Copy a branch's database.

        Raises:
            UsageError: there is no such branch.
        """
        async with self._connection() as connection:
            require_branch(_branches(await list_databases(connection)), branch)
            name, metadata = (
                _point_name(),
                BranchMetadata(created_at=datetime.now(UTC), point_of=branch),
            )
            await databases.copy(connection, name, branch, metadata, force=force)
            return _point(DatabaseRow(name, metadata, 0))

    async def list_restore_points(self, branch: str) -> Sequence[RestorePoint]:
        """Return the restore points of a branch, the newest first; the branch may be gone.

        Raises:
            UsageError: there is no such branch, and there are no restore points of one.
        """
        async with self._connection() as connection:
            found = await list_databases(connection)
        points = [_point(each) for each in found if each.metadata.point_of == branch]
        if not points and branch != MAIN_BRANCH:
            require_branch(_branches(found), branch)
        return sorted(points, key=lambda point: point.created_at, reverse=True)

    async def restore(self, branch: str, point: RestorePoint, *, force: bool = False) -> None:
        """Replace a branch's database by a copy of a restore point.

        The database before becomes a restore point itself; it need not answer, nor be there. The
        copy is made first, and takes the branch's name in one transaction.

        Raises:
            UsageError: there is no such restore point.
        """
        async with self._connection() as connection:
            found = await list_databases(connection)
            _require_point(found, point)
            fresh = f"restore-{token_hex(4)}"
            await databases.copy(connection, fresh, point.id, _scratch(branch), force=force)
            old = _point_name() if any(each.name == branch for each in found) else None
            await self._replace(connection, branch, fresh, old, force=force)

    async def _replace(
        self, connection: AsyncConnection, name: str, fresh: str, old: str | None, *, force: bool
    ) -> None:
        try:
            await databases.replace(connection, name, fresh, old, force=force)
        except BaseException:
            await databases.drop(connection, fresh, force=True)
            raise

    async def delete_restore_point(self, point: RestorePoint) -> None:
        """Drop a restore point's database.

        Raises:
            UsageError: there is no such restore point.
        """
        async with self._connection() as connection:
            _require_point(await list_databases(connection), point)
            await databases.drop(connection, point.id, force=True)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        async with migration_connection(self._server.url(_MAINTENANCE)) as connection:
            # CREATE and DROP DATABASE refuse to run inside a transaction.
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")


def _branches(found: list[DatabaseRow]) -> dict[str, Branch]:
    """Return the databases that are branches, by name; one made by hand is a child of `main`."""
    return {each.name: _branch(each) for each in found if each.metadata.point_of is None}


def _branch(found: DatabaseRow) -> Branch:
    metadata, is_default = found.metadata, found.name == MAIN_BRANCH
    return Branch(
        found.name,
        None if is_default else metadata.parent or MAIN_BRANCH,
        metadata.created_at,
        found.size_bytes,
        metadata.expires_at,
        is_default,
        metadata.protected,
        metadata.rehearsal,
    )


def _point(found: DatabaseRow) -> RestorePoint:
    created_at = found.metadata.created_at or datetime.min.replace(tzinfo=UTC)
    return RestorePoint(found.name, found.name, found.metadata.point_of or "", "copy", created_at)


def _point_name() -> str:
    return f"restore-point-{token_hex(4)}"


def _require_point(found: list[DatabaseRow], point: RestorePoint) -> None:
    if not any(each.name == point.id and each.metadata.point_of for each in found):
        raise UsageError(f"There is no restore point {point.name}.", "List them, and take another.")


def _scratch(parent: str) -> BranchMetadata:
    now = datetime.now(UTC)
    return BranchMetadata(parent, now, now + _SCRATCH_TTL)
