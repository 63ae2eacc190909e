"""Requests recorded from the SDKs of Segment, RudderStack and Jitsu, replayed over HTTP as they came:
none is answered so that its client throws data away, and what was sent again is stored once."""

import gzip
import json
from base64 import b64encode
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from service.collect.wire import GIF
from service.ledger import writer as writer_module
from service.ledger.append import Batch, Receipt
from tests.api.harness import Service

pytestmark = pytest.mark.anyio
KEY = "WRITEKEY"
# Of each recording: the facts by type, without duplicates.
BROWSER = {"page": 1, "identify": 2, "order": 1, "group": 1}
SERVER = {**BROWSER, "track": 1}
# An alias of one user id to another is two facts, joined by a third identifier.
RUDDER = {**BROWSER, "identify": 3}
RUDDER_NODE = {"identify": 2, "order": 1, "track": 1, "group": 1}
RECORDINGS: dict[str, dict[str, int]] = {
    "cors-star-jitsu": {"page": 1, "identify": 1},
    "cors-star-rudder": RUDDER,
    "cors-star-segment": BROWSER,
    "jitsu-browser": {"page": 1, "identify": 1},
    "jitsu-js": {"track": 1, "identify": 1, "group": 1},
    "rudder-browser": RUDDER,
    "rudder-browser-batch": RUDDER,
    "rudder-browser-beacon": RUDDER,
    "rudder-node": RUDDER_NODE,
    "rudder-node-500": RUDDER_NODE,
    "rudder-python": BROWSER,
    "rudder-python-nogzip": BROWSER,
    **dict.fromkeys(("segment-browser", "segment-browser-batching"), BROWSER),
    "segment-browser-keepalive": BROWSER,
    **{f"segment-node{name}": SERVER for name in ("", "-400", "-429", "-500")},
    **{f"segment-python{name}": SERVER for name in ("", "-400", "-429", "-gzip")},
}
OURS = ("/v1/", "/beacon/", "/sourceConfig", "/api/")


def recorded(folder: Path, name: str) -> list[Any]:
    """What was asked of the service, not of the site."""
    requests = json.loads((folder / "captures" / f"{name}.json").read_text())["requests"]
    return [r for r in requests if r["path"].startswith(OURS)]


def body_of(request: Any) -> bytes:
    raw = json.dumps(request["body_json"]) if request["body_json"] else request["body_text"]
    packed = any(n.lower() == "content-encoding" for n, _ in request["headers"])
    return gzip.compress(raw.encode()) if packed else raw.encode()


def headers_of(request: Any, key: str) -> dict[str, str]:
    """As recorded, with a key of ours in the place of the one that was made up."""
    basic = b64encode(f"{key}:".encode()).decode()
    made = {
        "authorization": lambda _: f"Basic {basic}",
        "x-write-key": lambda told: f"{key}:{told.partition(':')[2]}",
    }
    own = ("host", "content-length", "connection")
    named = {name.lower(): value for name, value in request["headers"]}
    return {n: made[n](v) if n in made else v for n, v in named.items() if n not in own}


def moment_of(request: Any) -> datetime | None:
    """When it arrived: just after it was sent."""
    found = (request["body_json"] or {}).get("sentAt")
    return datetime.fromisoformat(found) + timedelta(milliseconds=20) if found else None


async def replay(service: Service, request: Any, key: str) -> httpx.Response:
    if (now := moment_of(request)) is not None:
        service.clock.now = max(service.clock.now, now)
    path = request["path"].replace(KEY, key)
    query = [(name, value.replace(KEY, key)) for name, value in request["query"]]
    return await service.client.request(
        request["method"], path, params=query,
        headers=headers_of(request, key), content=body_of(request),
    )  # fmt: skip


def facts_of(service: Service) -> list[tuple[str, str, int, dict[str, Any]]]:
    """Id, type, moment and payload, in the order of their arrival."""
    with service.parts.engine.connect() as connection:
        found = connection.execute(
            text("SELECT fact_id, type, occurred_at, payload FROM facts ORDER BY seq")
        )
        return [(*row[:3], json.loads(row[3])) for row in found]


def allowed_key(service: Service, name: str) -> str:
    """A key in an address is public; the other clients may send orders."""
    return service.keys["collect" if "beacon" in name else "everything"]


@pytest.mark.parametrize("name", sorted(RECORDINGS))
async def test_none_is_refused(fresh: Service, test_data: Path, name: str) -> None:
    requests = recorded(test_data, name)
    key = allowed_key(fresh, name)
    sent: set[str] = set()
    for request in requests:
        answer = await replay(fresh, request, key)
        assert answer.status_code in (200, 204), (request["path"], answer.text)
        origin = {n.lower(): v for n, v in request["headers"]}.get("origin")
        if origin:
            assert answer.headers["access-control-allow-origin"] in (origin, "*")
        sent |= ids_of(request)
    stored = {fact_id for fact_id, *_ in facts_of(fresh)}
    assert {fact_id.partition(":")[0] for fact_id in stored} <= sent
    assert counted(fresh) == expected_of(name)
    refused = await fresh.ask("/v1/quarantine")
    assert {(i["code"], i["field"]) for i in refused["items"]} == refused_of(name)


def ids_of(request: Any) -> set[str]:
    body = request["body_json"] or (json.loads(request["body_text"] or "{}"))
    return {m["messageId"] for m in body.get("batch", [body]) if "messageId" in m}


def counted(service: Service) -> dict[str, int]:
    found: dict[str, int] = {}
    for _, kind, *_ in facts_of(service):
        found[kind] = found.get(kind, 0) + 1
    return found


def expected_of(name: str) -> dict[str, int]:
    """A public key sends no orders."""
    expected = dict(RECORDINGS[name])
    if "beacon" in name:
        del expected["order"]
    return expected


def refused_of(name: str) -> set[tuple[str, str]]:
    if "beacon" in name:
        return {("scope_missing", "event")}
    # What Jitsu's client was told of the order: a revenue, and nothing else.
    return {("missing_field", "properties.order_id")} if "jitsu" in name else set()


async def test_every_recording_is_replayed(test_data: Path) -> None:
    families = ("segment", "rudder", "jitsu")
    names = [p.stem for p in (test_data / "captures").glob("*.json")]
    ours = {n for n in names if n.removeprefix("cors-star-").startswith(families)}
    assert ours == set(RECORDINGS)


async def test_a_ledger_that_cannot_be_written_says_when_to_come_again(
    fresh: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(engine: Engine, batches: list[Batch]) -> list[Receipt]:
        raise OSError("disk full")

    body = {"batch": [{"type": "identify", "messageId": "m1", "userId": "u1"}]}
    pixel = {"writeKey": fresh.keys["collect"], "anonymousId": "a1", "event": "Seen"}
    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "append", broken)
        answer = await fresh.post(body, path="/v1/batch", origin="https://a.example")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert answer.json()["success"] is False
        image = await fresh.client.get("/pixel/v1/track", params=pixel)
        assert (image.status_code, image.content) == (200, GIF)
    assert (await fresh.post(body, path="/v1/batch")).json() == {"success": True}
    assert counted(fresh) == {"identify": 1}
