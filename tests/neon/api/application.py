"""The routes of Neon's API v2 that have to do with branches, over the stand-in's project."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import bodies
from .project import ApiError, Branch, Operation, Project

BASE: Final = "/api/v2"
_PAGE: Final = 100

Handler = Callable[[Project, Request], Awaitable[Response]]
_ROUTES: Final[list[tuple[str, str, Handler]]] = []


def build_application(project: Project, key: str) -> Starlette:
    """Return the application; `key` is the one API key that it knows."""
    routes = [
        Route(BASE + path, _endpoint(project, key, handler), methods=[method])
        for method, path, handler in _ROUTES
    ]
    return Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_route})


def _endpoint(
    project: Project, key: str, handler: Handler
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            if request.headers.get("authorization") != f"Bearer {key}":
                raise ApiError(401, "This endpoint requires authentication")
            if request.path_params.get("project_id", project.id) != project.id:
                raise ApiError(404, "project not found")
            await project.expire()
            if request.method != "GET":
                project.require_idle()
            return await handler(project, request)
        except ApiError as error:
            return JSONResponse({"code": "", "message": error.message}, error.status)

    return endpoint


async def _no_route(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"code": "", "message": "this page does not exist"}, 404)


def _route(method: str, path: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        _ROUTES.append((method, path, handler))
        return handler

    return register


async def _body(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(await request.body() or b"{}")
    return body


def _branch(project: Project, request: Request) -> Branch:
    return project.branch(request.path_params["branch_id"])


def _operations(project: Project, operations: list[Operation]) -> dict[str, Any]:
    return {"operations": [bodies.operation_body(project, each) for each in operations]}


def _endpoints(project: Project, *branches: Branch) -> dict[str, Any]:
    return {
        "endpoints": [
            bodies.endpoint_body(project, branch, endpoint)
            for branch in branches
            for endpoint in branch.endpoints
        ]
    }


def _branch_and_operations(
    project: Project, branch: Branch, operations: list[Operation]
) -> dict[str, Any]:
    return {"branch": bodies.branch_body(project, branch)} | _operations(project, operations)


@_route("GET", "/projects/{project_id}")
async def _get_project(project: Project, _: Request) -> Response:
    return JSONResponse({"project": bodies.project_body(project)})


@_route("GET", "/projects/{project_id}/branches")
async def _list_branches(project: Project, request: Request) -> Response:
    """List a page. `pagination.next` comes back even on the last page, which is an empty one."""
    limit = int(request.query_params.get("limit", _PAGE))
    after = int(request.query_params.get("cursor", "0"))
    search = request.query_params.get("search", "")
    found = [
        branch
        for branch in project.branches.values()
        if not branch.is_gone and (search in branch.name or search in branch.id)
    ]
    page = found[after : after + limit]
    pagination = {"next": str(after + len(page)), "sort_by": "updated_at", "sort_order": "desc"}
    listed = [bodies.branch_body(project, branch) for branch in page]
    annotations = {
        branch.id: bodies.annotation_body(branch) for branch in page if branch.annotation
    }
    return JSONResponse({"branches": listed, "annotations": annotations, "pagination": pagination})


@_route("POST", "/projects/{project_id}/branches")
async def _create_branch(project: Project, request: Request) -> Response:
    branch, operations = project.create(await _body(request))
    created = _branch_and_operations(project, branch, operations) | _endpoints(project, branch)
    created |= {
        "roles": [bodies.role_body(branch)],
        "databases": bodies.database_bodies(project, branch),
    }
    return JSONResponse(created, 201)


@_route("GET", "/projects/{project_id}/branches/{branch_id}")
async def _get_branch(project: Project, request: Request) -> Response:
    branch = _branch(project, request)
    body = {"branch": bodies.branch_body(project, branch)}
    return JSONResponse(body | {"annotation": bodies.annotation_body(branch)})


@_route("PATCH", "/projects/{project_id}/branches/{branch_id}")
async def _update_branch(project: Project, request: Request) -> Response:
    branch = _branch(project, request)
    project.update(branch, (await _body(request))["branch"])
    return JSONResponse(_branch_and_operations(project, branch, []))


@_route("DELETE", "/projects/{project_id}/branches/{branch_id}")
async def _delete_branch(project: Project, request: Request) -> Response:
    gone = project.branches.get(request.path_params["branch_id"])
    if gone is None or gone.is_gone:
        return Response(status_code=204)
    return JSONResponse(_branch_and_operations(project, gone, project.delete(gone)))


@_route("POST", "/projects/{project_id}/branches/{branch_id}/restore")
async def _restore_branch(project: Project, request: Request) -> Response:
    branch = _branch(project, request)
    operations = project.restore(branch, await _body(request))
    return JSONResponse(_branch_and_operations(project, branch, operations))


@_route("POST", "/projects/{project_id}/branches/{branch_id}/finalize_restore")
async def _finalize_restore(project: Project, request: Request) -> Response:
    name = (await _body(request)).get("name")
    return JSONResponse(_operations(project, project.finalize(_branch(project, request), name)))


@_route("GET", "/projects/{project_id}/branches/{branch_id}/endpoints")
async def _list_branch_endpoints(project: Project, request: Request) -> Response:
    return JSONResponse(_endpoints(project, _branch(project, request)))


@_route("GET", "/projects/{project_id}/endpoints")
async def _list_endpoints(project: Project, _: Request) -> Response:
    there = [branch for branch in project.branches.values() if not branch.is_gone]
    return JSONResponse(_endpoints(project, *there))


@_route("GET", "/projects/{project_id}/branches/{branch_id}/databases")
async def _list_databases(project: Project, request: Request) -> Response:
    return JSONResponse({"databases": bodies.database_bodies(project, _branch(project, request))})


@_route("GET", "/projects/{project_id}/branches/{branch_id}/roles")
async def _list_roles(project: Project, request: Request) -> Response:
    return JSONResponse({"roles": [bodies.role_body(_branch(project, request))]})


@_route("GET", "/projects/{project_id}/connection_uri")
async def _connection_uri(project: Project, request: Request) -> Response:
    query = request.query_params
    branch = project.branch(query.get("branch_id", project.default_branch.id))
    pooled = query.get("pooled") == "true"
    uri = project.uri(branch, query["database_name"], query["role_name"], pooled=pooled)
    return JSONResponse({"uri": uri})


@_route("GET", "/projects/{project_id}/branches/{branch_id}/schema")
async def _schema(project: Project, request: Request) -> Response:
    branch = _branch(project, request)
    return JSONResponse({"sql": await project.databases.schema(branch.database)})


@_route("GET", "/projects/{project_id}/branches/{branch_id}/compare_schema")
async def _compare_schema(project: Project, request: Request) -> Response:
    branch = _branch(project, request)
    base = request.query_params.get("base_branch_id", branch.parent_id)
    if base is None:
        raise ApiError(400, "base_branch_id is required: the branch has no parent")
    return JSONResponse({"diff": await project.compare_schema(branch, project.branch(base))})


@_route("GET", "/projects/{project_id}/operations")
async def _list_operations(project: Project, request: Request) -> Response:
    limit = int(request.query_params.get("limit", _PAGE))
    after = int(request.query_params.get("cursor", "0"))
    newest_first = list(reversed(project.operations.values()))
    page = newest_first[after : after + limit]
    pagination = {"cursor": str(after + len(page))}
    return JSONResponse(_operations(project, page) | {"pagination": pagination})


@_route("GET", "/projects/{project_id}/operations/{operation_id}")
async def _get_operation(project: Project, request: Request) -> Response:
    operation = project.operations.get(request.path_params["operation_id"])
    if operation is None:
        raise ApiError(404, "operation not found")
    return JSONResponse({"operation": bodies.operation_body(project, operation)})


@_route("POST", "/projects/{project_id}/branches/{branch_id}/snapshot")
async def _create_snapshot(project: Project, request: Request) -> Response:
    taken, operations = project.snapshot(
        _branch(project, request), request.query_params.get("name")
    )
    snapshot = {"snapshot": bodies.snapshot_body(taken)}
    return JSONResponse(snapshot | _operations(project, operations))


@_route("GET", "/projects/{project_id}/snapshots")
async def _list_snapshots(project: Project, _: Request) -> Response:
    return JSONResponse(
        {"snapshots": [bodies.snapshot_body(each) for each in project.snapshots.values()]}
    )


@_route("DELETE", "/projects/{project_id}/snapshots/{snapshot_id}")
async def _delete_snapshot(project: Project, request: Request) -> Response:
    operations = project.delete_snapshot(request.path_params["snapshot_id"])
    return JSONResponse(_operations(project, operations), 202)


@_route("POST", "/projects/{project_id}/snapshots/{snapshot_id}/restore")
async def _restore_snapshot(project: Project, request: Request) -> Response:
    taken = project.taken(request.path_params["snapshot_id"])
    branch, operations = project.restore_snapshot(taken, await _body(request))
    answer = _branch_and_operations(project, branch, operations)
    return JSONResponse(answer | _endpoints(project, branch))
