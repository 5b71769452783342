"""The stand-in's one project: branches, endpoints, snapshots, operations and Neon's rules.

The rules are the document's own sentences; where it is silent, each has its source beside it.
"""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import unified_diff
from itertools import count
from pathlib import Path
from secrets import randbelow, token_hex, token_urlsafe
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from alembic_neon.embedded.server import OWNER

from .databases import Databases

DATABASE: Final = "neondb"
REGION: Final = "aws-eu-central-1"
MAX_TTL: Final = timedelta(days=30)
_FINAL: Final = ("finished", "skipped", "failed", "error", "cancelled")
_LOCKED: Final = "project already has running operations, scheduling of new ones is prohibited"

Work = Callable[[], Awaitable[None]]


class ApiError(Exception):
    """An answer that is an error: its status and Neon's message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(eq=False)
class Endpoint:
    """A compute. Its id is what a connection string leads to, so it moves with a restore."""

    id: str
    type: str
    created_at: datetime


@dataclass(eq=False)
class Branch:
    """A branch; `database` is the name of the real one behind it."""

    id: str
    name: str
    parent_id: str | None
    database: str
    password: str
    created_at: datetime
    default: bool = False
    protected: bool = False
    state: str = "init"
    expires_at: datetime | None = None
    init_source: str = "parent-data"
    restored_from: str | None = None
    restored_as: str | None = None
    is_replaced: bool = False
    is_gone: bool = False
    endpoints: list[Endpoint] = field(default_factory=list)
    annotation: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Snapshot:
    """A snapshot of a root branch."""

    id: str
    name: str
    source_branch_id: str
    database: str
    created_at: datetime


@dataclass(eq=False)
class Operation:
    """A step of asynchronous work."""

    id: str
    action: str
    branch_id: str
    endpoint_id: str | None
    created_at: datetime
    work: Work | None = None
    status: str = "scheduling"
    error: str | None = None


@dataclass(eq=False)
class Project:
    """All of the state, changed only in the server's event loop."""

    databases: Databases
    id: str
    seconds: float = 0.02  # of each of an operation's two stages
    failing: list[str] = field(default_factory=list)  # actions whose next operation fails
    branches: dict[str, Branch] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    more_databases: dict[str, str] = field(default_factory=dict)  # beside DATABASE; their owners
    operations: dict[str, Operation] = field(default_factory=dict)
    _hosts: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="neon-api-")))
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def begin(self) -> None:
        """Make the root branch `main` with its compute, as a new project has it."""
        main = Branch(_id("br"), "main", None, self._database(), token_urlsafe(9), _now())
        main.default, main.state = True, "ready"
        await self.databases.create(main.database)
        self.branches[main.id] = main
        self._add_endpoint(main, "read_write")

    async def end(self) -> None:
        """Drop everything."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        names = [
            self.real_name(branch, name)
            for branch in self.branches.values()
            for name in (DATABASE, *self.more_databases)
        ]
        await self.databases.drop(*names, *(each.database for each in self.snapshots.values()))
        for path in self._hosts.iterdir():
            path.unlink()
        self._hosts.rmdir()

    # What may be done

    def require_idle(self) -> None:
        """Refuse while an operation runs, as Neon does for each write: 423."""
        if any(operation.status not in _FINAL for operation in self.operations.values()):
            raise ApiError(423, _LOCKED)

    async def expire(self) -> None:
        """Delete the branches whose time is over; on Neon a background job does."""
        for branch in list(self.branches.values()):
            if branch.expires_at and branch.expires_at <= _now() and not branch.is_gone:
                branch.is_gone = True
                await self._forget(branch)

    def branch(self, branch_id: str) -> Branch:
        """Return a branch by its id."""
        branch = self.branches.get(branch_id)
        if branch is None or branch.is_gone:
            raise ApiError(404, f"branch not found: {branch_id}")
        return branch

    @property
    def default_branch(self) -> Branch:
        """The default branch."""
        return next(branch for branch in self.branches.values() if branch.default)

    def children(self, branch: Branch) -> list[Branch]:
        """Return the branches made from one."""
        return [
            other
            for other in self.branches.values()
            if other.parent_id == branch.id and not other.is_gone
        ]

    # What is done

    def create(self, body: dict[str, Any]) -> tuple[Branch, list[Operation]]:
        """Begin to create a branch, with a compute where one is asked for."""
        wanted = body.get("branch", {})
        parent = self.branch(wanted.get("parent_id") or self.default_branch.id)
        name = wanted.get("name") or _id("br")
        self._require_free(name)
        # https://neon.com/docs/guides/branch-expiration: no children of an expiring branch
        if parent.expires_at:
            raise ApiError(422, "branches with an expiration cannot have child branches")
        if wanted.get("protected") and wanted.get("expires_at"):
            raise ApiError(422, "protected branches cannot have an expiration")
        kinds = [endpoint["type"] for endpoint in body.get("endpoints", [])]
        if kinds.count("read_write") > 1:
            raise ApiError(409, "read-write endpoint already exists for the branch")
        is_schema = wanted.get("init_source") == "schema-only"
        branch = self._new_branch(name, None if is_schema else parent)
        branch.init_source = wanted.get("init_source", "parent-data")
        # https://neon.com/docs/guides/protected-branches: children get new passwords
        branch.password = token_urlsafe(9) if parent.protected else parent.password
        branch.protected = wanted.get("protected", False)
        branch.expires_at = self._expiry(wanted.get("expires_at"))
        branch.annotation = body.get("annotation_value", {})

        async def work() -> None:
            copy = self.databases.copy_schema if is_schema else self.databases.copy
            await copy(parent.database, branch.database)
            for name in self.more_databases:
                await copy(self.real_name(parent, name), self.real_name(branch, name))
            branch.state = "ready"

        operations = [self._operation("create_branch", branch, work=work)]
        for kind in kinds:
            endpoint = self._add_endpoint(branch, kind)
            operations.append(self._operation("start_compute", branch, endpoint))
        self._run(operations)
        return branch, operations

    def update(self, branch: Branch, wanted: dict[str, Any]) -> None:
        """Change a branch's name, protection or time to live."""
        if "name" in wanted and wanted["name"] != branch.name:
            self._require_free(wanted["name"])
            branch.name = wanted["name"]
        branch.protected = wanted.get("protected", branch.protected)
        if "expires_at" in wanted:
            expires_at = self._expiry(wanted["expires_at"])
            if expires_at and (branch.default or branch.protected or self.children(branch)):
                raise ApiError(422, "this branch cannot have an expiration")
            branch.expires_at = expires_at

    def delete(self, branch: Branch) -> list[Operation]:
        """Begin to delete a branch."""
        if branch.default:
            raise ApiError(422, "cannot delete the default branch")
        if (
            branch.parent_id is None
            and not branch.is_replaced
            and branch.init_source != "schema-only"
        ):
            raise ApiError(422, "cannot delete the project's root branch")
        if branch.protected:
            raise ApiError(422, "cannot delete a protected branch")
        if self.children(branch):
            raise ApiError(422, "cannot delete branch that has children")
        branch.is_gone = True
        operations = [
            self._operation("suspend_compute", branch, endpoint) for endpoint in branch.endpoints
        ]
        operations.append(
            self._operation("delete_timeline", branch, work=lambda: self._forget(branch))
        )
        self._run(operations)
        return operations

    def restore(self, branch: Branch, body: dict[str, Any]) -> list[Operation]:
        """Begin to restore a branch to the present state of another one."""
        source = self.branch(body["source_branch_id"])
        preserve = body.get("preserve_under_name")
        if body.get("source_timestamp") or body.get("source_lsn"):
            raise ApiError(422, "the requested point is outside of the restore window")
        if source is branch:
            raise ApiError(422, "source_timestamp or source_lsn is required")
        if branch.protected:  # https://neon.com/docs/guides/protected-branches: cannot be reset
            raise ApiError(422, "cannot reset or restore a protected branch")
        if self.children(branch) and not preserve:
            raise ApiError(422, "preserve_under_name is required: the branch has children")
        kept: Branch | None = None
        if preserve:
            self._require_free(preserve)
            kept = self._new_branch(preserve, None)
            kept.parent_id, kept.password, kept.state = branch.parent_id, branch.password, "ready"
            kept.is_replaced = True
            for child in self.children(branch):
                child.parent_id = kept.id
        branch.state, branch.parent_id = "resetting", source.id

        async def work() -> None:
            fresh = kept.database if kept else f"{branch.database}-old"
            await self.databases.copy(source.database, fresh)
            await self.databases.swap(branch.database, fresh)
            if kept is None:
                await self.databases.drop(fresh)
            branch.state = "ready"

        operations = [self._operation("create_timeline", branch, work=work)]
        operations += [self._operation("start_compute", branch, each) for each in branch.endpoints]
        self._run(operations)
        return operations

    def snapshot(self, branch: Branch, name: str | None) -> tuple[Snapshot, list[Operation]]:
        """Begin to take a snapshot; only root branches have them."""
        if branch.parent_id is not None:
            raise ApiError(422, "snapshots can only be created for root branches")
        taken = Snapshot(_id("snap"), name or _id("snapshot"), branch.id, self._database(), _now())
        self.snapshots[taken.id] = taken
        copy = self._operation(
            "create_timeline",
            branch,
            work=lambda: self.databases.copy(branch.database, taken.database),
        )
        self._run([copy])
        return taken, [copy]

    def delete_snapshot(self, snapshot_id: str) -> list[Operation]:
        """Begin to delete a snapshot."""
        taken = self.taken(snapshot_id)
        del self.snapshots[taken.id]
        branch = self.branches.get(taken.source_branch_id) or self.default_branch
        work = self._operation(
            "delete_timeline", branch, work=lambda: self.databases.drop(taken.database)
        )
        self._run([work])
        return [work]

    def taken(self, snapshot_id: str) -> Snapshot:
        """Return a snapshot by its id."""
        if snapshot_id not in self.snapshots:
            raise ApiError(404, f"snapshot not found: {snapshot_id}")
        return self.snapshots[snapshot_id]

    def restore_snapshot(
        self, taken: Snapshot, body: dict[str, Any]
    ) -> tuple[Branch, list[Operation]]:
        """Begin to make a branch from a snapshot, and let it replace its origin where asked."""
        target = self.branch(body.get("target_branch_id") or taken.source_branch_id)
        name = body.get("name") or f"{target.name}_restored_{token_hex(3)}"
        self._require_free(name)
        branch = self._new_branch(name, None)
        branch.password = target.password
        branch.restored_from, branch.restored_as = taken.id, target.id

        async def work() -> None:
            await self.databases.copy(taken.database, branch.database)
            branch.state = "ready"

        operations = [self._operation("create_timeline", branch, work=work)]
        if body.get("finalize_restore"):
            operations += self._finalize(branch, None)
        self._run(operations)
        return branch, operations

    def finalize(self, branch: Branch, name: str | None) -> list[Operation]:
        """Begin to let a restored branch take its origin's name, computes and place."""
        if branch.restored_as is None or self.branches.get(branch.restored_as) is None:
            raise ApiError(422, "the branch was not restored from a snapshot")
        operations = self._finalize(branch, name)
        self._run(operations)
        return operations

    def _finalize(self, branch: Branch, name: str | None) -> list[Operation]:
        old = self.branch(branch.restored_as or "")
        if name:
            self._require_free(name)
        branch.name, old.name = old.name, name or f"{old.name} (old) {token_hex(3)}"
        branch.default, old.default, old.is_replaced = old.default, False, True
        branch.protected, old.protected = old.protected, False
        branch.endpoints, old.endpoints = old.endpoints, []
        branch.restored_as = None

        async def work() -> None:  # the connection string leads to the database's name
            await self.databases.swap(branch.database, old.database)
            branch.database, old.database = old.database, branch.database

        return [self._operation("apply_config", branch, branch.endpoints[0], work=work)]

    # What is told

    def uri(self, branch: Branch, database: str, role: str, *, pooled: bool) -> str:
        """Return a connection string that really leads to the branch's database.

        The host is a folder of a Unix socket, named after the endpoint as Neon's hosts are.
        """
        if not branch.endpoints:
            raise ApiError(404, "the branch has no compute endpoint")
        # A connection string has the real database's name, by which a client may ask, too.
        owners = {DATABASE: OWNER, **self.more_databases}
        name = database.rpartition("+")[2] if "+" in database else database
        name = DATABASE if any(each.database == name for each in self.branches.values()) else name
        if name not in owners or role not in (OWNER, owners[name]):
            raise ApiError(404, f"database {database} or role {role} not found")
        host = self.host(branch.endpoints[0], pooled=pooled)
        real = quote(self.real_name(branch, name))
        return f"postgresql://{role}:{branch.password}@/{real}?host={quote(host)}"

    def real_name(self, branch: Branch, database: str) -> str:
        """Return the name of the real database behind one of a branch's."""
        return branch.database if database == DATABASE else f"{branch.database}+{database}"

    async def add_database(self, name: str, owner: str = OWNER) -> None:
        """Make one more database in the only branch that there is."""
        (branch,) = self.branches.values()
        self.more_databases[name] = owner
        await self.databases.create(self.real_name(branch, name))

    def host(self, endpoint: Endpoint, *, pooled: bool = False) -> str:
        """Return an endpoint's host."""
        return str(self._hosts / (endpoint.id + "-pooler" * pooled))

    async def compare_schema(self, branch: Branch, base: Branch) -> str:
        """Return the difference between two schemas, as `diff -u` writes it."""
        texts = [await self.databases.schema(each.database) for each in (base, branch)]
        old, new = (_without_nonce(text).splitlines(keepends=True) for text in texts)
        return "".join(unified_diff(old, new, f"a/{DATABASE}", f"b/{DATABASE}"))

    # How it is done

    def _new_branch(self, name: str, parent: Branch | None) -> Branch:
        branch = Branch(
            _id("br"),
            name,
            parent.id if parent else None,
            self._database(),
            token_urlsafe(9),
            _now(),
        )
        self.branches[branch.id] = branch
        return branch

    def _require_free(self, name: str) -> None:
        if any(each.name == name and not each.is_gone for each in self.branches.values()):
            raise ApiError(409, f'branch with name "{name}" already exists')

    def _expiry(self, text: str | None) -> datetime | None:
        if text is None:
            return None
        expires_at = datetime.fromisoformat(text)
        if not _now() < expires_at <= _now() + MAX_TTL:
            raise ApiError(422, "expires_at must be in the future and at most 30 days from now")
        return expires_at

    def _database(self) -> str:
        return f"neon-{os.getpid()}-{self.id[-6:]}-{next(self._numbers)}"

    def _add_endpoint(self, branch: Branch, kind: str) -> Endpoint:
        endpoint = Endpoint(_id("ep"), kind, _now())
        branch.endpoints.append(endpoint)
        for pooled in (False, True):
            Path(self.host(endpoint, pooled=pooled)).symlink_to(self.databases.server.socket_folder)
        return endpoint

    async def _forget(self, branch: Branch) -> None:
        names = (DATABASE, *self.more_databases)
        await self.databases.drop(*(self.real_name(branch, name) for name in names))
        self.branches.pop(branch.id, None)

    def _operation(
        self,
        action: str,
        branch: Branch,
        endpoint: Endpoint | None = None,
        work: Work | None = None,
    ) -> Operation:
        endpoint_id = endpoint.id if endpoint else None
        operation = Operation(str(uuid4()), action, branch.id, endpoint_id, _now(), work)
        self.operations[operation.id] = operation
        return operation

    def _run(self, operations: list[Operation]) -> None:
        task = asyncio.get_running_loop().create_task(self._work(operations))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, operations: list[Operation]) -> None:
        """Carry operations out one after the other; after a failure the others are cancelled."""
        for number, operation in enumerate(operations):
            await asyncio.sleep(self.seconds)
            operation.status = "running"
            try:
                await asyncio.sleep(self.seconds)
                if operation.action in self.failing:
                    self.failing.remove(operation.action)
                    raise RuntimeError("the storage did not answer")
                if operation.work is not None:
                    await operation.work()
            except Exception as error:  # noqa: BLE001 - whatever it is, a client must learn of it
                operation.status, operation.error = "failed", str(error)
                for other in operations[number + 1 :]:
                    other.status = "cancelled"
                return
            operation.status = "finished"


def _now() -> datetime:
    return datetime.now(UTC)


def _id(prefix: str) -> str:
    return f"{prefix}-{token_hex(3)}-{token_hex(3)}-{10_000_000 + randbelow(90_000_000)}"


def _without_nonce(dump: str) -> str:
    """Leave out pg_dump's \\restrict lines, which differ in each dump."""
    return "".join(
        line
        for line in dump.splitlines(keepends=True)
        if not line.startswith(("\\restrict", "\\unrestrict"))
    )
