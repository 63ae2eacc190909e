"""Requests recorded from PostHog's own clients, replayed: every event becomes a fact."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.collect.formats.posthog import FORMAT, sent_key
from service.collect.wire import Call, Endpoint
from tests.collect.recorded import calls, payloads, reasons
from tests.collect.sending import READER, send

NAMES = (
    "posthog-browser",
    "cors-star-posthog",
    "posthog-node",
    "posthog-python",
    "posthog-python-gzip",
)
BROWSER_ID = "01a1ffe5-803e-7930-a90e-b529c24c8d05"
TOUCH = {
    "source": "google",
    "medium": "cpc",
    "campaign": "spring",
    "campaign_id": "123",
    "clicks": "gclid",
}


def email() -> str:
    found = READER.read("email", "a@example.com")
    assert found is not None
    return f"email:{found.value}"


def events_of(folder: Path, name: str) -> list[Call]:
    found = calls(folder, name, datetime(2026, 11, 21, 21, 30, tzinfo=UTC))
    return [c for c in found if c.method == "POST" and "flags" not in c.path]


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_event_is_taken(test_data: Path, name: str) -> None:
    sent, kept = 0, 0
    for asked in events_of(test_data, name):
        batch = send("posthog", asked)
        assert reasons(batch) == []
        assert sent_key(asked) == "phc_KEY"
        ids = [one["uuid"] for one in asked.json["batch"]]
        assert {fact.fact_id.removesuffix(":alias") for fact in batch.facts} == set(ids)
        assert "phc_KEY" not in "".join(fact.payload for fact in batch.facts)
        sent += len(ids)
        kept += len(batch.facts)
    assert sent >= 4
    assert kept == sent + ("browser" not in name and "cors" not in name)  # an alias is two facts


def test_the_browser_client(test_data: Path) -> None:
    found = {
        told["track"]["name"] if told["type"] == "track" else told["type"]: told
        for asked in events_of(test_data, "posthog-browser")
        for told in payloads(send("posthog", asked))
    }
    assert set(found) == {"page", "identify", "deal won", "group", "$pageleave"}
    page = found["page"]
    url = page["page"]["url"]
    assert url.endswith("&gclid=abc")
    seen = {"touch": TOUCH, "click_ids": {"gclid": "abc"}}
    assert page == {
        "type": "page",
        "identifiers": ["user_id:u1"],
        "account": {"id": "c1"},
        "page": {"url": url, "title": "T"},
        **seen,
    }
    assert found["identify"] == {
        "type": "identify",
        "identifiers": [email(), "user_id:u1", f"anonymous_id:{BROWSER_ID}"],
        "email_domain": "example.com",
    }
    assert found["deal won"] == {
        "type": "track",
        "identifiers": [f"anonymous_id:{BROWSER_ID}"],
        "page": {"url": url},
        "track": {"name": "deal won", "properties": {"revenue": 5}},
        **seen,
    }
    assert found["group"] == {
        "type": "group",
        "identifiers": ["user_id:u1"],
        "account": {"id": "c1"},
    }
    assert found["$pageleave"]["track"] == {"name": "$pageleave"}


@pytest.mark.parametrize("name", ["posthog-python", "posthog-python-gzip", "posthog-node"])
def test_the_clients_of_servers(test_data: Path, name: str) -> None:
    (asked,) = events_of(test_data, name)
    deal, who, previous, user, group = payloads(send("posthog", asked))
    python = "python" in name
    assert deal == {
        "type": "track",
        "identifiers": [email(), "user_id:u1"] if python else ["user_id:u1"],
        **({"email_domain": "example.com"} if python else {}),
        "touch": {"source": "google"},
        "track": {"name": "deal won", "properties": {"revenue": 100}},
    }
    assert who["type"] == "identify"
    assert who["identifiers"] == (["user_id:u1"] if python else [email(), "user_id:u1"])
    bridge = f"alias:posthog:{asked.json['batch'][2]['uuid']}"
    assert previous == {"type": "identify", "identifiers": ["user_id:anon1", bridge]}
    assert user == {"type": "identify", "identifiers": ["user_id:u1", bridge]}
    assert (group["type"], group["account"]) == ("group", {"id": "c1", "name": "Acme"})
    assert group["identifiers"] != ["user_id:u1"]


def test_every_recorded_path_is_served(test_data: Path) -> None:
    served = {
        path.rstrip("/")
        for endpoint in FORMAT.endpoints
        for path in endpoint.paths
        if isinstance(endpoint, Endpoint) or "{" not in path
    }
    for name in NAMES:
        for asked in calls(test_data, name):
            assert asked.path.rstrip("/") in served | {"/array/phc_KEY/config"}
