"""Umami's script and clients: what they sent, and what became of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from service.collect.formats.umami import MAX_MESSAGES, answer, batch_answer, failed, sent_key
from service.kit.errors import BadRequest, Forbidden
from service.ledger.append import Receipt
from tests.collect.recorded import calls, payloads, reasons
from tests.collect.sending import READER, RECEIVED, call, send, sender

PUBLIC, SECRET = "pk_" + "a" * 43, "sk_" + "b" * 43
SITE = "b1d6ee10-58c4-4a29-80ff-df2c5cd6ef15"
BROWSER = {"Origin": "https://example.com", "User-Agent": "Mozilla/5.0 Chrome/147"}
PAYLOAD = {"website": SITE, "hostname": "example.com", "url": "https://example.com/"}
NOBODY = ("missing_identifiers", "payload.id")


def message(more: Any = None, kind: Any = "event") -> dict[str, Any]:
    return {"type": kind, "payload": {**PAYLOAD, **(more or {})}}


def told(asked: Any, who: Any = None) -> dict[str, Any]:
    (payload,) = payloads(send("umami", asked, who))
    return payload


def posted(more: Any = None, kind: Any = "event", headers: Any = BROWSER, **options: Any) -> Any:
    return call("/api/send", message(more, kind), headers=headers, **options)


def test_the_script(test_data: Path) -> None:
    page, signup, identify = (told(asked) for asked in calls(test_data, "umami-browser"))
    (visitor,) = page["identifiers"]
    assert visitor.startswith("visitor:")
    assert page["page"].pop("url").endswith("&gclid=abc")
    assert page == {
        "type": "page",
        "identifiers": [visitor],
        "page": {"title": "T"},
        "touch": {
            "source": "google",
            "medium": "cpc",
            "campaign": "spring",
            "campaign_id": "123",
            "clicks": "gclid",
        },
        "click_ids": {"gclid": "abc"},
    }
    assert signup["track"] == {"name": "signup", "properties": {"plan": "pro"}}
    email = READER.read("email", "a@example.com")
    assert email is not None
    assert identify == {
        "type": "identify",
        "identifiers": [f"email:{email.value}", "user_id:u1", visitor],
        "email_domain": "example.com",
    }


def test_the_clients_of_servers(test_data: Path) -> None:
    # Neither says whose page it was, but for the one with the visitor's address.
    node = [send("umami", asked) for asked in calls(test_data, "umami-node")]
    assert [reasons(batch) for batch in node] == [[NOBODY], [NOBODY], []]
    assert [fact.type for batch in node for fact in batch.facts] == ["identify"]
    lead, home = (send("umami", asked) for asked in calls(test_data, "umami-python"))
    assert (lead.facts, reasons(lead)) == ([], [NOBODY])
    (page,) = payloads(home)
    assert page["page"] == {"url": "https://ex.com/", "title": "Home"}
    assert "203.0.113.7" not in home.facts[0].payload + lead.refused[0].raw


@pytest.mark.parametrize("name", ["umami-browser", "umami-node", "umami-python"])
def test_every_recorded_request_is_answered_as_its_client_wants(test_data: Path, name: str) -> None:
    for asked in calls(test_data, name):
        reply = answer(asked, Receipt(1))
        said = orjson.loads(reply.body)
        assert reply.status == 200
        assert said["cache"]
        UUID(said["sessionId"])
        UUID(said["visitId"])


def test_a_path_and_its_host_are_an_address() -> None:
    page = told(posted({"url": "/pricing?utm_source=x", "referrer": "https://www.google.com/"}))
    assert page["page"] == {
        "url": "https://example.com/pricing?utm_source=x",
        "referrer": "https://www.google.com/",
    }
    event = told(posted({"url": "/pricing", "name": "Played", "tag": "b", "data": {"minutes": 3}}))
    assert event["page"] == {"url": "https://example.com/pricing"}
    assert event["track"] == {"name": "Played", "properties": {"tag": "b", "minutes": 3}}


def test_the_distinct_id_is_a_user_id() -> None:
    assert told(posted({"id": 7}))["identifiers"][0] == "user_id:7"
    server = told(posted({"id": "u1"}, headers={"User-Agent": "node"}))
    assert server["identifiers"] == ["user_id:u1"]
    identify = told(posted({"data": {"phone": "+48600700800", "name": "Ann"}}, "identify"))
    phone = READER.read("phone", "+48600700800")
    assert phone is not None
    assert identify["identifiers"][0] == f"phone:{phone.value}"
    assert "email" not in str(told(posted({"name": "x", "data": {"email": "a@example.com"}})))


def test_an_address_that_is_stated_is_the_visitors() -> None:
    there = {"ip": "203.0.113.7", "userAgent": BROWSER["User-Agent"]}
    server = told(posted(there, headers={"User-Agent": "node"}))
    assert server["identifiers"] == told(posted())["identifiers"]
    assert told(posted({"ip": "203.0.113.8"}))["identifiers"] != server["identifiers"]


def test_a_forwarded_address_counts_from_servers_only() -> None:
    there = {"X-Forwarded-For": "203.0.113.7", "User-Agent": BROWSER["User-Agent"]}
    assert told(posted(headers=there))["identifiers"] == told(posted())["identifiers"]
    batch = send("umami", posted(headers=there), sender(scopes=("collect",)))
    assert reasons(batch) == [NOBODY]


def test_a_stated_moment() -> None:
    old = int((RECEIVED - timedelta(days=30)).timestamp())
    (fact,) = send("umami", posted({"timestamp": old})).facts
    assert fact.occurred_at == old * 1_000_000
    batch = send("umami", posted({"timestamp": old}), sender(scopes=("collect",)))
    assert reasons(batch) == [("scope_missing", "payload.timestamp")]
    later = posted({"timestamp": old}, received_at=RECEIVED + timedelta(hours=1))
    assert send("umami", later).facts[0].fact_id == fact.fact_id


def test_revenue_of_a_purchase_is_an_order() -> None:
    data = {"order_id": "O1", "revenue": 19.99, "currency": "USD"}
    assert told(posted({"name": "purchase", "data": data}))["order"] == {
        "id": "O1",
        "status": "completed",
        "amount_minor": 1999,
        "currency": "USD",
    }
    public = sender(scopes=("collect",))
    batch = send("umami", posted({"name": "purchase", "data": data}), public)
    assert reasons(batch) == [("scope_missing", "payload.name")]
    cart = told(posted({"name": "checkout-cart", "data": data}), public)
    assert cart["track"]["properties"] == data


def test_a_batch_keeps_the_good_beside_the_bad() -> None:
    body = [message(), message({"url": ""}), 7, {"type": "event"}, message(kind="other"), message()]
    asked = call("/api/batch", body, headers=BROWSER)
    batch = send("umami", asked)
    assert [fact.index for fact in batch.facts] == [0, 5]
    assert [(r.index, r.code, r.field) for r in batch.refused] == [
        (1, "bad_url", "payload.url"),
        (2, "not_an_object", "payload"),
        (3, "not_an_object", "payload"),
        (4, "unknown_value", "type"),
    ]
    said = orjson.loads(batch_answer(asked, Receipt(2, 0, list(batch.refused))).body)
    assert (said["size"], said["processed"], said["errors"]) == (6, 2, 4)
    assert orjson.loads(batch_answer(call("/api/batch", []), Receipt()).body)["size"] == 0


def test_the_same_message_sent_again() -> None:
    (first,) = send("umami", posted()).facts
    (again,) = send("umami", posted(received_at=RECEIVED + timedelta(seconds=9))).facts
    assert (again.fact_id, again.payload) == (first.fact_id, first.payload)
    cached = posted(headers={**BROWSER, "x-umami-cache": "anything"})
    assert send("umami", cached).facts[0].fact_id == first.fact_id


def test_a_message_with_a_moment_and_a_user_is_the_same_on_another_day() -> None:
    timed = {"id": "u-1", "timestamp": 1772359200}
    first = send("umami", posted(timed)).facts[0].fact_id
    assert (
        send("umami", posted(timed, received_at=RECEIVED + timedelta(days=1))).facts[0].fact_id
        == first
    )
    assert send("umami", posted({**timed, "id": "u-2"})).facts[0].fact_id != first


def test_the_session_is_the_visitors_and_tells_nothing() -> None:
    mine, again, other = (
        orjson.loads(answer(posted(headers={**BROWSER, "User-Agent": agent}), Receipt(1)).body)
        for agent in ("Firefox", "Firefox", "Chrome")
    )
    assert mine == again
    assert mine["sessionId"] != other["sessionId"]
    (visitor,) = told(posted(headers={**BROWSER, "User-Agent": "Firefox"}))["identifiers"]
    assert visitor.removeprefix("visitor:") not in str(mine)


@pytest.mark.parametrize(
    ("path", "body"), [("/api/send", []), ("/api/send", None), ("/api/batch", {})]
)
def test_bodies_that_make_no_sense(path: str, body: Any) -> None:
    with pytest.raises(BadRequest):
        send("umami", call(path, body))
    assert sent_key(call(path, body)) is None


def test_no_more_than_so_many() -> None:
    with pytest.raises(BadRequest) as caught:
        send("umami", call("/api/batch", [message()] * (MAX_MESSAGES + 1)))
    assert caught.value.code == "too_many_items"


def test_the_key() -> None:
    assert sent_key(posted({"website": PUBLIC})) == PUBLIC
    assert sent_key(call("/api/batch", [message({"website": PUBLIC})])) == PUBLIC
    nobody = {"Authorization": "Bearer None"}
    assert sent_key(posted({"website": PUBLIC}, headers=nobody)) == PUBLIC
    assert sent_key(posted(headers=nobody)) is None
    assert sent_key(posted(headers={"Authorization": f"Bearer {SECRET}"})) == SECRET
    assert sent_key(posted(query=f"key={PUBLIC}")) == PUBLIC
    with pytest.raises(Forbidden):
        sent_key(posted(query=f"key={SECRET}"))
    (refused,) = send("umami", posted({"website": SECRET, "url": ""})).refused
    assert SECRET not in refused.raw


def test_errors_are_json_too() -> None:
    reply = failed(posted(), BadRequest("malformed_json", "No."))
    assert (reply.status, orjson.loads(reply.body)["error"]["message"]) == (400, "No.")


def test_robots_and_servers() -> None:
    robot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    assert told(posted(headers={**BROWSER, "User-Agent": robot}))["bot"] is True
    assert told(posted({"userAgent": robot}))["bot"] is True
    library = {"User-Agent": "python-requests/2.32"}
    assert "bot" not in told(posted({"id": "u1"}, headers=library))
    public = sender(scopes=("collect",))
    assert told(posted({"id": "u1"}, headers=library), public)["bot"] is True
