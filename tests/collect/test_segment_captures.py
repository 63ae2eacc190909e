"""Requests recorded from Segment's own clients, replayed: every message becomes a fact."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from service.collect.body import parse_json
from service.collect.formats.segment import KINDS
from service.collect.identifiers import IdentifierReader
from service.collect.native import Sender
from service.collect.segment_http import MAX_BODY_BYTES, write_key
from service.journeys.build import Configuration
from service.journeys.mart import Mart
from service.kit.db import make_engine
from service.ledger.append import Batch, append
from service.ledger.keys import Caller, create_key
from service.ledger.migrate import migrate
from tests.collect.sending import call, send

READER = IdentifierReader(b"a secret of the tests", None)
NAMES = (
    "segment-browser",
    "segment-browser-batching",
    "segment-browser-keepalive",
    "segment-node",
    "segment-node-400",
    "segment-node-429",
    "segment-node-500",
    "segment-python",
    "segment-python-400",
    "segment-python-429",
    "segment-python-gzip",
)
SEARCH = (
    "?utm_source=google&utm_medium=cpc&utm_campaign=spring&utm_id=123"
    "&utm_source_platform=Google+Ads&gclid=abc"
)
ORDER = {"id": "o1", "status": "completed", "amount_minor": 9950, "currency": "USD"}


def requests(folder: Path, name: str) -> list[dict[str, Any]]:
    """The recorded POSTs, their bodies parsed as `body`."""
    recorded = json.loads((folder / "captures" / f"{name}.json").read_text())["requests"]
    posts = [r for r in recorded if r["method"] == "POST"]
    for post in posts:
        post["body"] = post["body_json"] or parse_json(post["body_text"].encode())
    return posts


def read(post: dict[str, Any]) -> Batch:
    """The request as if it had arrived half a second after it was sent."""
    received_at = datetime.fromisoformat(post["body"]["sentAt"]) + timedelta(milliseconds=500)
    caller = Caller(1, 1, "site", frozenset({"collect", "facts"}))
    request = call(post["path"], post["body"], received_at=received_at)
    return send("segment", request, Sender(caller, received_at, READER))


def told(batch: Batch) -> dict[str, dict[str, Any]]:
    """Payloads by message id, each with its type, without what the client claimed of the time."""
    found = {}
    for fact in batch.facts:
        payload = json.loads(fact.payload)
        assert payload.pop("claimed_at")
        found[fact.fact_id] = {"type": fact.type, **payload}
    return found


def in_order(batch: Batch) -> list[dict[str, Any]]:
    return list(told(batch).values())


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_message_is_taken(test_data: Path, name: str) -> None:
    posts = requests(test_data, name)
    assert posts
    for post in posts:
        batch = read(post)
        assert [(r.code, r.field, r.detail) for r in batch.refused] == []
        messages = post["body"].get("batch", [post["body"]])
        assert [f.fact_id for f in batch.facts] == [m["messageId"] for m in messages]
        request = call(post["path"], post["body"], headers=dict(post["headers"]))
        assert write_key(request) == "WRITEKEY"
        assert post["raw_len"] < MAX_BODY_BYTES
        assert "203.0.113.7" not in "".join(f.payload for f in batch.facts)


def test_the_python_client(test_data: Path) -> None:
    (post,) = requests(test_data, "segment-python")
    email = READER.read("email", "a@example.com")
    assert email is not None
    assert in_order(read(post)) == [
        {
            "type": "identify",
            "identifiers": [f"email:{email.value}", "user_id:u1", "anonymous_id:anon1"],
            "email_domain": "example.com",
        },
        {"type": "order", "identifiers": ["user_id:u1"], "order": ORDER},
        {"type": "page", "identifiers": ["user_id:u1"], "page": {"url": "https://ex.com/"}},
        {
            "type": "track",
            "identifiers": ["user_id:u1"],
            "track": {"name": "screen", "properties": {"name": "Main", "category": "App"}},
        },
        {
            "type": "group",
            "identifiers": ["user_id:u1"],
            "account": {"id": "g1", "name": "Acme"},
        },
        {"type": "identify", "identifiers": ["user_id:u1", "anonymous_id:anon1"]},
    ]


def test_the_node_client(test_data: Path) -> None:
    (post,) = requests(test_data, "segment-node")
    found = in_order(read(post))
    assert [f["type"] for f in found] == [
        "identify",
        "order",
        "page",
        "track",
        "group",
        "identify",
    ]
    assert found[1] == {"type": "order", "identifiers": ["user_id:u1"], "order": ORDER}
    assert found[3]["identifiers"] == ["anonymous_id:anon1"]
    assert found[5]["identifiers"] == ["user_id:u1", "anonymous_id:anon1"]


@pytest.mark.parametrize("name", [n for n in NAMES if "browser" in n])
def test_the_browser_client(test_data: Path, name: str) -> None:
    posts = requests(test_data, name)
    found = [payload for post in posts for payload in in_order(read(post))]
    assert sorted(f["type"] for f in found) == ["group", "identify", "identify", "order", "page"]
    (page,) = (f for f in found if f["type"] == "page")
    assert page["page"]["url"].endswith(f"/page.html{SEARCH}")
    assert page["page"]["title"] == "T"
    assert page["touch"] == {
        "source": "google",
        "medium": "cpc",
        "campaign": "spring",
        "campaign_id": "123",
        "clicks": "gclid",
    }
    assert page["click_ids"] == {"gclid": "abc"}
    (order,) = (f for f in found if f["type"] == "order")
    assert set(order) == {"type", "identifiers", "order"}
    assert order["order"] == ORDER


def test_clocks_of_the_clients(test_data: Path) -> None:
    (server,) = requests(test_data, "segment-python")
    history = read(server).facts[1]
    assert history.occurred_at == 1767323045_000_000  # 2026-01-02T03:04:05Z, as it was imported
    (browser,) = requests(test_data, "segment-browser-batching")
    (page, *_) = read(browser).facts
    claimed = datetime.fromisoformat(browser["body"]["batch"][0]["timestamp"])
    assert page.occurred_at == int(claimed.timestamp() * 1_000) * 1_000


@pytest.fixture
def ledger(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    migrate(engine)
    create_key(engine, "site", ["collect", "facts"], datetime.now(UTC))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("name", ["segment-python-429", "segment-node-429", "segment-node-500"])
def test_a_retry_adds_nothing(test_data: Path, ledger: Engine, name: str) -> None:
    posts = requests(test_data, name)
    sent = [post["body"]["sentAt"] for post in posts]
    first, *retries = [append(ledger, [read(post)])[0] for post in posts]
    assert (first.accepted, first.duplicates, first.refused) == (6, 0, [])
    for retry in retries:
        assert (retry.accepted, retry.duplicates, retry.refused) == (0, 6, [])
    assert len(retries) >= 1
    assert "node" not in name or len(set(sent)) == len(sent)


@pytest.mark.parametrize("name", ["segment-python", "segment-browser"])
def test_only_the_page_is_a_touchpoint(test_data: Path, ledger: Engine, name: str) -> None:
    append(ledger, [read(post) for post in requests(test_data, name)])
    rules = Configuration(frozenset(), timedelta(minutes=30), 20, "UTC")
    with closing(Mart(None, ledger, rules)) as mart:
        mart.refresh()
        with mart.reading() as tables:
            assert tables.execute("SELECT COUNT(*) FROM touchpoints").fetchall() == [(1,)]
            conversions = tables.execute(
                "SELECT stage, kind, object_id FROM conversions"
            ).fetchall()
            people = tables.execute("SELECT COUNT(DISTINCT person_id) FROM identifier_people")
            assert people.fetchall() == [(1,)]
    assert conversions == [("won", "order", "o1")]


def test_a_public_key_takes_all_but_the_order(test_data: Path) -> None:
    for post in requests(test_data, "segment-browser"):
        caller = Caller(1, 1, "site", frozenset({"collect"}))
        received_at = datetime.fromisoformat(post["body"]["sentAt"])
        request = call(post["path"], post["body"], received_at=received_at)
        batch = send("segment", request, Sender(caller, received_at, READER))
        refused = [(r.code, r.field, r.fact_id) for r in batch.refused]
        expected = [("scope_missing", "event", post["body"]["messageId"])]
        assert refused == (expected if post["path"].endswith("/t") else [])
        assert "WRITEKEY" not in "".join(r.raw for r in batch.refused)


def test_the_paths_of_the_browser_are_known(test_data: Path) -> None:
    paths = [post["path"] for name in NAMES for post in requests(test_data, name)]
    assert {path.rpartition("/")[0] for path in paths} == {"/v1"}
    assert {path.rpartition("/")[2] for path in paths} == set("tgipab") | {"batch"}
    assert {path.rpartition("/")[2] for path in paths} <= {
        name for names in KINDS.values() for name in names
    }
