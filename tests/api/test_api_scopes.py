"""Who may do what: every operation of the API's description against every kind of caller."""

from base64 import b64encode
from typing import Any

import httpx
import pytest

from service.api.examples import senders as examples_senders
from service.collect.formats import formats
from service.collect.wire import Endpoint
from service.ledger.keys import SCOPES
from service.main import create_app
from service.settings import Settings
from tests.api.harness import EVERYTHING, REVOKED, Service, order, touch, unique

pytestmark = pytest.mark.anyio
HOOK, POSTBACK = "hook", "postback"
ANYBODY = frozenset((*SCOPES, "nobody", "wrong", REVOKED, HOOK, POSTBACK))
READERS = frozenset({"read", "people"})
SENDERS = frozenset({"collect", "facts"})
# Each operation: who may, and what he then gets with the example of the description.
ROWS: dict[tuple[str, str], tuple[frozenset[str], int]] = {
    ("get", "/livez"): (ANYBODY, 200),
    ("get", "/readyz"): (ANYBODY, 200),
    ("get", "/metrics"): (ANYBODY, 200),
    ("get", "/.well-known/gpc.json"): (ANYBODY, 200),
    ("post", "/v1/events"): (SENDERS, 202),
    ("post", "/v1/spend"): (frozenset({"facts"}), 202),
    ("post", "/v1/rates"): (frozenset({"facts"}), 202),
    ("get", "/v1/attribution"): (READERS, 200),
    ("get", "/v1/roi"): (READERS, 200),
    ("get", "/v1/trend"): (READERS, 200),
    ("get", "/v1/maturity"): (READERS, 200),
    ("get", "/v1/journeys"): (READERS, 200),
    ("get", "/v1/journeys/{conversion_id}"): (READERS, 404),
    ("get", "/v1/conversions/{conversion_id}/explain"): (READERS, 404),
    ("get", "/v1/explain"): (READERS, 200),
    ("get", "/v1/incremental"): (READERS, 200),
    ("get", "/v1/lift-tests"): (READERS, 200),
    ("post", "/v1/lift-tests"): (frozenset({"admin"}), 201),
    ("delete", "/v1/lift-tests/{test_id}"): (frozenset({"admin"}), 404),
    ("get", "/v1/paths"): (READERS, 200),
    ("get", "/v1/funnel"): (READERS, 200),
    ("get", "/v1/spend"): (READERS, 200),
    ("get", "/v1/models"): (READERS, 200),
    ("get", "/v1/models/compare"): (READERS, 200),
    ("get", "/v1/people/{person_id}"): (frozenset({"people"}), 404),
    ("get", "/v1/sources"): (frozenset({"read", "admin"}), 200),
    ("get", "/v1/sources/quality"): (READERS, 200),
    ("get", "/v1/changes"): (READERS, 200),
    ("get", "/v1/changes/facts"): (READERS, 422),
    ("get", "/v1/campaigns/rules"): (frozenset({"admin"}), 200),
    ("put", "/v1/campaigns/rules"): (frozenset({"admin"}), 200),
    ("get", "/v1/quarantine"): (frozenset({"admin"}), 200),
    ("get", "/v1/quarantine/{item_id}"): (frozenset({"admin"}), 404),
    ("post", "/v1/quarantine/replay"): (frozenset({"admin"}), 200),
    ("post", "/v1/quarantine/{item_id}/replay"): (frozenset({"admin"}), 404),
    ("post", "/v1/quarantine/{item_id}/dismiss"): (frozenset({"admin"}), 404),
    ("get", "/v1/erasures"): (frozenset({"admin"}), 200),
    ("post", "/v1/erasures"): (frozenset({"admin"}), 201),
    ("get", "/v1/keys"): (frozenset({"admin"}), 200),
    ("post", "/v1/keys"): (frozenset({"admin"}), 201),
    ("delete", "/v1/keys/{key_id}"): (frozenset({"admin"}), 404),
    ("get", "/v1/exports"): (frozenset({"admin"}), 200),
    ("post", "/v1/exports"): (frozenset({"admin"}), 201),
    ("delete", "/v1/exports/{name}"): (frozenset({"admin"}), 404),
    ("get", "/v1/exports/{name}/outbox"): (frozenset({"admin"}), 404),
    ("get", "/v1/exports/{name}/files/{file}"): (frozenset({"people"}), 404),
    ("post", "/v1/exports/{name}/confirm"): (frozenset({"admin"}), 404),
    ("post", "/v1/exports/{name}/push"): (frozenset({"admin"}), 404),
    # The address itself holds the key.
    ("get", "/v1/exports/pull/{pull_key}"): (ANYBODY, 401),
    ("get", "/v1/hooks"): (frozenset({"admin"}), 200),
    ("post", "/v1/hooks"): (frozenset({"admin"}), 201),
    ("put", "/v1/hooks/{hook_id}"): (frozenset({"admin"}), 404),
    ("delete", "/v1/hooks/{hook_id}"): (frozenset({"admin"}), 404),
    # The address is the key: who stands in the header does not matter.
    ("post", "/v1/webhooks/{hook_key}"): (ANYBODY, 200),
    ("get", "/postback/{hook_key}"): (ANYBODY, 200),
    ("post", "/postback/{hook_key}"): (ANYBODY, 200),
    ("get", "/r/{code}"): (ANYBODY, 404),
    ("get", "/v1/configuration"): (frozenset({"read", "admin"}), 200),
    ("get", "/v1/configuration/versions"): (frozenset({"read", "admin"}), 200),
    ("get", "/v1/configuration/draft"): (frozenset({"read", "admin"}), 404),
    # Its example is based on a version that is not there.
    ("put", "/v1/configuration/draft"): (frozenset({"admin"}), 422),
    ("delete", "/v1/configuration/draft"): (frozenset({"admin"}), 404),
    ("get", "/v1/configuration/dry-run"): (frozenset({"read", "admin"}), 404),
    ("post", "/v1/configuration/publish"): (frozenset({"admin"}), 404),
    ("post", "/v1/configuration/rollback"): (frozenset({"admin"}), 404),
    ("get", "/v1/links"): (frozenset({"admin"}), 200),
    ("post", "/v1/links"): (frozenset({"admin"}), 201),
    ("delete", "/v1/links/{code}"): (frozenset({"admin"}), 404),
    **{
        (method.lower(), endpoint.paths[0]): (
            frozenset(endpoint.scopes)
            if isinstance(endpoint, Endpoint) and not endpoint.always
            else ANYBODY,
            endpoint.status,
        )
        for wire in formats().values()
        for endpoint in wire.endpoints
        if endpoint.summary
        for method in endpoint.methods
    },
}
OF_FORMATS = {
    path for wire in formats().values() for endpoint in wire.endpoints for path in endpoint.paths
}
EXAMPLES = {
    "conversion_id": "won:order:none",
    "person_id": "p_none",
    "key_id": "2000000000",
    "code": "no-such-link",
    "item_id": "2000000000",
    "hook_id": "2000000000",
    "name": "none",
    "file": "conversions",
    "pull_key": "ek_none",
    "event": "page",
    "test_id": "no-such-test",
}
# What asking itself changes has no HEAD: rows of a file count as sent.
WITHOUT_HEAD = {"/v1/exports/{name}/files/{file}"}
DESCRIPTION: Any = create_app(Settings(_env_file=None)).openapi()
OPERATIONS = [
    (method, path)
    for path, methods in DESCRIPTION["paths"].items()
    for method in methods
    if method in ("get", "put", "post", "delete", "patch", "head", "options")
]


def test_every_operation_has_its_row() -> None:
    assert set(OPERATIONS) == set(ROWS)


@pytest.fixture(scope="module", autouse=True)
async def _hooks(service: Service) -> None:
    """One hook of each address; its key is one more caller."""
    for name, kind in ((HOOK, "webhook"), (POSTBACK, "postback")):
        asked = {**examples_senders.NEW_HOOK_REQUEST, "kind": kind, "options": {}}
        made = await service.post(asked, "/v1/hooks", key="admin")
        service.keys[name] = made.json()["address"].rpartition("/")[2]


async def call(service: Service, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    described = DESCRIPTION["paths"][path][method]
    content = described.get("requestBody", {}).get("content", {})
    body = content.get("application/json", {}).get("example")
    hook_key = service.keys[POSTBACK if path.startswith("/postback") else HOOK]
    keys = {"write_key": service.keys["collect"], "hook_key": hook_key}
    address = path.format_map({**EXAMPLES, **keys})
    return await service.client.request(method, address, json=body, headers=headers)


def headers_of(service: Service, caller: str) -> dict[str, str]:
    if caller == "nobody":
        return {}
    if caller == "wrong":
        return {"authorization": "Bearer sk_thiskeyisnotknown"}
    return service.bearer(caller)


@pytest.mark.parametrize("caller", sorted(ANYBODY))
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_the_matrix(service: Service, method: str, path: str, caller: str) -> None:
    allowed, granted = ROWS[method, path]
    if path == "/readyz":
        # Ready only once the mart has come so far as the ledger.
        newest = service.parts.desk.status()["ledger_watermark"]
        assert service.parts.mart.include(newest)
    response = await call(service, method, path, headers_of(service, caller))
    refused = 401 if caller in ("nobody", "wrong", REVOKED) else 403
    assert response.status_code == (granted if caller in allowed else refused), response.text
    if caller not in allowed:
        code = {"nobody": "no_key", "wrong": "unknown_key", REVOKED: "unknown_key"}
        expected = {code.get(caller, "scope_missing")}
        if path in OF_FORMATS and caller == "nobody":
            expected.add("unknown_key")  # the example may hold a key of its own
        assert response.json()["code"] in expected


READS = [
    path
    for method, path in OPERATIONS
    if method == "get" and ROWS[method, path][0] != ANYBODY and path not in WITHOUT_HEAD
]


@pytest.mark.parametrize("path", READS)
async def test_head_and_tables_ask_for_the_same_key(service: Service, path: str) -> None:
    address = path.format_map(EXAMPLES)
    allowed, granted = ROWS["get", path]
    reader = service.bearer(sorted(allowed)[0])
    assert (await service.client.head(address)).status_code == 401
    assert (await service.client.head(address, headers=reader)).status_code == granted
    if "csv" in str(DESCRIPTION["paths"][path]["get"]["responses"]["200"]["content"].keys()):
        for ending in (".csv", ".parquet", ".arrow", ".json"):
            assert (await service.client.get(address + ending)).status_code == 401
            other = service.bearer("collect")
            assert (await service.client.get(address + ending, headers=other)).status_code == 403
            assert (await service.client.get(address + ending, headers=reader)).status_code == 200


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_the_description_says_who_may(method: str, path: str) -> None:
    described = DESCRIPTION["paths"][path][method]
    if ROWS[method, path][0] == ANYBODY:
        assert "security" not in described
    elif path not in OF_FORMATS:
        assert described["security"] == [{"HTTPBearer": []}, {"HTTPBasic": []}]


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


async def test_ways_to_send_a_key(service: Service) -> None:
    key = service.keys[EVERYTHING]
    good = (
        f"Bearer {key}",
        f"bearer  {key} ",
        basic(f"{key}:"),
        basic(f"{key}:anything"),
        basic(key),
    )
    bad = (
        key,
        "Bearer",
        "Bearer ",
        f"Token {key}",
        "Basic",
        "Basic ~~~",
        basic(f":{key}"),
        basic(""),
        f"Bearer {key}x",
        f"Bearer {key[:-1]}",
        f"Bearer {key}, {key}",
        "Bearer \xff",
    )
    for path, granted in (("/v1/attribution", 200), ("/v1/keys", 200)):
        for sent in good:
            response = await service.client.get(path, headers={"authorization": sent})
            assert response.status_code == granted, sent
        for sent in bad:
            headers = [(b"authorization", sent.encode("latin-1"))]
            response = await service.client.get(path, headers=headers)
            assert response.status_code == 401, sent
            assert response.headers["www-authenticate"] == 'Bearer realm="throughline"'
            assert response.json()["code"] in ("no_key", "unknown_key")
    response = await service.client.post(
        "/v1/events",
        json=touch(unique("visitor"), "2026-03-01T10:00:00Z"),
        headers={"authorization": basic(service.keys["collect"])},
    )
    assert response.status_code == 202


@pytest.mark.parametrize("name", ["key", "api_key", "access_token", "writeKey", "authorization"])
async def test_a_key_in_the_address_is_no_key(service: Service, name: str) -> None:
    params = {name: service.keys[EVERYTHING]}
    assert (await service.client.get("/v1/attribution", params=params)).status_code == 401
    sent = await service.client.post("/v1/events", params=params, json=[])
    assert sent.status_code == 401
    headers = service.bearer("read")
    beside = await service.client.get("/v1/attribution", params=params, headers=headers)
    assert (beside.status_code, beside.json()["code"]) == (422, "unknown_parameter")
    assert service.keys[EVERYTHING] not in beside.text


async def test_who_asks_is_settled_before_what(service: Service) -> None:
    # A stranger learns nothing of parameters, bodies or waits.
    for path in ("/v1/attribution?nonsense=1", "/v1/attribution?min_watermark=x", "/v1/keys?x=1"):
        assert (await service.client.get(path)).status_code == 401
    for path in ("/v1/events", "/v1/spend", "/v1/rates", "/v1/keys"):
        response = await service.client.post(path, content=b"{", headers={"content-encoding": "br"})
        assert response.status_code == 401


async def test_a_public_key_moves_no_money(service: Service) -> None:
    visitor = unique("visitor")
    events = [
        touch(visitor, "2026-03-01T10:00:00Z", "google/cpc", channel="email"),
        order(visitor, "2026-03-02T10:00:00Z"),
    ]
    receipt = (await service.post(events, key="collect")).json()
    assert receipt["accepted"] == 1
    assert [(r["index"], r["code"], r["field"]) for r in receipt["rejected"]] == [
        (1, "scope_missing", "type")
    ]
    assert [(a["code"], a["field"]) for a in receipt["adjusted"]] == [
        ("channel_by_rules", "touch.channel")
    ]


async def test_a_session_of_the_dashboard_reads_and_no_more(service: Service) -> None:
    link = service.parts.signin.new_link("http://test")
    await service.client.post(
        "/sign-in",
        data={"token": link.split("token=")[1]},
        headers={"sec-fetch-site": "same-origin"},
    )
    try:
        found = {
            path: (await service.client.get(path)).status_code
            for path in ("/v1/roi", "/v1/people/p_none", "/v1/keys", "/v1/quarantine")
        }
        assert found == {
            "/v1/roi": 200, "/v1/people/p_none": 404, "/v1/keys": 403, "/v1/quarantine": 403,
        }  # fmt: skip
        assert (await service.client.post("/v1/events", json=[])).status_code == 403
    finally:
        service.client.cookies.clear()


async def test_a_key_lives_from_its_making_to_its_end(service: Service) -> None:
    asked = {"name": "crm", "scopes": ["facts", "read"]}
    made = await service.post(asked, "/v1/keys", key="admin")
    assert made.status_code == 201
    key = made.json()
    assert (key["name"], key["source"], key["scopes"]) == ("crm", "crm", ["facts", "read"])
    assert key["key"].startswith("sk_")
    bearer = {"authorization": f"Bearer {key['key']}"}
    assert (await service.client.get("/v1/roi", headers=bearer)).status_code == 200
    listed = await service.client.get("/v1/keys", headers=service.bearer("admin"))
    assert key["key"] not in listed.text
    assert key["hint"] in listed.text
    ended = await service.client.delete(f"/v1/keys/{key['id']}", headers=service.bearer("admin"))
    assert (ended.status_code, ended.content) == (204, b"")
    assert (await service.client.get("/v1/roi", headers=bearer)).status_code == 401
    again = await service.client.delete(f"/v1/keys/{key['id']}", headers=service.bearer("admin"))
    assert (again.status_code, again.json()["code"]) == (409, "key_revoked")


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 400, "malformed_json", None),
        (b"{", 400, "malformed_json", None),
        (b"[]", 422, "wrong_type", ""),
        (b"{}", 422, "missing_field", "name"),
        (b'{"name": "x", "scopes": []}', 422, "unknown_scope", "scopes"),
        (b'{"name": "x", "scopes": ["root"]}', 422, "unknown_scope", "scopes"),
        (b'{"name": "x", "scopes": "read"}', 422, "wrong_type", "scopes"),
        (b'{"name": "", "scopes": ["read"]}', 422, "bad_name", "name"),
        (b'{"name": "a\\u0000", "scopes": ["read"]}', 422, "bad_name", "name"),
        (b'{"name": "\\ud800", "scopes": ["read"]}', 422, "bad_name", "name"),
        (b'{"name": NaN, "scopes": ["read"]}', 422, "wrong_type", "name"),
        (b'{"name": "x", "scopes": ["read"], "admin": true}', 422, "unknown_field", "admin"),
    ],
)
async def test_a_key_asked_for_wrongly(
    service: Service, body: bytes, status: int, code: str, field: str | None
) -> None:
    response = await service.post(body, "/v1/keys", key="admin")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json().get("field") == field


async def test_a_key_that_has_no_such_number(either: Service) -> None:
    # 2147483648 does not fit PostgreSQL's integer, thirty nines fit nobody's.
    for number in ("0", "-1", "1.5", "first", "9" * 30, "2147483648", "%00"):
        address = f"/v1/keys/{number}"
        response = await either.client.delete(address, headers=either.bearer("admin"))
        assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")
        assert response.json()["field"] == "key_id"
