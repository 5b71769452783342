"""The stand-in for Neon's API itself, by a client that is not ours: the rules and the contract."""

import json
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from alembic_neon.engine.url import DatabaseURL
from neon.api import document
from neon.api.contract import Contract
from neon.api.server import KEY, NeonApi
from queries import first_column


class Client:
    """A plain HTTP client."""

    def __init__(self, api: NeonApi) -> None:
        self._connection = HTTPConnection(api.host.removeprefix("http://"), timeout=30)
        self._base = f"/api/v2/projects/{api.project.id}"

    def __call__(
        self, method: str, path: str = "", body: Any = None, key: str = KEY
    ) -> tuple[int, Any]:
        content = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._connection.request(method, self._base + path, content, headers)
        response = self._connection.getresponse()
        read = response.read()
        return response.status, json.loads(read) if read else None

    def wait(self) -> None:
        """Wait until no operation runs."""
        for _ in range(600):
            operations = self("GET", "/operations")[1]["operations"]
            if all(each["status"] in ("finished", "failed", "cancelled") for each in operations):
                return
            time.sleep(0.02)
        raise AssertionError("an operation did not end")

    def made(self, name: str, **branch: Any) -> Any:
        body = {"branch": {"name": name} | branch, "endpoints": [{"type": "read_write"}]}
        status, answer = self("POST", "/branches", body)
        assert status == 201, answer
        self.wait()
        return answer["branch"]

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def neon(neon_api: NeonApi) -> Iterator[Client]:
    client = Client(neon_api)
    yield client
    client.close()


def uri(neon: Client, branch: Any) -> DatabaseURL:
    query = f"database_name=neondb&role_name=neondb_owner&branch_id={branch['id']}"
    return DatabaseURL.parse(neon("GET", f"/connection_uri?{query}")[1]["uri"])


def test_operations_take_their_time_and_the_project_is_locked_meanwhile(
    neon: Client, neon_api: NeonApi
) -> None:
    neon_api.project.seconds = 0.2
    status, answer = neon("POST", "/branches", {"endpoints": [{"type": "read_write"}]})
    assert status == 201
    assert [each["status"] for each in answer["operations"]] == ["scheduling", "scheduling"]
    assert (answer["branch"]["current_state"], answer["branch"]["pending_state"]) == (
        "init",
        "ready",
    )
    assert neon("POST", "/branches", {}) == (
        423,
        {
            "code": "",
            "message": "project already has running operations, scheduling of new ones is"
            " prohibited",
        },
    )
    seen = set()
    while "finished" not in seen:
        path = f"/operations/{answer['operations'][0]['id']}"
        seen.add(neon("GET", path)[1]["operation"]["status"])
    assert seen == {"scheduling", "running", "finished"}
    neon.wait()


def test_a_branch_without_endpoints_has_no_compute(neon: Client) -> None:
    _, answer = neon("POST", "/branches", {"branch": {"name": "bare"}})
    assert answer["endpoints"] == []
    neon.wait()
    query = f"database_name=neondb&role_name=neondb_owner&branch_id={answer['branch']['id']}"
    assert neon("GET", f"/connection_uri?{query}")[0] == 404


def test_the_next_page_never_ends(neon: Client) -> None:
    cursor = ""
    for expected in (1, 0, 0):
        _, page = neon("GET", f"/branches?limit=1{cursor}")
        assert len(page["branches"]) == expected
        cursor = f"&cursor={page['pagination']['next']}"


def test_what_may_not_be_deleted_is_not(neon: Client) -> None:
    main = neon("GET", "/branches")[1]["branches"][0]
    parent = neon.made("parent")
    neon.made("child", parent_id=parent["id"])
    guarded = neon.made("guarded", protected=True)
    for branch in (main, parent, guarded):
        status, answer = neon("DELETE", f"/branches/{branch['id']}")
        assert (status, answer["code"]) == (422, "")
    assert neon("DELETE", "/branches/br-never-was-1") == (204, None)


@pytest.mark.parametrize("text", ["2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z"])
def test_a_time_to_live_ends_within_thirty_days(neon: Client, text: str) -> None:
    body = {"branch": {"name": "short", "expires_at": text}}
    assert neon("POST", "/branches", body)[0] == 422


def test_the_default_branch_and_parents_do_not_expire(neon: Client, neon_api: NeonApi) -> None:
    parent = neon.made("parent")
    neon.made("child", parent_id=parent["id"])
    soon = "2999-01-01T00:00:00Z"
    assert neon("PATCH", f"/branches/{parent['id']}", {"branch": {"expires_at": soon}})[0] == 422
    assert neon("PATCH", f"/branches/{parent['id']}", {"branch": {"expires_at": None}})[0] == 200


async def test_schemas_are_told_and_compared(neon: Client) -> None:
    branch = neon.made("dev")
    await first_column(uri(neon, branch), "CREATE TABLE added (n int)")
    path = f"/branches/{branch['id']}"
    assert "CREATE TABLE public.added" in neon("GET", f"{path}/schema?db_name=neondb")[1]["sql"]
    diff = neon("GET", f"{path}/compare_schema?db_name=neondb")[1]["diff"]
    assert "+CREATE TABLE public.added" in diff
    same = f"{path}/compare_schema?db_name=neondb&base_branch_id={branch['id']}"
    assert neon("GET", same)[1]["diff"] == ""


async def test_a_schema_only_branch_is_a_root_without_rows(neon: Client) -> None:
    main = neon("GET", "/branches")[1]["branches"][0]
    await first_column(uri(neon, main), "CREATE TABLE t AS SELECT 1 AS n")
    branch = neon.made("bare", init_source="schema-only")
    assert "parent_id" not in branch
    assert await first_column(uri(neon, branch), "SELECT count(*) FROM t") == [0]


def test_children_move_to_the_preserved_branch(neon: Client) -> None:
    main = neon("GET", "/branches")[1]["branches"][0]
    parent = neon.made("parent")
    child = neon.made("child", parent_id=parent["id"])
    path, body = f"/branches/{parent['id']}/restore", {"source_branch_id": main["id"]}
    assert neon("POST", path, body)[0] == 422, "preserve_under_name is required"
    assert neon("POST", path, body | {"preserve_under_name": "before"})[0] == 200
    neon.wait()
    there = {each["id"]: each for each in neon("GET", "/branches")[1]["branches"]}
    assert there[there[child["id"]]["parent_id"]]["name"] == "before"
    assert neon("POST", f"/branches/{child['id']}/snapshot")[0] == 422, "no root"


def test_a_wrong_key_and_an_unknown_branch_are_errors(neon: Client) -> None:
    assert neon("GET", "", key="wrong")[0] == 401
    status, answer = neon("GET", "/branches/br-never-was-1")
    assert status == 404
    assert answer.keys() == {"code", "message"}


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "/branches", {"branch": {"expire_at": "x"}}, "field expire_at is unknown"),
        ("POST", "/branches", {"branch": {"name": ""}}, "should be non-empty"),
        ("POST", "/branches", {"endpoints": [{}]}, "'type' is a required property"),
        ("GET", "/branches?limits=3", None, "parameter limits is unknown"),
        ("GET", "/branches?limit=0", None, "less than the minimum"),
        ("GET", "/connection_uri?role_name=r", None, "parameter database_name is missing"),
        ("GET", "/nonsense", None, "it is not in the document"),
    ],
)
def test_a_request_that_the_document_does_not_allow_is_a_breach(
    neon: Client, neon_api: NeonApi, method: str, path: str, body: Any, said: str
) -> None:
    assert neon(method, path, body)[0] in (400, 404)
    (breach,) = neon_api.contract.breaches
    assert said in breach
    neon_api.contract.breaches.clear()


def test_a_response_that_the_document_does_not_allow_is_a_breach(
    neon: Client, neon_api: NeonApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neon.api.bodies.role_body", lambda branch: {"name": 5})
    branch = neon("GET", "/branches")[1]["branches"][0]
    assert neon("GET", f"/branches/{branch['id']}/roles")[0] == 500
    (breach,) = neon_api.contract.breaches
    assert breach.startswith(
        "response 200 of GET /projects/{project_id}/branches/{branch_id}/roles"
    )
    neon_api.contract.breaches.clear()


def test_the_rest_of_what_is_read_keeps_the_contract(neon: Client) -> None:
    branch = neon("GET", "/branches")[1]["branches"][0]
    paths = ("", "/endpoints", "/operations", "/snapshots", "/branches?search=main")
    below = ("", "/roles", "/databases", "/endpoints")
    for path in [*paths, *(f"/branches/{branch['id']}{each}" for each in below)]:
        assert neon("GET", path)[0] == 200, path


def test_the_document_of_the_npm_package_is_the_same(neon_api: NeonApi) -> None:
    """In CI the file that lies beside the clone is used; elsewhere npm gives the document."""
    published = document._from_npm()
    assert Contract(published).find("GET", f"/projects/{neon_api.project.id}/branches")
    assert published == document.load_document()
