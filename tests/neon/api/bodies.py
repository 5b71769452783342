"""Neon's JSON for what the stand-in's project has: the fields that the document requires."""

from datetime import datetime
from typing import Any

from alembic_neon.embedded.server import OWNER

from .project import DATABASE, REGION, Branch, Endpoint, Operation, Project, Snapshot

Json = dict[str, Any]

_COUNTERS = ("cpu_used_sec", "compute_time_seconds", "active_time_seconds")
_BYTES = ("written_data_bytes", "data_transfer_bytes")


def branch_body(project: Project, branch: Branch) -> Json:
    """Return a branch."""
    body = {
        "id": branch.id,
        "project_id": project.id,
        "name": branch.name,
        "current_state": branch.state,
        "state_changed_at": _time(branch.created_at),
        "logical_size": 30_000_000,
        "creation_source": "console",
        "default": branch.default,
        "primary": branch.default,
        "protected": branch.protected,
        **dict.fromkeys(_COUNTERS + _BYTES, 0),
        "created_at": _time(branch.created_at),
        "updated_at": _time(branch.created_at),
        "init_source": branch.init_source,
    }
    if branch.state != "ready":
        body["pending_state"] = "ready"
    if branch.parent_id:
        body |= {"parent_id": branch.parent_id, "parent_lsn": "0/1E19478"}
    if branch.expires_at:
        body["expires_at"] = _time(branch.expires_at)
    if branch.restored_from:
        body["restored_from"] = branch.restored_from
    if branch.restored_as:
        body["restored_as"] = branch.restored_as
    return body


def endpoint_body(project: Project, branch: Branch, endpoint: Endpoint) -> Json:
    """Return a compute endpoint."""
    return {
        "id": endpoint.id,
        "host": project.host(endpoint),
        "project_id": project.id,
        "branch_id": branch.id,
        "autoscaling_limit_min_cu": 0.25,
        "autoscaling_limit_max_cu": 0.25,
        "region_id": REGION,
        "type": endpoint.type,
        "current_state": "active" if branch.state == "ready" else "init",
        "settings": {"pg_settings": {}},
        "pooler_enabled": False,
        "pooler_mode": "transaction",
        "disabled": False,
        "passwordless_access": True,
        "creation_source": "console",
        "created_at": _time(endpoint.created_at),
        "updated_at": _time(endpoint.created_at),
        "proxy_host": f"{REGION}.aws.neon.tech",
        "suspend_timeout_seconds": 0,
        "provisioner": "k8s-neonvm",
    }


def operation_body(project: Project, operation: Operation) -> Json:
    """Return an operation."""
    body = {
        "id": operation.id,
        "project_id": project.id,
        "branch_id": operation.branch_id,
        "action": operation.action,
        "status": operation.status,
        "failures_count": 1 if operation.error else 0,
        "created_at": _time(operation.created_at),
        "updated_at": _time(operation.created_at),
        "total_duration_ms": 0,
    }
    if operation.endpoint_id:
        body["endpoint_id"] = operation.endpoint_id
    if operation.error:
        body["error"] = operation.error
    return body


def snapshot_body(snapshot: Snapshot) -> Json:
    """Return a snapshot."""
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "source_branch_id": snapshot.source_branch_id,
        "created_at": _time(snapshot.created_at),
        "manual": True,
    }


def role_body(branch: Branch) -> Json:
    """Return the one role, without its password, which only a connection string tells."""
    times = {"created_at": _time(branch.created_at), "updated_at": _time(branch.created_at)}
    return {"branch_id": branch.id, "name": OWNER, "protected": False} | times


def database_bodies(project: Project, branch: Branch) -> list[Json]:
    """Return the databases of a branch."""
    times = {"created_at": _time(branch.created_at), "updated_at": _time(branch.created_at)}
    owners = {DATABASE: OWNER, **project.more_databases}
    return [
        {"id": number, "branch_id": branch.id, "name": name, "owner_name": owner} | times
        for number, (name, owner) in enumerate(owners.items(), 1)
    ]


def annotation_body(branch: Branch) -> Json:
    """Return what a branch's maker wrote to it."""
    return {"object": {"type": "console/branch", "id": branch.id}, "value": branch.annotation}


def project_body(project: Project) -> Json:
    """Return the project."""
    created = _time(min(branch.created_at for branch in project.branches.values()))
    return {
        "id": project.id,
        "platform_id": "aws",
        "region_id": REGION,
        "name": "stand-in",
        "provisioner": "k8s-neonvm",
        "pg_version": project.databases.server.major_version,
        "proxy_host": f"{REGION}.aws.neon.tech",
        "branch_logical_size_limit": 0,
        "branch_logical_size_limit_bytes": 0,
        "store_passwords": True,
        "creation_source": "console",
        "history_retention_seconds": 86400,
        "owner_id": "stand-in",
        **dict.fromkeys((*_COUNTERS[:1], *_BYTES), 0),
        **dict.fromkeys(("data_storage_bytes_hour", "compute_time_seconds"), 0),
        "active_time_seconds": 0,
        "active_time": 0,
        "consumption_period_start": created,
        "consumption_period_end": created,
        "created_at": created,
        "updated_at": created,
    }


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
