"""Plausible's clients: what they sent, and what became of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.collect.formats.plausible import answer, sent_key
from service.kit.errors import BadRequest, Forbidden
from service.ledger.append import Receipt
from tests.collect.recorded import calls, payloads, reasons
from tests.collect.sending import RECEIVED, call, send, sender

PUBLIC, SECRET = "pk_" + "a" * 43, "sk_" + "b" * 43
BROWSER = {"Origin": "https://example.com", "User-Agent": "Mozilla/5.0 Chrome/147"}
PAGE = {"n": "pageview", "u": "https://example.com/?utm_source=x", "d": "example.com", "r": None}
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
NAMES = {
    "plausible-browser": ["page", "track", "track"],
    "cors-star-plausible": ["page", "track", "track"],
    "plausible-old-browser": ["page", "track"],
}
TOUCH = {
    "source": "google",
    "medium": "cpc",
    "campaign": "spring",
    "campaign_id": "123",
    "clicks": "gclid",
}


def event(more: Any = None, headers: Any = BROWSER, **options: Any) -> Any:
    return call("/api/event", {**PAGE, **(more or {})}, headers=headers, **options)


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_message_is_taken(test_data: Path, name: str) -> None:
    types = []
    for asked in calls(test_data, name):
        batch = send("plausible", asked)
        assert reasons(batch) == []
        types += [fact.type for fact in batch.facts]
        assert "203.0.113.7" not in "".join(fact.payload for fact in batch.facts)
        assert answer(asked, Receipt(1)).status == 202
    assert types == NAMES[name]


def test_the_browser_client(test_data: Path) -> None:
    found = [
        fact
        for c in calls(test_data, "plausible-browser")
        for fact in payloads(send("plausible", c))
    ]
    page, lead, engagement = found
    (visitor,) = page["identifiers"]
    assert visitor.startswith("visitor:")
    url = page["page"].pop("url")
    assert url.endswith("&utm_source_platform=Google+Ads&gclid=abc")
    seen = {"identifiers": [visitor], "click_ids": {"gclid": "abc"}, "touch": TOUCH}
    assert page == {"type": "page", **seen, "page": {}}
    assert lead == {
        "type": "track",
        **seen,
        "page": {"url": url},
        "track": {
            "name": "Lead",
            "properties": {"plan": "pro", "revenue": 99.5, "currency": "USD"},
        },
    }
    assert engagement["track"] == {
        "name": "engagement",
        "properties": {"engagement_ms": 3028, "scroll_depth": 100},
    }
    assert engagement["bot"] is True  # it was sent by an agent that calls itself headless


def test_the_old_client_writes_its_properties_as_text(test_data: Path) -> None:
    _, lead = calls(test_data, "plausible-old-browser")
    (told,) = payloads(send("plausible", lead))
    assert told["track"] == {"name": "Lead", "properties": {"plan": "pro"}}


def test_long_names_say_the_same() -> None:
    short = event({"r": "https://www.google.com/", "p": {"a": 1}})
    long = call(
        "/api/event",
        {
            "name": "pageview",
            "url": PAGE["u"],
            "domain": "example.com",
            "referrer": "https://www.google.com/",
            "props": {"a": 1},
        },
        headers=BROWSER,
    )
    assert payloads(send("plausible", short)) == payloads(send("plausible", long))
    (told,) = payloads(send("plausible", long))
    assert told["page"] == {"url": PAGE["u"], "referrer": "https://www.google.com/"}


def test_revenue_of_a_purchase_is_an_order_from_servers_only() -> None:
    bought = {
        "n": "Purchase",
        "p": {"order_id": "O1"},
        "$": {"amount": "99.50", "currency": "EUR"},
    }
    batch = send("plausible", event(bought))
    (told,) = payloads(batch)
    assert told["order"] == {
        "id": "O1",
        "status": "completed",
        "amount_minor": 9950,
        "currency": "EUR",
    }
    batch = send("plausible", event(bought), sender(scopes=("collect",)))
    assert (batch.facts, reasons(batch)) == ([], [("scope_missing", "name")])
    nameless = {**bought, "p": {}}
    assert reasons(send("plausible", event(nameless))) == [("missing_field", "props.order_id")]


def test_a_server_names_its_visitor() -> None:
    server = {"User-Agent": BROWSER["User-Agent"]}
    assert reasons(send("plausible", event(headers=server))) == [("missing_identifiers", "domain")]
    named = {**server, "X-Forwarded-For": "203.0.113.7, 10.0.0.1"}
    (theirs,) = payloads(send("plausible", event(headers=named)))
    (own,) = payloads(send("plausible", event()))
    assert theirs["identifiers"] == own["identifiers"]


def test_a_public_key_cannot_speak_for_another_visitor() -> None:
    forged = {**BROWSER, "X-Forwarded-For": "198.51.100.1"}
    public = sender(scopes=("collect",))
    assert payloads(send("plausible", event(headers=forged), public)) == payloads(
        send("plausible", event(), public)
    )


def test_the_same_words_within_a_moment_are_one_event() -> None:
    first, again, other, later = (
        event(),
        event(received_at=RECEIVED + timedelta(seconds=9)),
        event(headers={**BROWSER, "User-Agent": "Firefox"}),
        event(received_at=RECEIVED + timedelta(seconds=10)),
    )
    ids = [send("plausible", asked).facts[0].fact_id for asked in (first, again, other, later)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"n": ""}, ("missing_field", "name")),
        ({"n": 7}, ("missing_field", "name")),
        ({"u": ""}, ("bad_url", "url")),
        ({"u": "/pricing"}, ("bad_url", "url")),
        ({"u": "https://example.com/\0"}, ("nul_character", "url")),
        ({"n": "x" * 201}, ("too_long", "name")),
        ({"n": "Lead", "p": "{"}, ("wrong_type", "props")),
    ],
)
def test_what_is_refused(more: dict[str, Any], reason: tuple[str, str]) -> None:
    batch = send("plausible", event(more))
    assert (batch.facts, reasons(batch)) == ([], [reason])
    assert batch.refused[0].format == "plausible"


def test_a_body_that_is_no_object() -> None:
    with pytest.raises(BadRequest):
        send("plausible", call("/api/event", [PAGE], headers=BROWSER))


def test_the_key() -> None:
    assert sent_key(call("/api/event", PAGE, f"key={PUBLIC}")) == PUBLIC
    assert sent_key(event({"d": PUBLIC})) == PUBLIC
    assert sent_key(event(headers={"Authorization": f"Bearer {SECRET}"})) == SECRET
    assert sent_key(event(headers={"Authorization": "Bearer other"})) == "other"
    assert sent_key(event()) is None
    assert sent_key(call("/api/event", [])) is None
    with pytest.raises(Forbidden):
        sent_key(call("/api/event", PAGE, f"key={SECRET}"))
    batch = send("plausible", event({"d": PUBLIC, "n": ""}))
    assert PUBLIC not in batch.refused[0].raw


def test_robots_are_kept_and_told_so() -> None:
    asked = event(headers={**BROWSER, "User-Agent": ROBOT})
    (told,) = payloads(send("plausible", asked))
    assert told["bot"] is True
    assert answer(asked, Receipt(1)).headers == {"x-plausible-dropped": "1"}
    assert answer(event(), Receipt(1)).headers == {}
    assert answer(event(), Receipt(1)).body == b"ok"


def test_the_library_of_a_server_is_no_robot() -> None:
    server = {"User-Agent": "python-requests/2.32", "X-Forwarded-For": "203.0.113.7"}
    asked = event(headers=server)
    (told,) = payloads(send("plausible", asked))
    assert "bot" not in told
    assert answer(asked, Receipt(1)).headers == {}
    public = call("/api/event", PAGE, f"key={PUBLIC}", {**server, "Accept-Language": "en"})
    (told,) = payloads(send("plausible", public, sender(scopes=("collect",))))
    assert told["bot"] is True
    assert answer(public, Receipt(1)).headers == {"x-plausible-dropped": "1"}
