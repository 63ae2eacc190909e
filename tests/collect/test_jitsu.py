"""Jitsu's messages: the key in its header, the type in the path, campaigns as browsers cut them."""

import json
from typing import Any

import pytest

from service.collect.formats import formats
from service.collect.formats.jitsu import jitsu_key, messages
from service.collect.intake import collect_messages
from service.collect.wire import Call
from service.kit.errors import BadRequest
from service.ledger.append import Batch
from tests.collect.sending import READER, RECEIVED, VISITORS, call, sender

BROWSER = {"library": {"name": "@jitsu/js", "version": "1.11.0", "env": "browser"}}
NODE = {"library": {"name": "@jitsu/js", "version": "1.11.0", "env": "node"}}
WHO = {"userId": None, "anonymousId": "a1", "messageId": "m1", "writeKey": "keyid:***"}
TIMES = {"timestamp": "2026-03-01T11:59:58Z", "sentAt": "2026-03-01T11:59:59Z"}
URL = "https://shop.example/?utm_source=google&utm_medium=cpc&utm_campaign=big%20sale&gclid=abc"


def post(path: str, body: Any, **headers: str) -> Batch:
    event = path.rpartition("/")[2]
    plain = call(path, body, headers=headers)
    request = Call(
        "POST",
        path,
        "",
        plain.headers,
        plain.body,
        RECEIVED,
        {"event": event},
        "203.0.113.7",
        VISITORS,
    )
    return collect_messages(messages(request), sender(), formats()["jitsu"], 32 * 1024)


def only(batch: Batch) -> tuple[str, dict[str, Any]]:
    assert [(r.code, r.field, r.detail) for r in batch.refused] == []
    (fact,) = batch.facts
    return fact.type, json.loads(fact.payload)


def test_a_page_of_a_browser() -> None:
    campaign = {"source": "google", "medium": "cpc", "name": "big%20sale"}
    context = {**BROWSER, "page": {"url": URL, "title": "T"}, "campaign": campaign, "clientIds": {}}
    message = {**WHO, **TIMES, "type": "page", "context": context}
    assert only(post("/api/s/page", message)) == (
        "page",
        {
            "identifiers": ["anonymous_id:a1"],
            "claimed_at": "2026-03-01T11:59:58Z",
            "page": {"url": URL, "title": "T"},
            "touch": {
                "source": "google",
                "medium": "cpc",
                "campaign": "big sale",
                "clicks": "gclid",
            },
            "click_ids": {"gclid": "abc"},
        },
    )


@pytest.mark.parametrize(
    ("context", "campaign"), [(BROWSER, "big sale"), (NODE, "big+sale")], ids=["browser", "server"]
)
def test_a_campaign_of_a_browser_is_decoded(context: dict[str, Any], campaign: str) -> None:
    given = {**context, "page": {"url": "https://shop.example/"}, "campaign": {"name": "big+sale"}}
    _, payload = only(post("/api/s/page", {**WHO, **TIMES, "context": given}))
    assert payload["touch"] == {"campaign": campaign}


def test_identify() -> None:
    message = {**WHO, **TIMES, "userId": "u1", "traits": {"email": "ann@acme.com"}, "context": NODE}
    email = READER.read("email", "ann@acme.com")
    assert email is not None
    assert only(post("/api/s/s2s/identify", message)) == (
        "identify",
        {
            "identifiers": [f"email:{email.value}", "user_id:u1", "anonymous_id:a1"],
            "claimed_at": "2026-03-01T11:59:58Z",
            "email_domain": "acme.com",
        },
    )


def test_an_order_and_its_company() -> None:
    properties = {"order_id": "O1", "revenue": 99.5, "currency": "USD"}
    message = {
        **WHO, **TIMES, "userId": "u1", "event": "Order Completed", "properties": properties,
        "groupId": "acme", "context": BROWSER,
    }  # fmt: skip
    kind, payload = only(post("/api/s/track", message))
    assert kind == "order"
    assert payload["order"] == {
        "id": "O1",
        "status": "completed",
        "amount_minor": 9950,
        "currency": "USD",
    }
    assert payload["account"] == {"id": "acme"}


def test_a_group() -> None:
    message = {**WHO, **TIMES, "groupId": "g1", "traits": {"name": "Acme"}, "context": NODE}
    kind, payload = only(post("/api/s/s2s/group", message))
    assert (kind, payload["account"]) == ("group", {"id": "g1", "name": "Acme"})


@pytest.mark.parametrize("own", [{"clientId": "123.456", "sessionIds": {"X": "1"}}, "123.456"])
def test_the_client_id_of_google_analytics(own: Any) -> None:
    context = {**BROWSER, "clientIds": {"ga4": own, "fbp": "fb.1.2.3"}}
    _, payload = only(post("/api/s/identify", {**WHO, **TIMES, "context": context}))
    assert payload["identifiers"] == ["anonymous_id:a1", "ga_client_id:123.456"]


@pytest.mark.parametrize(
    ("path", "type_", "kind"),
    [
        ("/api/s/page", "track", "page"),
        ("/api/s/event", "page", "page"),
        ("/api/s/s2s/page", None, "page"),
    ],
)
def test_the_path_names_the_type(path: str, type_: str | None, kind: str) -> None:
    context = {"page": {"url": URL}}
    assert only(post(path, {**WHO, **TIMES, "type": type_, "context": context}))[0] == kind


def test_a_type_that_nobody_knows() -> None:
    (refused,) = post("/api/s/video", {**WHO, "type": "video"}).refused
    assert (refused.code, refused.field) == ("unknown_value", "type")
    assert "keyid" not in refused.raw


def test_a_browser_without_ids_is_a_visitor_of_one_day() -> None:
    context = {**BROWSER, "page": {"url": URL}, "userAgent": "Mozilla/5.0 (X11) Firefox/140.0"}
    nobody = {"messageId": "m1", **TIMES, "context": context}
    one, again = (only(post("/api/s/page", nobody))[1] for _ in range(2))
    (anonymous,) = one["identifiers"]
    assert one == again
    assert anonymous.startswith("anonymous_id:")
    assert "203.0.113.7" not in json.dumps(one)
    other = {**nobody, "context": {**context, "userAgent": "Mozilla/5.0 (X11) Chrome/147.0"}}
    assert only(post("/api/s/page", other))[1]["identifiers"] != [anonymous]
    (refused,) = post("/api/s/s2s/page", nobody).refused
    assert refused.code == "missing_identifiers"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("pk_1", "pk_1"),
        ("sk_1:anything", "sk_1"),
        ("site:sk_1", "sk_1"),
        ("other:secret", "other"),
        ("", None),
    ],
)
def test_the_key(header: str, key: str | None) -> None:
    body = {"writeKey": "pk_of_the_body"}
    assert jitsu_key(call("/api/s/page", body, headers={"X-Write-Key": header})) == key


def test_the_key_as_any_sender_may_send_it() -> None:
    bearer = {"Authorization": "Bearer sk_2"}
    assert jitsu_key(call("/api/s/page", {}, headers=bearer)) == "sk_2"


def test_one_message_a_request() -> None:
    with pytest.raises(BadRequest) as caught:
        post("/api/s/page", [])
    assert caught.value.code == "not_an_object"
