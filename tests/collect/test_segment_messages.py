"""What each type of Segment message becomes."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.ledger.append import Batch, NewFact
from tests.collect.sending import READER, RECEIVED, call, send

WHO = {"userId": "u1", "anonymousId": "a1"}
HOME = "https://ex.com/"


def read(body: object, kind: str = "batch", received_at: datetime = RECEIVED) -> Batch:
    return send("segment", call(f"/v1/{kind}", body, received_at=received_at))


def fact(message: dict[str, Any], kind: str = "page", received_at: datetime = RECEIVED) -> NewFact:
    batch = read({**WHO, "messageId": "m1", **message}, kind, received_at)
    assert [(r.code, r.field, r.detail) for r in batch.refused] == []
    (only,) = batch.facts
    return only


def payload(message: dict[str, Any], kind: str = "page") -> dict[str, Any]:
    written: dict[str, Any] = json.loads(fact(message, kind).payload)
    return written


def refusal(message: dict[str, Any], kind: str = "page") -> tuple[str, str]:
    batch = read({**WHO, "messageId": "m1", **message}, kind)
    assert list(batch.facts) == []
    (only,) = batch.refused
    assert only.fact_id == message.get("messageId", "m1")
    return only.code, only.field


def test_without_id_and_moment_the_same_is_done_again_on_another_day() -> None:
    said = {**WHO, "event": "Played"}

    def name(message: dict[str, Any], later: timedelta) -> str:
        request = call("/v1/track", message, received_at=RECEIVED + later)
        return send("segment", request).facts[0].fact_id

    said.pop("timestamp", None)
    assert name(said, timedelta(minutes=1)) == name(said, timedelta(0))
    assert name(said, timedelta(days=1)) != name(said, timedelta(0))
    for moment in ("timestamp", "originalTimestamp"):
        timed = {**said, moment: "2026-03-01T10:00:00Z"}
        assert name(timed, timedelta(days=1)) == name(timed, timedelta(0))


# Pages, screens, campaigns


@pytest.mark.parametrize(
    ("message", "page"),
    [
        pytest.param({"properties": {"url": HOME, "title": "T"}}, {"url": HOME, "title": "T"}, id="own"),
        pytest.param(
            {"context": {"page": {"url": HOME, "referrer": "https://g.com/"}}},
            {"url": HOME, "referrer": "https://g.com/"},
            id="context",
        ),
        pytest.param(
            {"properties": {"url": "/x"}, "context": {"page": {"url": HOME}}},
            {"url": HOME},
            id="the whole address counts",
        ),
        pytest.param(
            {"properties": {"url": HOME, "search": "?gclid=1"}},
            {"url": HOME + "?gclid=1"},
            id="query apart",
        ),
        pytest.param(
            {"properties": {"url": HOME + "?a=1", "search": "?gclid=1"}},
            {"url": HOME + "?a=1"},
            id="query there already",
        ),
        pytest.param(
            {"properties": {"url": HOME, "title": "t" * 2000}},
            {"url": HOME, "title": "t" * 1000},
            id="long title",
        ),
    ],
)  # fmt: skip
def test_pages(message: dict[str, Any], page: dict[str, str]) -> None:
    written = payload(message)
    assert written["page"] == page
    assert fact(message).type == "page"


CAMPAIGN = {"source": "google", "medium": "cpc", "name": "spring", "term": "crm", "content": "ad1"}
TOUCH = {"source": "google", "medium": "cpc", "campaign": "spring", "term": "crm", "content": "ad1"}


@pytest.mark.parametrize(
    ("query", "campaign", "touch"),
    [
        pytest.param("", CAMPAIGN, TOUCH, id="campaign alone"),
        pytest.param("", {**CAMPAIGN, "id": 42}, {**TOUCH, "campaign_id": "42"}, id="number"),
        pytest.param("", {"source": "{source}", "medium": " cpc "}, {"medium": "cpc"}, id="macro"),
        pytest.param("", {"source": 1.5, "medium": None}, None, id="no text"),
        pytest.param("?utm_source=bing", CAMPAIGN, {"source": "bing"}, id="the address wins"),
        pytest.param("?gclid=x", CAMPAIGN, {**TOUCH, "clicks": "gclid"}, id="click id beside it"),
    ],
)
@pytest.mark.parametrize("kind", ["page", "track"])
def test_the_campaign_counts_where_the_address_has_none(
    query: str, campaign: dict[str, Any], touch: dict[str, str] | None, kind: str
) -> None:
    context = {"campaign": campaign, "page": {"url": HOME + query}}
    written = payload({"event": "Played", "context": context}, kind)
    assert written.get("touch") == touch
    assert written["page"]["url"] == HOME + query
    assert written.get("click_ids") == ({"gclid": "x"} if "gclid" in query else None)


@pytest.mark.parametrize("kind", ["page", "screen"])
def test_what_has_no_address_is_tracked(kind: str) -> None:
    message = {"name": "Main", "category": "App", "properties": {"depth": 2, "path": "/x"}}
    found = fact(message, kind)
    assert found.type == "track"
    assert json.loads(found.payload)["track"] == {
        "name": kind,
        "properties": {"name": "Main", "category": "App", "depth": 2, "path": "/x"},
    }


def test_a_page_whose_address_has_no_host_is_refused() -> None:
    assert refusal({"properties": {"url": "/pricing"}}) == ("bad_url", "properties.url")


def test_the_visitors_browser_tells_bots() -> None:
    bot = {"userAgent": "Googlebot/2.1 (+http://www.google.com/bot.html)", "page": {"url": HOME}}
    assert payload({"context": bot})["bot"] is True
    long = {"userAgent": "Mozilla/5.0 " + "x" * 3000, "page": {"url": HOME}}
    assert "bot" not in payload({"context": long})


def test_the_address_and_the_key_are_not_kept() -> None:
    secret = {"writeKey": "secret-key", "context": {"ip": "203.0.113.7", "page": {"url": HOME}}}
    assert "203.0.113.7" not in fact(secret).payload
    (refused,) = read({**WHO, **secret, "timestamp": "never"}, "page").refused
    assert "203.0.113.7" not in refused.raw
    assert "secret-key" not in refused.raw
    assert "never" in refused.raw


# Groups and aliases


@pytest.mark.parametrize(
    ("traits", "account"),
    [
        pytest.param({"name": "Acme"}, {"name": "Acme"}, id="name"),
        pytest.param({"domain": "Acme.com"}, {"domain": "acme.com"}, id="domain"),
        pytest.param({"website": "https://www.acme.com/about"}, {"domain": "acme.com"}, id="website"),
        pytest.param({"website": "acme.com/about"}, {"domain": "acme.com"}, id="without scheme"),
        pytest.param({"domain": "b.com", "website": "https://a.com"}, {"domain": "b.com"}, id="both"),
        pytest.param({"domain": "localhost", "name": 7}, {}, id="neither"),
    ],
)  # fmt: skip
def test_groups(traits: dict[str, Any], account: dict[str, str]) -> None:
    found = fact({"groupId": "g1", "traits": traits}, "group")
    assert found.type == "group"
    assert json.loads(found.payload)["account"] == {"id": "g1", **account}


def test_a_group_needs_its_id() -> None:
    assert refusal({"traits": {"name": "Acme"}}, "group") == ("missing_field", "groupId")
    assert refusal({"groupId": 1.5}, "group") == ("wrong_type", "groupId")


@pytest.mark.parametrize(
    ("message", "identifiers"),
    [
        pytest.param({"previousId": "a0"}, [["user_id:u1", "anonymous_id:a0"]], id="anonymous"),
        pytest.param({"previousId": "u1"}, [["user_id:u1"]], id="the same"),
        pytest.param(
            {"previousId": "a1", "anonymousId": "a1"},
            [["user_id:u1", "anonymous_id:a1"]],
            id="the anonymous id itself",
        ),
        pytest.param(
            {"previousId": "u0", "anonymousId": "a1"},
            [
                ["user_id:u1", "alias:segment:m1", "anonymous_id:a1"],
                ["user_id:u0", "alias:segment:m1"],
            ],
            id="a user id beside the anonymous one",
        ),
    ],
)
def test_aliases(message: dict[str, Any], identifiers: list[list[str]]) -> None:
    batch = read({"userId": "u1", "messageId": "m1", **message}, "alias")
    assert [json.loads(f.payload)["identifiers"] for f in batch.facts] == identifiers
    assert [f.type for f in batch.facts] == ["identify"] * len(identifiers)
    assert [f.fact_id for f in batch.facts] == ["m1", "m1:previous"][: len(identifiers)]


def test_a_former_email_address_was_a_user_id() -> None:
    batch = read({"userId": "u1", "messageId": "m1", "previousId": "ann@acme.com"}, "alias")
    former = READER.read("user_id", "ann@acme.com")
    assert former is not None
    assert json.loads(batch.facts[1].payload)["identifiers"][0] == f"user_id:{former.value}"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({}, ("missing_field", "previousId")),
        ({"previousId": ["a0"]}, ("wrong_type", "previousId")),
        ({"previousId": "a0", "userId": None}, ("missing_field", "userId")),
    ],
)
def test_bad_aliases(message: dict[str, Any], expected: tuple[str, str]) -> None:
    assert refusal(message, "alias") == expected
