"""The Neon provider: branches of a project at Neon."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from ..engine.url import DatabaseURL
from ..errors import ToolkitError, UsageError
from .neon_client import NeonClient
from .neon_models import (
    Annotation,
    BranchesPage,
    BranchResponse,
    ConnectionUri,
    DatabasesResponse,
    EndpointsResponse,
    NeonBranch,
    Response,
    Snapshot,
    SnapshotResponse,
    SnapshotsResponse,
)
from .provider import (
    Branch,
    NewBranch,
    RestorePoint,
    refuse_reserved_name,
    require_branch,
    require_mutable,
    restore_point_name,
    validate_new_branch,
)
from .target import Target, shown_host

# As `restore_point_name` makes them: a branch that only begins so is nobody's restore point.
_POINT: Final = re.compile(r"restore-point/(?P<branch>.+)/\d{8}T\d{6}Z-[0-9a-f]{4}")
# The mark of the toolkit's own branches, which Neon keeps as an annotation.
_MARK: Final = {"alembic-neon": "rehearsal"}


@dataclass(frozen=True)
class _Branches:
    """The project's branches at one moment: Neon's own, and by their names.

    `rehearsals` are the ids of those that the toolkit marked.
    """

    neon: tuple[NeonBranch, ...]
    rehearsals: frozenset[str] = frozenset()

    @property
    def branches(self) -> dict[str, Branch]:
        """The branches without restore points, the default one first."""
        names = {each.id: each.name for each in self.neon}
        found = [
            _branch(each, names, is_rehearsal=each.id in self.rehearsals)
            for each in self.neon
            if not _POINT.fullmatch(each.name)
        ]
        found.sort(key=lambda branch: (not branch.is_default, branch.name))
        return {branch.name: branch for branch in found}

    def named(self, name: str) -> NeonBranch | None:
        return next((each for each in self.neon if each.name == name), None)

    def id(self, name: str) -> str:
        require_branch(self.branches, name)
        return next(each.id for each in self.neon if each.name == name)

    def points(self, branch: str) -> list[NeonBranch]:
        return [each for each in self.neon if _branch_of_point(each.name) == branch]


@dataclass(frozen=True)
class NeonProvider:
    """Branches at Neon, each with a compute of its own.

    `configured` is the URL of `DATABASE_URL`: a branch's URL has the same database and role.
    Without it a branch has to have one database, whose owner is the role. `force` means nothing
    here: on Neon a branch's sessions are in nobody's way, and end where they must.
    """

    client: NeonClient
    configured: DatabaseURL | None = None

    async def list(self) -> list[Branch]:
        """Return all branches, the default one first; restore points are none."""
        return list((await self._find()).branches.values())

    async def default_branch(self) -> str:
        """Return the name of the default branch."""
        return next(iter((await self._find()).branches))

    async def target(self, branch: str) -> Target:
        """Return the database of a branch that `url` leads to.

        Raises:
            UsageError: there is no such branch, or it has several databases.
        """
        database, role, url = await self._locate(branch)
        return Target("neon", self.client.project_id, branch, shown_host(url), database, role)

    async def get(self, name: str) -> Branch:
        """Return a branch.

        Raises:
            UsageError: there is no such branch.
        """
        return require_branch((await self._find()).branches, name)

    async def create(self, new: NewBranch) -> Branch:
        """Make a branch with a compute, as a child of `parent` (None: the default branch)."""
        if not new.is_rehearsal:
            refuse_reserved_name(new.name)
        found = await self._find()
        parent = new.parent or next(iter(found.branches))
        expires_at = validate_new_branch(found.branches, new, parent)
        fields = {"name": new.name, "parent_id": found.id(parent)}
        if expires_at:
            fields["expires_at"] = expires_at.isoformat()
        body: dict[str, Any] = {"branch": fields, "endpoints": [{"type": "read_write"}]}
        if new.is_rehearsal:
            body["annotation_value"] = _MARK
        made = await self._create(body)
        return _branch(made, {made.parent_id: parent}, is_rehearsal=new.is_rehearsal)

    async def delete(self, name: str, *, force: bool = False) -> None:
        """Delete a branch, and its restore points with it.

        Raises:
            UsageError: it is the default branch, protected, or has children.
        """
        found = await self._find()
        require_mutable(found.branches, name, "deleted")
        left = list(found.neon)
        doomed = [found.id(name), *(each.id for each in found.points(name))]
        while doomed:  # Neon deletes no branch that has children
            parents = {each.parent_id for each in left}
            leaf = next((each for each in doomed if each not in parents), None)
            if leaf is None:
                raise UsageError(
                    f"A restore point of {name} has branches of its own.", "First delete those."
                )
            await self.client.delete(f"/branches/{leaf}")
            doomed.remove(leaf)
            left = [each for each in left if each.id != leaf]

    async def reset(self, name: str, *, force: bool = False) -> Branch:
        """Restore a branch from its parent's present state; its URL stays.

        Raises:
            UsageError: it is the default branch, protected, or has children or no parent.
        """
        found = await self._find()
        branch = require_mutable(found.branches, name, "reset")
        if points := found.points(name):
            raise UsageError(
                f"{name} has restore points, which Neon would hand to another branch.",
                f"First delete {', '.join(point.name for point in points)}.",
            )
        parent_id = _required_parent(found, name)
        # Twice is no more than once here: the parent's state then is as present as now.
        await self.client.write_exactly_once(
            lambda: self._restore(found.id(name), {"source_branch_id": parent_id}), _never
        )
        return branch

    async def url(self, name: str, *, pooled: bool = False) -> DatabaseURL:
        """Return a branch's URL, asked for anew: a protected parent's children have new passwords.

        Raises:
            UsageError: there is no such branch.
        """
        return (await self._locate(name, pooled=pooled))[2]

    async def _locate(self, name: str, *, pooled: bool = False) -> tuple[str, str, DatabaseURL]:
        branch_id = (await self._find()).id(name)
        database, role = await self._database_and_role(name, branch_id)
        query = {"branch_id": branch_id, "database_name": database, "role_name": role}
        query["pooled"] = "true" if pooled else "false"
        answer = await self.client.get(ConnectionUri, "/connection_uri", **query)
        return database, role, DatabaseURL.parse(answer.uri, "The URL that Neon gave")

    async def branch_of(self, url: DatabaseURL) -> str | None:
        """Return the name of the branch whose compute a URL leads to, or None."""
        answer = await self.client.get(EndpointsResponse, "/endpoints")
        direct = url.host.replace("-pooler", "", 1).lower()
        for endpoint in answer.endpoints:
            if endpoint.host.lower() == direct:
                path = f"/branches/{endpoint.branch_id}"
                return (await self.client.get(BranchResponse, path)).branch.name
        return None

    async def make_restore_point(self, branch: str, *, force: bool = False) -> RestorePoint:
        """Take a snapshot of a root branch, and a backup branch, without a compute, of another.

        Neon has snapshots of root branches alone.
        """
        found = await self._find()
        branch_id, name = found.id(branch), restore_point_name(branch)
        original = found.named(branch)
        if original is not None and original.parent_id is not None:
            if original.expires_at:
                raise UsageError(
                    f"{branch} expires, and Neon backs up no branch that does.",
                    "Take a branch that stays.",
                )
            made = await self._create({"branch": {"name": name, "parent_id": branch_id}})
            return _point_of_branch(made, branch)
        path = f"/branches/{branch_id}/snapshot"

        async def take() -> Snapshot:
            return (await self.client.write(SnapshotResponse, "POST", path, name=name)).snapshot

        async def find() -> Snapshot | None:
            return next((each for each in await self._snapshots() if each.name == name), None)

        return _point_of_snapshot(await self.client.write_exactly_once(take, find), branch)

    async def list_restore_points(self, branch: str) -> Sequence[RestorePoint]:
        """Return the restore points of a branch, snapshots and backup branches, the newest first.

        Snapshots that others took of the branch are among them.
        """
        found = await self._find()
        branch_id = found.id(branch)
        points = [_point_of_branch(each, branch) for each in found.points(branch)]
        points += [
            _point_of_snapshot(each, branch)
            for each in await self._snapshots()
            if each.source_branch_id == branch_id or _branch_of_point(each.name) == branch
        ]
        return sorted(points, key=lambda point: point.created_at, reverse=True)

    async def restore(self, branch: str, point: RestorePoint, *, force: bool = False) -> None:
        """Bring a branch back to a restore point; its URL stays, and later writes are gone from it.

        The state before is kept as a new restore point. A snapshot makes another branch that takes
        the name, so the branch's id changes.
        """
        found = await self._find()
        branch_id, previous = found.id(branch), restore_point_name(branch)
        if point.kind == "branch":
            body = {"source_branch_id": point.id, "preserve_under_name": previous}
            await self.client.write_exactly_once(
                lambda: self._restore(branch_id, body), lambda: self._named(previous)
            )
            return
        fresh = f"{previous}-restored"
        path = f"/snapshots/{quote(point.id, safe='')}/restore"
        made = await self.client.write_exactly_once(
            lambda: self._restored(path, fresh, branch_id), lambda: self._named(fresh)
        )
        finalize = f"/branches/{made.id}/finalize_restore"
        await self.client.write_exactly_once(
            lambda: self.client.write(Response, "POST", finalize, {"name": previous}),
            lambda: self._named(previous),
        )

    async def delete_restore_point(self, point: RestorePoint) -> None:
        """Delete a restore point; Neon keeps a backup branch that branches were restored from."""
        kind = "snapshots" if point.kind == "snapshot" else "branches"
        await self.client.delete(f"/{kind}/{quote(point.id, safe='')}")

    async def _find(self) -> _Branches:
        pages = await self.client.get_pages(BranchesPage, "/branches")
        marked = (id_ for page in pages for id_, each in page.annotations.items() if _is_ours(each))
        branches = tuple(branch for page in pages for branch in page.branches)
        return _Branches(branches, frozenset(marked))

    async def _named(self, name: str) -> NeonBranch | None:
        """Return the branch that a write of unknown outcome may have made, once it is ready."""
        made = (await self._find()).named(name)
        if made is not None:
            await self.client.wait_for_branch(made.id)
        return made

    async def _create(self, body: dict[str, Any]) -> NeonBranch:
        async def create() -> NeonBranch:
            return (await self.client.write(BranchResponse, "POST", "/branches", body)).branch

        return await self.client.write_exactly_once(
            create, lambda: self._named(body["branch"]["name"])
        )

    async def _restore(self, branch_id: str, body: dict[str, Any]) -> NeonBranch:
        path = f"/branches/{branch_id}/restore"
        return (await self.client.write(BranchResponse, "POST", path, body)).branch

    async def _restored(self, path: str, name: str, target_id: str) -> NeonBranch:
        body = {"name": name, "target_branch_id": target_id, "finalize_restore": False}
        return (await self.client.write(BranchResponse, "POST", path, body)).branch

    async def _snapshots(self) -> Iterable[Snapshot]:
        return (await self.client.get(SnapshotsResponse, "/snapshots")).snapshots

    async def _database_and_role(self, branch: str, branch_id: str) -> tuple[str, str]:
        url = self.configured
        if url is not None and url.parts.username:
            return url.database, url.parts.username
        path = f"/branches/{branch_id}/databases"
        databases = (await self.client.get(DatabasesResponse, path)).databases
        if not databases:
            raise ToolkitError(f"Branch {branch} has no database.", "Create one in Neon's console.")
        if len(databases) > 1:
            names = ", ".join(sorted(each.name for each in databases))
            raise UsageError(
                f"Branch {branch} has several databases: {names}.",
                "Set DATABASE_URL to the URL of the one that is meant.",
            )
        return databases[0].name, databases[0].owner_name


def _branch(neon: NeonBranch, names: dict[Any, str], *, is_rehearsal: bool) -> Branch:
    return Branch(
        neon.name,
        names.get(neon.parent_id),
        neon.created_at,
        neon.logical_size or 0,
        neon.expires_at,
        neon.default,
        neon.protected,
        is_rehearsal,
    )


def _is_ours(annotation: Annotation) -> bool:
    return annotation.value.items() >= _MARK.items()


def _branch_of_point(name: str) -> str | None:
    """Return the branch that a restore point of that name belongs to; None: it is none."""
    match = _POINT.fullmatch(name)
    return match and match["branch"]


def _point_of_branch(neon: NeonBranch, branch: str) -> RestorePoint:
    return RestorePoint(neon.id, neon.name, branch, "branch", neon.created_at)


def _point_of_snapshot(snapshot: Snapshot, branch: str) -> RestorePoint:
    return RestorePoint(snapshot.id, snapshot.name, branch, "snapshot", snapshot.created_at)


def _required_parent(found: _Branches, name: str) -> str:
    neon = found.named(name)
    if neon is None or neon.parent_id is None:
        raise UsageError(f"{name} has no parent to be reset to.", "Make a branch of another one.")
    return neon.parent_id


async def _never() -> None:
    return None
