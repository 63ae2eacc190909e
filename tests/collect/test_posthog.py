"""PostHog's clients: what they sent, and what became of it."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.formats.posthog import (
    MAX_EVENTS,
    config,
    config_script,
    failed,
    sent_key,
)
from service.collect.wire import Call
from service.kit.errors import BadRequest, Forbidden
from service.kit.time import to_micros
from tests.collect.recorded import payloads, reasons
from tests.collect.sending import RECEIVED, call, send, sender

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/147.0.0.0 Safari/537.36"
BROWSER_ID = "01a1ffe5-803e-7930-a90e-b529c24c8d05"
SENT = "2026-03-01T11:59:59Z"


def event(name: str = "Played", more: Any = None, **properties: Any) -> dict[str, Any]:
    told = {"uuid": "u-1", "event": name, "distinct_id": "u1", "timestamp": SENT}
    return {**told, "properties": properties, **(more or {})}


def posted(*events: Any, **around: Any) -> Call:
    return call("/batch/", {"api_key": "K", "batch": list(events), "sent_at": SENT, **around})


def told(*events: Any, who: Any = None) -> list[dict[str, Any]]:
    batch = send("posthog", posted(*events), who)
    assert reasons(batch) == []
    return payloads(batch)


def test_a_server_that_names_a_browsers_id_meets_the_browser() -> None:
    (server,) = told(event(more={"distinct_id": BROWSER_ID}))
    assert server["identifiers"] == [f"user_id:{BROWSER_ID}", f"anonymous_id:{BROWSER_ID}"]
    (nobody,) = told(event(more={"distinct_id": "x-1"}, **{"$process_person_profile": False}))
    assert nobody["identifiers"] == ["anonymous_id:x-1"]


def test_the_browser_says_who_is_known() -> None:
    def who(**properties: Any) -> list[str]:
        (found,) = told(event(**{"$raw_user_agent": AGENT, **properties}))
        identifiers: list[str] = found["identifiers"]
        return identifiers

    assert who(**{"$is_identified": True, "$device_id": "d"}) == ["user_id:u1"]
    assert who(**{"$is_identified": False}) == ["anonymous_id:u1"]
    assert who(**{"$device_id": "u1"}) == ["anonymous_id:u1"]
    assert who(**{"$device_id": "d"}) == ["user_id:u1"]


def test_a_page_without_cookies() -> None:
    page = {"$current_url": "https://example.com/", "$raw_user_agent": AGENT}
    cookieless = event("$pageview", {"distinct_id": "$posthog_cookieless"}, **page)
    asked = call("/e/", {"batch": [cookieless]}, headers={"Origin": "https://example.com"})
    (found,) = payloads(send("posthog", asked))
    (visitor,) = found["identifiers"]
    assert visitor.startswith("visitor:")
    assert reasons(send("posthog", posted(cookieless))) == [("missing_identifiers", "distinct_id")]


def test_pages() -> None:
    there = {"$current_url": "https://example.com/a", "$lib": "web"}
    (page,) = told(event("$pageview", **there, **{"$referrer": "https://www.google.com/"}))
    assert page["page"] == {
        "url": "https://example.com/a",
        "referrer": "https://www.google.com/",
    }
    (direct,) = told(event("$pageview", **there, **{"$referrer": "$direct"}))
    assert direct["page"] == {"url": "https://example.com/a"}
    batch = send("posthog", posted(event("$pageview")))
    assert reasons(batch) == [("bad_url", "properties.$current_url")]


def test_what_the_browser_carries_along_is_no_campaign_of_this_visit() -> None:
    stale = {"utm_source": "google", "utm_medium": "cpc", "gclid": "old", "$raw_user_agent": AGENT}
    there = {"$current_url": "https://example.com/a"}
    (page,) = told(event("$pageview", **there, **stale))
    assert "touch" not in page
    (played,) = told(event("Played", minutes=3, **there, **stale))
    assert played["track"] == {"name": "Played", "properties": {"minutes": 3}}
    assert "touch" not in played
    entry = {"$session_entry_url": "https://example.com/?utm_source=news&utm_medium=email"}
    (page,) = told(event("$pageview", **there, **stale, **entry))
    assert page["touch"] == {"source": "news", "medium": "email"}


def test_a_server_says_the_campaign_it_means() -> None:
    there = {"$current_url": "https://example.com/a", "utm_source": "news", "utm_id": 7}
    (page,) = told(event("$pageview", **there))
    assert page["touch"] == {"source": "news", "campaign_id": "7"}


def test_orders_and_leads_by_their_usual_names() -> None:
    bought = {"order_id": "O1", "revenue": 99.5, "currency": "EUR",
              "products": [{"sku": "A", "price": 99.5}]}  # fmt: skip
    (order,) = told(event("Order Completed", **bought))
    assert order["order"] == {
        "id": "O1",
        "status": "completed",
        "amount_minor": 9950,
        "currency": "EUR",
        "items": [{"sku": "A", "quantity": 1, "amount_minor": 9950}],
    }
    (lead,) = told(event("Signed Up"))
    assert lead["lead"] == {"id": "Signed Up:u1", "stage": "lead"}
    public = sender(scopes=("collect",))
    batch = send("posthog", posted(event("Order Completed", **bought), event("Played")), public)
    assert reasons(batch) == [("scope_missing", "event")]
    assert [fact.index for fact in batch.facts] == [1]


@pytest.mark.parametrize("name", ["$autocapture", "$web_vitals", "$pageleave", "$screen"])
def test_its_own_events_are_tracks(name: str) -> None:
    said = {"$screen_name": "Home", "$event_type": "click", "$el_text": "ann@example.com"}
    (found,) = told(event(name, **said))
    assert found["track"] == {
        "name": name,
        "properties": {"screen": "Home", "event_type": "click"},
    }


def test_groups() -> None:
    group = {"$group_type": "company", "$group_key": 7, "$is_identified": True}
    said = {"name": "Acme", "website": "https://www.acme.com/about"}
    (found,) = told(event("$groupidentify", **group, **{"$group_set": said}))
    assert found["account"] == {"id": "7", "name": "Acme", "domain": "acme.com"}
    (found,) = told(event("$groupidentify", **{**group, "$group_type": "project"}))
    assert found["track"] == {"name": "$groupidentify"}
    (found,) = told(event(**{"$groups": {"project": "p", "organization": "o"}}))
    assert found["account"] == {"id": "o"}


def test_forms_and_single_events() -> None:
    one = {**event(arrow=">>>>>"), "api_key": "K"}
    raw = orjson.dumps(one)
    coded = base64.b64encode(raw).decode()
    assert "+" in coded
    packed = base64.b64encode(gzip.compress(raw)).decode()
    bodies = [
        raw,
        orjson.dumps([{**event(), "properties": {"token": "K"}}]),
        b"data=" + quote(coded).encode(),
        b"data=" + coded.encode(),  # a plus that arrives as a blank
        b"data=" + quote(packed).encode(),
        b"data=" + quote(raw.decode()).encode(),
        orjson.dumps({"data": [one]}),
    ]
    for path in ("/e/", "/i/v0/e/", "/capture/", "/batch"):
        for body in bodies:
            asked = call(path, body)
            assert sent_key(asked) == "K", body
            assert [p["track"]["name"] for p in payloads(send("posthog", asked))] == ["Played"]


@pytest.mark.parametrize(
    "body",
    [b"", b"7", b"null", b"data=~~", b"data=eA==", b'{"batch": {}}', b'{"batch": 7}', b"[" * 99],
)
def test_bodies_that_make_no_sense(body: bytes) -> None:
    asked = call("/e/", body, headers={"Content-Type": "text/plain"})
    try:
        batch = send("posthog", asked)
    except BadRequest:
        return
    assert batch.facts == []
    assert len(batch.refused) == 1


def test_no_more_than_so_many() -> None:
    with pytest.raises(BadRequest) as caught:
        send("posthog", posted(*[{}] * (MAX_EVENTS + 1)))
    assert caught.value.code == "too_many_items"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"event": ""}, ("missing_field", "event")),
        ({"event": None}, ("missing_field", "event")),
        ({"event": "x" * 201}, ("too_long", "event")),
        ({"distinct_id": ""}, ("missing_identifiers", "distinct_id")),
        ({"distinct_id": "anonymous"}, ("missing_identifiers", "distinct_id")),
        ({"timestamp": "soon"}, ("bad_timestamp", "timestamp")),
        ({"timestamp": []}, ("wrong_type", "timestamp")),
        ({"timestamp": "2027-01-01T00:00:00Z"}, ("occurred_in_future", "timestamp")),
        ({"event": "$create_alias"}, ("missing_field", "properties.alias")),
    ],
)
def test_what_is_refused(more: Any, reason: tuple[str, str]) -> None:
    batch = send("posthog", posted(event(more=more), event(more={"uuid": "u-2"})))
    assert reasons(batch) == [reason]
    assert [fact.fact_id for fact in batch.facts] == ["u-2"]
    assert batch.refused[0].fact_id == "u-1"


def test_keys_and_addresses_are_not_kept() -> None:
    bad = event("", **{"token": "pk_secret", "$ip": "203.0.113.9"})
    (refused,) = send("posthog", posted({**bad, "api_key": "pk_secret"})).refused
    assert "pk_secret" not in refused.raw
    assert "203.0.113.9" not in refused.raw
    assert reasons(send("posthog", posted("x", None, []))) == [("not_an_object", "")] * 3


@given(
    st.timedeltas(timedelta(minutes=-9), timedelta(hours=3)),
    st.timedeltas(timedelta(0), timedelta(days=3)),
)
def test_a_clock_that_is_wrong_is_put_right(skew: timedelta, waited: timedelta) -> None:
    """However wrong a browser's clock, what occurred `waited` before it was sent did so; less than
    a second may as well be the network's, and is left alone."""
    sent = RECEIVED + skew
    one = event(more={"timestamp": (sent - waited).isoformat()}, **{"$raw_user_agent": AGENT})
    (fact,) = send("posthog", posted(one, sent_at=sent.isoformat())).facts
    ours = RECEIVED if abs(skew) >= timedelta(seconds=1) else sent
    assert fact.occurred_at == to_micros(ours - waited)


def test_a_claim_at_the_end_of_the_calendar_is_refused() -> None:
    one = event(more={"timestamp": "2001-01-01T00:00:00Z"}, **{"$raw_user_agent": AGENT})
    assert reasons(send("posthog", posted(one, sent_at="9999-12-31T23:00:00Z"))) == [
        ("bad_timestamp", "sent_at")
    ]


def test_other_clocks() -> None:
    def occurred(more: Any, **around: Any) -> str:
        (fact,) = send("posthog", posted(event(more=more), **around)).facts
        return datetime.fromtimestamp(fact.occurred_at / 1e6, UTC).isoformat()

    noon = RECEIVED.isoformat()
    old = {"timestamp": "2025-01-01T00:00:00Z"}
    browser = {**old, "properties": {"$lib": "web"}}
    assert occurred(old) == "2025-01-01T00:00:00+00:00"
    assert occurred(browser, sent_at="2025-01-01T00:00:01Z") == "2025-01-01T00:00:00+00:00"
    assert occurred(browser, historical_migration=True) == "2025-01-01T00:00:00+00:00"
    assert occurred(browser, sent_at="soon") == "2025-01-01T00:00:00+00:00"
    after_it_was_sent = {**browser, "timestamp": "2026-03-01T12:00:30Z"}
    assert occurred(after_it_was_sent, sent_at="2026-03-01T12:00:00Z") == noon
    assert occurred({"timestamp": None}) == noon
    assert occurred({"timestamp": None, "offset": 60_000}) == "2026-03-01T11:59:00+00:00"
    assert occurred({"timestamp": None, "offset": "x"}) == noon
    assert occurred({"timestamp": "2026-03-01T12:00:20Z"}) == noon


def test_an_event_without_an_id_has_one_of_its_words() -> None:
    def name(more: Any, at: datetime = RECEIVED, **around: Any) -> str:
        asked = call("/e/", {"batch": [event(more=more)], **around}, received_at=at)
        return send("posthog", asked).facts[0].fact_id

    later = RECEIVED + timedelta(minutes=5)
    none = {"uuid": None}
    assert name(none) == name(none, later, sent_at="2026-03-01T12:05:00Z")
    untimed = {"uuid": None, "timestamp": None}
    assert name(untimed) == name({**untimed, "offset": 5})
    assert name(untimed) != name(untimed, later)
    assert name({**none, "properties": {"$insert_id": "i-1"}}) == "i-1"


def asked_for(key: str) -> Call:
    return Call("GET", "", "", {}, b"", RECEIVED, {"write_key": key})


def test_the_settings_turn_everything_off_but_sending() -> None:
    said = json.loads(config(asked_for("pk_1")).body)
    assert said["token"] == "pk_1"
    assert said["supportedCompression"] == ["gzip", "gzip-js"]
    assert said["hasFeatureFlags"] is False
    assert said["autocapture_opt_out"] is True


def test_the_script_of_the_settings_holds_no_script_of_others() -> None:
    reply = config_script(asked_for('"</script><script>alert(1)//'))
    assert reply.media_type == "text/javascript"
    assert b"<" not in reply.body
    start, end = reply.body.index(b"{}") + 3, reply.body.rindex(b");")
    told = json.loads(reply.body[start:end])
    assert told['"</script><script>alert(1)//']["config"]["hasFeatureFlags"] is False


def test_errors_are_told_as_its_clients_read_them() -> None:
    reply = failed(posted(), BadRequest("malformed_json", "No."))
    assert (reply.status, json.loads(reply.body)["detail"]) == (400, "No.")
    with pytest.raises(Forbidden):
        sent_key(call("/e/", {"batch": []}, "key=sk_1"))
    assert sent_key(call("/e/", {"batch": []})) is None
