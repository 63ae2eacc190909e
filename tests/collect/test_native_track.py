"""The native track, and the campaign that a native page may name."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from service.collect.identifiers import IdentifierReader
from service.collect.native import Sender, to_fact
from service.kit.errors import Refusal
from service.ledger.keys import Caller

READER = IdentifierReader(b"a secret of the tests", None)


def sender() -> Sender:
    caller = Caller(1, 1, "site", frozenset({"collect"}))
    return Sender(caller, datetime(2026, 3, 1, 12, tzinfo=UTC), READER)


def native(part: dict[str, Any], **rest: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "id": "e1",
        "type": "track",
        "occurred_at": "2026-03-01T11:00:00Z",
        "identifiers": {"user_id": "u1"},
        "track": part,
        **rest,
    }
    written: dict[str, Any] = json.loads(to_fact(event, 0, sender()).payload)
    return written


def test_a_native_track_keeps_what_names_nobody() -> None:
    properties = {
        "plan": "pro",
        "seats": 5,
        "trial": True,
        "none": None,
        "profile": "https://medium.com/@ann/post",
        "email": "x",
        "contactPhone": 600700800,
        "first_name": "Ann",
        "note": "write to ann@acme.com",
        "link": "https://ex.com/?to=ann%40acme.com",
        "who": "+48 600 700 800",
    }
    assert native({"name": "Upgraded", "properties": properties})["track"] == {
        "name": "Upgraded",
        "properties": {k: properties[k] for k in ("plan", "seats", "trial", "none", "profile")},
    }
    assert native({"name": "Upgraded"})["track"] == {"name": "Upgraded"}


@pytest.mark.parametrize(
    ("part", "rest", "code", "field"),
    [
        ({"name": ""}, {}, "empty", "track.name"),
        ({"name": "x", "url": "/here"}, {}, "bad_url", "track.url"),
        ({"name": "x", "properties": {"a": [1]}}, {}, "wrong_type", "track.properties.a"),
        ({"name": "x"}, {"identifiers": {}}, "missing_identifiers", "identifiers"),
        ({"name": "x"}, {"type": "identify"}, "unknown_field", "track"),
    ],
)
def test_bad_native_tracks(
    part: dict[str, Any], rest: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(Refusal) as caught:
        native(part, **rest)
    assert (caught.value.code, caught.value.field) == (code, field)


def page(query: str, campaign: dict[str, Any] | None) -> dict[str, Any] | None:
    event = {
        "id": "e1",
        "type": "page",
        "occurred_at": "2026-03-01T11:00:00Z",
        "identifiers": {"anonymous_id": "a1"},
        "page": {"url": f"https://ex.com/{query}", "campaign": campaign},
    }
    written = json.loads(to_fact(event, 0, sender()).payload)
    assert written["page"] == {"url": f"https://ex.com/{query}"}
    touch: dict[str, Any] | None = written.get("touch")
    return touch


def test_a_native_page_may_name_its_campaign() -> None:
    campaign = {"source": "google", "medium": "cpc", "campaign_id": 42, "term": "{keyword}"}
    known = {"source": "google", "medium": "cpc", "campaign_id": "42"}
    assert page("", campaign) == known
    assert page("?gclid=x", campaign) == {**known, "clicks": "gclid"}
    assert page("?utm_campaign=spring", campaign) == {"campaign": "spring"}
    assert page("", {}) is None
    assert page("", None) is None


@pytest.mark.parametrize("name", ["\ud800", "a\0"])
def test_text_that_no_database_takes_is_refused(name: str) -> None:
    for part in ({"name": name}, {"name": "x", "properties": {name: 1}}):
        with pytest.raises(Refusal) as caught:
            native(part)
        assert caught.value.code == ("nul_character" if "\0" in name else "invalid_text")
