"""Snowplow's trackers: events in, native facts out."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.formats.snowplow import key_of, messages
from service.kit.errors import BadRequest, Forbidden
from service.ledger.append import Batch
from tests.collect.sending import RECEIVED, call, send, sender

PATH = "/com.snowplowanalytics.snowplow/tp2"
HOME = "https://ex.com/?utm_source=google&utm_medium=cpc&gclid=abc"
WHO = {"eid": "e1", "duid": "d1", "uid": "u1", "dtm": "1772366400000", "stm": "1772366400250"}
NAMES = (
    "snowplow-python", "snowplow-node", "snowplow-browser", "snowplow-browser-get",
    "snowplow-browser-beacon", "snowplow-browser-keepalive", "cors-star-snowplow",
)  # fmt: skip


def read(*events: Any, received_at: datetime = RECEIVED, public: bool = False) -> Batch:
    who = sender(received_at, ("collect",) if public else ("collect", "facts"))
    return send("snowplow", call(PATH, {"data": list(events)}, received_at=received_at), who)


def fact(**event: Any) -> tuple[Any, dict[str, Any]]:
    batch = read({**WHO, **event})
    assert [(r.code, r.field, r.detail) for r in batch.refused] == []
    (only,) = batch.facts
    payload = json.loads(only.payload)
    payload.pop("claimed_at", None)
    return only, payload


def refusal(**event: Any) -> tuple[str, str]:
    batch = read({**WHO, **event})
    (only,) = batch.refused
    assert (only.format, only.fact_id) == ("snowplow", event.get("eid", "e1"))
    return only.code, only.field


def packed(schema: str, data: Any, pad: bool = True) -> str:
    text = json.dumps({"schema": f"iglu:com.acme/{schema}/jsonschema/1-0-0", "data": data})
    encoded = base64.urlsafe_b64encode(text.encode()).decode()
    return encoded if pad else encoded.rstrip("=")


def described(name: str, data: Any, vendor: str = "com.acme") -> dict[str, Any]:
    return {"schema": f"iglu:{vendor}/{name}/jsonschema/1-0-0", "data": data}


def test_a_page_view() -> None:
    found, payload = fact(
        e="pv", url=HOME, refr="https://www.google.com/", page="T", ip="203.0.113.7"
    )
    assert (found.type, found.fact_id) == ("page", "e1")
    assert payload == {
        "identifiers": ["user_id:u1", "anonymous_id:d1"],
        "page": {"url": HOME, "referrer": "https://www.google.com/", "title": "T"},
        "touch": {"source": "google", "medium": "cpc", "clicks": "gclid"},
        "click_ids": {"gclid": "abc"},
    }


def test_what_is_merely_tracked() -> None:
    found, payload = fact(
        e="se", se_ca="crm", se_ac="deal_won", se_la="d1", se_va="100.5", url=HOME
    )
    assert found.type == "track"
    assert payload["track"] == {
        "name": "deal_won",
        "properties": {"ca": "crm", "ac": "deal_won", "la": "d1", "va": "100.5"},
    }
    assert fact(e="pp", url=HOME)[1]["track"]["name"] == "page_ping"
    assert fact(e="pv", url="/relative")[1]["track"]["name"] == "page_view"


@pytest.mark.parametrize("pad", [True, False])
def test_a_self_describing_event_in_base64(pad: bool) -> None:
    name = "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0"
    text = json.dumps({"schema": name, "data": described("lead_form", {"lead_id": "L1", "x": {}})})
    encoded = base64.urlsafe_b64encode(text.encode()).decode()
    payload = fact(e="ue", ue_px=encoded if pad else encoded.rstrip("="))[1]
    assert payload["track"] == {"name": "lead_form", "properties": {"lead_id": "L1"}}


def test_a_transaction_of_the_plugin_is_an_order_of_servers_alone() -> None:
    vendor = "com.snowplowanalytics.snowplow.ecommerce"
    action = {"data": described("snowplow_ecommerce_action", {"type": "transaction"}, vendor)}
    about = {
        "data": [
            described(
                "transaction", {"transaction_id": "O1", "revenue": 99.5, "currency": "USD"}, vendor
            )
        ]
    }
    event = {**WHO, "e": "ue", "ue_pr": json.dumps(action), "co": json.dumps(about)}
    (found,) = read(event).facts
    assert json.loads(found.payload)["order"] == {
        "id": "O1", "status": "completed", "amount_minor": 9950, "currency": "USD",
    }  # fmt: skip
    (refused,) = read(event, public=True).refused
    assert refused.code == "scope_missing"
    action["data"]["data"]["type"] = "refund"
    about["data"][0] = described(
        "refund", {"transaction_id": "O1", "refund_amount": 20, "currency": "USD"}, vendor
    )
    (found,) = read({**event, "ue_pr": json.dumps(action), "co": json.dumps(about)}).facts
    assert json.loads(found.payload)["order"] == {
        "id": "O1", "status": "refunded", "amount_minor": 2000, "currency": "USD",
    }  # fmt: skip


def test_a_legacy_transaction_and_consent() -> None:
    found, payload = fact(e="tr", tr_id="O2", tr_tt="12.30", tr_cu="EUR")
    assert payload["order"]["amount_minor"] == 1230
    told = {"data": described("consent_preferences", {"eventType": "deny_all"})}
    found, payload = fact(e="ue", ue_pr=json.dumps(told))
    assert (found.type, payload["consent"]) == ("consent", {"eventType": "deny_all"})


# Clocks


def moment(**event: Any) -> datetime:
    found, _ = fact(e="pv", url=HOME, **event)
    return datetime.fromtimestamp(found.occurred_at / 1e6, UTC)


def test_the_event_is_as_old_as_its_tracker_says() -> None:
    assert moment(dtm="5000", stm="65000") == RECEIVED - timedelta(minutes=1)
    assert moment(dtm="5999", stm="5000") == RECEIVED, "Python cuts stm to whole seconds"
    assert moment(dtm="5000", stm="6000", ttm="1772359200000") == RECEIVED - timedelta(hours=2)
    assert moment(dtm="1772359200000", stm="") == RECEIVED - timedelta(hours=2)
    assert moment(dtm="", stm="1") == RECEIVED


def test_sent_again_it_says_the_same() -> None:
    first = read({**WHO, "e": "pv", "url": HOME}).facts[0]
    later = {**WHO, "e": "pv", "url": HOME, "stm": "1772366460250"}
    again = read(later, received_at=RECEIVED + timedelta(minutes=1)).facts[0]
    assert (first.fact_id, first.payload) == (again.fact_id, again.payload)
    assert again.occurred_at == first.occurred_at


@given(st.integers(0, 10**13 - 1), st.integers(0, 10**13 - 1))
def test_nothing_occurs_after_it_arrived(dtm: int, stm: int) -> None:
    batch = read({**WHO, "e": "pv", "url": HOME, "dtm": str(dtm), "stm": str(stm)})
    arrived = int(RECEIVED.timestamp() * 1e6)
    assert [f.occurred_at <= arrived for f in batch.facts] + [r.code for r in batch.refused] in (
        [True], ["bad_timestamp"], ["occurred_too_early"],
    )  # fmt: skip


# Refusals


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"e": "zz"}, ("unknown_value", "e")),
        ({}, ("unknown_value", "e")),
        ({"e": "pv", "url": HOME, "eid": ""}, ("empty", "eid")),
        ({"e": "pv", "url": HOME, "dtm": "soon"}, ("bad_timestamp", "dtm")),
        ({"e": "pv", "url": HOME, "stm": "-1"}, ("bad_timestamp", "stm")),
        ({"e": "pv", "url": HOME, "dtm": "0", "stm": "9999999999999"}, ("bad_timestamp", "stm")),
        ({"e": "ue", "ue_px": "%%%"}, ("malformed_json", "ue_px")),
        ({"e": "ue", "ue_pr": "{"}, ("malformed_json", "ue_pr")),
        ({"e": "ue"}, ("missing_field", "ue_pr.data.schema")),
        ({"e": "pv", "url": HOME, "duid": "", "uid": ""}, ("missing_identifiers", "duid")),
    ],
)
def test_what_is_wrong_is_named(event: dict[str, Any], expected: tuple[str, str]) -> None:
    assert refusal(**event) == expected


def test_one_bad_event_costs_no_other() -> None:
    good = {**WHO, "e": "pv", "url": HOME}
    batch = read(good, 7, None, {"e": "pv"}, {**good, "eid": "e2"})
    assert [f.fact_id for f in batch.facts] == ["e1", "e2"]
    assert [r.index for r in batch.refused] == [1, 2, 3]


@pytest.mark.parametrize("body", [[], {}, {"data": {}}, None, {"data": [{}] * 2_501}])
def test_requests_that_make_no_sense(body: Any) -> None:
    with pytest.raises(BadRequest):
        messages(call(PATH, body))


def test_where_the_key_may_stand() -> None:
    assert key_of(call(PATH, {"data": [{"aid": "pk_1"}]})) == "pk_1"
    assert key_of(call(PATH, {"data": [{"aid": "site"}]}, query="key=pk_2")) == "pk_2"
    assert key_of(call(PATH, {"data": []})) is None
    assert key_of(call("/i", b"", query="aid=pk_1", method="GET")) == "pk_1"
    with pytest.raises(Forbidden):
        key_of(call("/i", b"", query="aid=sk_1", method="GET"))


def test_the_agent_is_the_browsers_and_never_a_servers() -> None:
    bot = {"user-agent": "Googlebot/2.1"}
    web = {**WHO, "e": "pv", "url": HOME, "tv": "js-4.10.1"}
    for tracker, flagged in (("js-4.10.1", True), ("py-1.1.0", False)):
        batch = send("snowplow", call(PATH, {"data": [{**web, "tv": tracker}]}, headers=bot))
        assert ("bot" in json.loads(batch.facts[0].payload)) is flagged


# Recorded clients


def recorded(folder: Path, name: str) -> list[dict[str, Any]]:
    requests = json.loads((folder / "captures" / f"{name}.json").read_text())["requests"]
    return [r for r in requests if r["path"] in ("/i", PATH) and r["method"] != "OPTIONS"]


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_event_is_taken(test_data: Path, name: str) -> None:
    requests = recorded(test_data, name)
    assert requests or name == "cors-star-snowplow", "a browser that was kept from posting"
    for request in requests:
        body = b"" if request["method"] == "GET" else request["body_json"]
        query = urlencode(dict(request["query"]))
        batch = send("snowplow", call(request["path"], body, query, method=request["method"]))
        assert [(r.code, r.field, r.detail) for r in batch.refused] == []
        given = body["data"] if body else [dict(request["query"])]
        assert [f.fact_id for f in batch.facts] == [event["eid"] for event in given]
        assert "203.0.113.7" not in "".join(f.payload for f in batch.facts)


def test_the_recorded_python_client(test_data: Path) -> None:
    (post,) = (r for r in recorded(test_data, "snowplow-python") if r["method"] == "POST")
    batch = send("snowplow", call(PATH, post["body_json"]))
    told = [{"type": f.type, **json.loads(f.payload)} for f in batch.facts]
    who = [
        "user_id:u1",
        "anonymous_id:11111111-2222-3333-4444-555555555555",
        "network_user_id:nuid",
    ]
    assert told[:3] == [
        {
            "type": "page",
            "claimed_at": "1795294141245",
            "identifiers": who,
            "page": {
                "url": "https://ex.com/?utm_source=google&utm_medium=cpc&gclid=abc",
                "referrer": "https://www.google.com/",
                "title": "T",
            },
            "touch": {"source": "google", "medium": "cpc", "clicks": "gclid"},
            "click_ids": {"gclid": "abc"},
        },
        {
            "type": "track",
            "claimed_at": "1795294141245",
            "identifiers": who,
            "track": {
                "name": "deal_won",
                "properties": {
                    "ca": "crm",
                    "ac": "deal_won",
                    "la": "d1",
                    "pr": "usd",
                    "va": "100.5",
                },
            },
        },
        {
            "type": "track",
            "claimed_at": "1795294141245",
            "identifiers": who,
            "track": {"name": "lead", "properties": {"lead_id": "L1"}},
        },
    ]
