"""Google Analytics 4: events of servers and hits of websites in, native facts out."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from service.collect.consent_mode import analytics_consent, read_gcd, read_gcs
from service.collect.formats.ga4 import MAX_EVENTS, protocol_key, site_key
from service.ledger.append import Batch
from tests.collect.sending import READER, RECEIVED, call, send, sender

MP, WEB = "/mp/collect", "/g/collect"
HOME = "https://ex.com/?utm_source=google&utm_medium=cpc&gclid=abc"
NAMES = ("ga4mp-python", "ga4-minimal-browser")


def protocol(*events: Any, public: bool = False, at: Any = RECEIVED, **around: Any) -> Batch:
    body = {"client_id": "123.456", "events": list(events), **around}
    who = sender(at, ("collect",) if public else ("collect", "facts"))
    return send("ga4", call(MP, body, received_at=at), who)


def one(name: str, params: Any = None, **around: Any) -> dict[str, Any]:
    batch = protocol({"name": name, "params": params or {}}, **around)
    assert [(r.code, r.field, r.detail) for r in batch.refused] == []
    (only,) = batch.facts
    return {"type": only.type, **json.loads(only.payload)}


def hit(query: dict[str, str], body: bytes = b"", at: Any = RECEIVED, **headers: str) -> Batch:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send("ga4", call(WEB, body, urlencode(query), named, received_at=at))


def test_a_page_view_of_a_server() -> None:
    assert one("page_view", {"page_location": HOME, "page_title": "T"}) == {
        "type": "page",
        "claimed_at": "",
        "identifiers": ["ga_client_id:123.456"],
        "page": {"url": HOME, "title": "T"},
        "touch": {"source": "google", "medium": "cpc", "clicks": "gclid"},
        "click_ids": {"gclid": "abc"},
    }


def test_a_click_id_that_is_sent_apart() -> None:
    told = one("page_view", {"page_location": "https://ex.com/a?b=1", "gclid": "x/y"})
    assert told["click_ids"] == {"gclid": "x/y"}


def test_campaign_details_are_a_click() -> None:
    told = one(
        "campaign_details",
        {"campaign_id": 7, "campaign": "spring", "source": "bing", "medium": "cpc"},
    )
    assert told["type"] == "touch"
    assert told["touch"] == {
        "kind": "click", "campaign_id": "7", "campaign": "spring", "source": "bing", "medium": "cpc",
    }  # fmt: skip


def test_a_purchase_is_an_order_of_servers_alone() -> None:
    params = {
        "transaction_id": "T1", "value": 0.1 + 0.2, "currency": "EUR",
        "items": [{"item_id": "A", "item_name": "Chair", "price": 0.3, "quantity": 1}],
    }  # fmt: skip
    assert one("purchase", params)["order"] == {
        "id": "T1",
        "status": "completed",
        "amount_minor": 30,
        "currency": "EUR",
        "items": [{"sku": "A", "name": "Chair", "quantity": 1, "amount_minor": 30}],
    }
    (refused,) = protocol({"name": "purchase", "params": params}, public=True).refused
    assert refused.code == "scope_missing"
    assert one("refund", {"transaction_id": "T1"})["order"] == {"id": "T1", "status": "refunded"}


def test_the_steps_of_a_lead() -> None:
    for name, stage in (
        ("generate_lead", "lead"),
        ("qualify_lead", "mql"),
        ("working_lead", "sql"),
    ):
        assert one(name, {"lead_id": "L1"})["lead"] == {"id": "L1", "stage": stage}
    rejected = one("disqualify_lead", {"lead_id": "L1", "disqualified_lead_reason": "spam"})
    assert rejected["lead"] == {"id": "L1", "stage": "rejected", "reason": "spam"}
    won = one("close_convert_lead", {"lead_id": "L1", "value": 9, "currency": "EUR"})
    assert won["deal"] == {
        "id": "L1", "stage": "won", "lead_id": "L1", "amount_minor": 900, "currency": "EUR",
    }  # fmt: skip
    assert one("close_unconvert_lead", {"lead_id": "L1"})["deal"]["stage"] == "lost"
    assert one("generate_lead")["lead"]["id"] == "Lead:123.456"


def test_everything_else_is_tracked() -> None:
    assert one("scroll", {"percent": 90, "nested": {}})["track"] == {
        "name": "scroll", "properties": {"percent": 90},
    }  # fmt: skip


def test_who_it_was() -> None:
    hashed = "A" * 64
    told = one(
        "login",
        user_id="u1",
        user_data={"sha256_email_address": [hashed], "sha256_phone_number": "b" * 64},
        user_properties={
            "plan": {"value": "pro"},
            "odd": 7,
            "email": {"value": "ann@example.com"},
            "login": {"value": "ann@example.com"},
        },
    )
    email = READER.read("google_email_sha256", "a" * 64)
    phone = READER.read("phone_sha256", "b" * 64)
    assert email is not None
    assert phone is not None
    assert sorted(told["identifiers"]) == [
        "ga_client_id:123.456", f"google_email_sha256:{email.value}", f"phone_sha256:{phone.value}", "user_id:u1",
    ]  # fmt: skip
    assert told["segment"] == {"plan": "pro"}


# What is sent again


def test_a_hit_is_named_by_what_it_says() -> None:
    event = {"name": "login", "params": {"method": "x"}}
    stamped = {"timestamp_micros": "1772359200000000"}
    first = protocol(event, **stamped).facts[0]
    again = protocol(event, at=RECEIVED + timedelta(hours=1), **stamped).facts[0]
    assert (first.fact_id, first.payload, first.occurred_at) == (
        again.fact_id, again.payload, again.occurred_at,
    )  # fmt: skip
    assert first.occurred_at == 1772359200000000
    unstamped = [protocol(event, at=RECEIVED + timedelta(minutes=m)).facts[0] for m in (0, 5, 15)]
    ids = [fact.fact_id for fact in unstamped]
    assert ids[0] == ids[1] != ids[2]
    places = [{"cid": "1.2", "en": "login", "_p": "9", "_s": s} for s in ("1", "2", "1")]
    ids = [hit(q, at=RECEIVED + timedelta(hours=n)).facts[0].fact_id for n, q in enumerate(places)]
    assert ids[0] == ids[2] != ids[1]


# Hits of websites


def test_hits_in_the_lines_of_a_body() -> None:
    lines = b"en=page_view&dl=https%3A%2F%2Fex.com%2Fa&_s=1\r\nen=scroll&epn.percent=90&ep.page=x&_s=2\n"
    batch = hit({"v": "2", "tid": "G-1", "cid": "1.2", "uid": "u1", "key": "pk_x"}, lines)
    page, scroll = (json.loads(f.payload) for f in batch.facts)
    assert page["page"] == {"url": "https://ex.com/a"}
    assert scroll["track"] == {"name": "scroll", "properties": {"percent": "90", "page": "x"}}
    assert page["identifiers"] == ["user_id:u1", "ga_client_id:1.2"]


def test_the_agent_of_a_website_is_the_visitors() -> None:
    query = {"cid": "1.2", "en": "page_view", "dl": HOME}
    assert "bot" in json.loads(hit(query, user_agent="Googlebot/2.1").facts[0].payload)
    server = send(
        "ga4",
        call(
            MP,
            {"client_id": "1.2", "events": [{"name": "x"}]},
            headers={"user-agent": "Googlebot/2.1"},
        ),
    )
    assert "bot" not in json.loads(server.facts[0].payload)


@pytest.mark.parametrize(
    ("gcs", "gcd", "consent"),
    [
        ("G111", "", "granted"),
        ("G110", "", "denied"),
        ("G1-1", "", "granted"),
        ("G1--", "", None),
        ("G10", "", None),
        ("", "11p1t1p1t5", "granted"),
        ("G111", "13q3q3q2q5", "denied"),
        ("", "13l3l3l2l1", None),
        ("", "11u1m1v1n5", "denied"),
        ("", "1111", None),
        ("x" * 1000, "a" * 1000, None),
    ],
)
def test_consent_mode(gcs: str, gcd: str, consent: str | None) -> None:
    assert analytics_consent(gcs, gcd) == consent


def test_all_signals_of_consent_mode() -> None:
    assert read_gcs("G101") == {"ad_storage": "denied", "analytics_storage": "granted"}
    assert read_gcd("11p1t1r1n5") == {
        "ad_storage": "denied",
        "analytics_storage": "granted",
        "ad_user_data": "granted",
        "ad_personalization": "granted",
    }


# Refusals


def test_what_is_wrong_is_named() -> None:
    batch = protocol(7, {"params": {}}, {"name": "ok"}, timestamp_micros="soon")
    assert [(r.index, r.code, r.field) for r in batch.refused] == [
        (0, "not_an_object", ""),
        (1, "missing_field", "name"),
        (2, "bad_timestamp", "timestamp_micros"),
    ]
    (nobody,) = send("ga4", call(MP, {"events": [{"name": "x"}]})).refused
    assert (nobody.code, nobody.field) == ("missing_identifiers", "client_id")


def test_more_events_than_the_protocol_allows() -> None:
    batch = protocol(*({"name": f"e{n}"} for n in range(MAX_EVENTS + 2)))
    assert len(batch.facts) == MAX_EVENTS
    assert [(r.index, r.code) for r in batch.refused] == [(25, "too_many"), (26, "too_many")]


def test_where_the_key_may_stand() -> None:
    assert protocol_key(call(MP, {}, query="api_secret=sk_1&measurement_id=G-1")) == "sk_1"
    assert (
        protocol_key(call(MP, {}, headers={"authorization": "Bearer sk_2"}, query="api_secret=x"))
        == "sk_2"
    )
    assert site_key(call(WEB, b"", query="tid=pk_1")) == "pk_1"
    assert site_key(call(WEB, b"", query="tid=G-1&key=pk_2")) == "pk_2"


# Recorded clients


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_event_is_taken(test_data: Path, name: str) -> None:
    found = json.loads((test_data / "captures" / f"{name}.json").read_text())["requests"]
    requests = [r for r in found if r["path"].endswith("/collect")]
    assert requests
    for request in requests:
        body = request["body_json"] or b""
        batch = send("ga4", call(request["path"], body, urlencode(dict(request["query"]))))
        assert [(r.code, r.field, r.detail) for r in batch.refused] == []
        assert len(batch.facts) == (len(body["events"]) if body else 1)


def test_the_recorded_clients_in_full(test_data: Path) -> None:
    def told(name: str, place: int) -> list[dict[str, Any]]:
        found = json.loads((test_data / "captures" / f"{name}.json").read_text())["requests"]
        r = [r for r in found if r["path"].endswith("/collect")][place]
        batch = send("ga4", call(r["path"], r["body_json"] or b"", urlencode(dict(r["query"]))))
        return [{"type": f.type, **json.loads(f.payload)} for f in batch.facts]

    purchase, lead = told("ga4mp-python", 0)
    assert purchase == {
        "type": "order",
        "claimed_at": "",
        "identifiers": ["ga_client_id:123.456"],
        "order": {"id": "o1", "status": "completed", "amount_minor": 9950, "currency": "USD"},
        "segment": {"plan": "pro"},
    }
    assert (lead["type"], lead["lead"]) == ("lead", {"id": "Lead:123.456", "stage": "lead"})
    (page,) = told("ga4-minimal-browser", 0)
    assert page["identifiers"] == ["ga_client_id:2314680966927359"]
    assert page["touch"]["campaign"] == "spring"
    assert page["click_ids"] == {"gclid": "abc"}
    (engaged,) = told("ga4-minimal-browser", 1)
    assert engaged["track"]["name"] == "user_engagement"
