"""RudderStack's own paths, and its messages on the paths that it shares with Segment."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.formats import formats
from service.collect.formats.rudder import query_key, source_config
from service.collect.wire import Call, Fixed
from service.kit.errors import Forbidden
from service.ledger.append import Batch
from tests.collect.sending import READER, RECEIVED, call, send

URL = "https://shop.example/?utm_source=google&utm_medium=cpc&gclid=abc"
HOME = "https://shop.example/"
PAGE = {
    "type": "page",
    "channel": "web",
    "messageId": "m1",
    "userId": "",
    "anonymousId": "a1",
    "originalTimestamp": "2026-03-01T11:59:58Z",
    "properties": {"url": URL, "title": "T", "referrer": "$direct", "initial_referrer": "$direct"},
    "context": {"traits": {}, "library": {"name": "RudderLabs JavaScript SDK"}},
}


def only(batch: Batch) -> tuple[str, dict[str, Any]]:
    """The type and payload of the only fact."""
    assert [(r.code, r.field, r.detail) for r in batch.refused] == []
    (fact,) = batch.facts
    payload = json.loads(fact.payload)
    payload.pop("claimed_at")
    return fact.type, payload


def test_a_page_that_nobody_referred_to() -> None:
    kind, payload = only(send("segment", call("/v1/page", {**PAGE, "sentAt": "2026-03-01T12:00Z"})))
    assert kind == "page"
    assert payload == {
        "identifiers": ["anonymous_id:a1"],
        "page": {"url": URL, "title": "T"},
        "touch": {"source": "google", "medium": "cpc", "clicks": "gclid"},
        "click_ids": {"gclid": "abc"},
    }


def test_traits_stand_in_the_context_alone() -> None:
    context = {"traits": {"email": "ann@acme.com"}, "library": {"name": "analytics-python"}}
    said = {"userId": "u1", "messageId": "m1", "context": context, "channel": "server"}
    email = READER.read("email", "ann@acme.com")
    assert email is not None
    assert only(send("segment", call("/v1/identify", said))) == (
        "identify",
        {"identifiers": [f"email:{email.value}", "user_id:u1"], "email_domain": "acme.com"},
    )


@pytest.mark.parametrize(
    ("path", "wire"), [("/v1/batch", "segment"), ("/beacon/v1/batch", "rudder")]
)
def test_the_clock_of_a_batch(path: str, wire: str) -> None:
    """Browsers say anew when they send; servers repeat the first `sentAt` and are not corrected."""
    late = {"sentAt": "2026-03-01T11:59:59Z"}
    server = {**PAGE, "messageId": "m2", "channel": "server", **late}
    browser = {**PAGE, **late}
    body = {"batch": [browser, server], "sentAt": "2026-03-01T11:59:59Z", "timestamp": "ignored"}
    web, own = send(wire, call(path, body)).facts
    assert datetime.fromtimestamp(web.occurred_at / 1e6, UTC) == RECEIVED - timedelta(seconds=1)
    assert datetime.fromtimestamp(own.occurred_at / 1e6, UTC) == RECEIVED - timedelta(seconds=2)


def test_headers_say_what_the_body_does_not() -> None:
    nobody = {k: v for k, v in PAGE.items() if k not in ("anonymousId", "userId")}
    headers = {
        "AnonymousId": base64.b64encode(b"a9").decode(),
        "SentAt": "2026-03-01T11:59:59Z",
    }
    (fact,) = send("segment", call("/v1/page", nobody, headers=headers)).facts
    assert json.loads(fact.payload)["identifiers"] == ["anonymous_id:a9"]
    assert datetime.fromtimestamp(fact.occurred_at / 1e6, UTC) == RECEIVED - timedelta(seconds=1)
    (kept,) = send("segment", call("/v1/page", PAGE, headers=headers)).facts
    assert json.loads(kept.payload)["identifiers"] == ["anonymous_id:a1"]
    (refused,) = send(
        "segment", call("/v1/page", nobody, headers={"AnonymousId": "no base64"})
    ).refused
    assert refused.code == "missing_identifiers"


# Keys and settings


@pytest.mark.parametrize(
    ("query", "headers", "key"),
    [
        ("writeKey=pk_1", {}, "pk_1"),
        ("writeKey=pk_1", {"authorization": "Bearer sk_2"}, "sk_2"),
        ("", {}, None),
        ("writeKey=", {}, None),
    ],
)
def test_the_key_of_a_beacon(query: str, headers: dict[str, str], key: str | None) -> None:
    assert query_key(call("/beacon/v1/batch", b"{}", query=query, headers=headers)) == key


def test_a_secret_key_in_an_address_is_refused() -> None:
    with pytest.raises(Forbidden) as caught:
        query_key(call("/beacon/v1/batch", b"{}", query="writeKey=sk_1"))
    assert caught.value.code == "secret_in_address"


def test_the_settings_name_the_source_alone() -> None:
    asked = call("/sourceConfig/", query="p=npm&v=3.34.1&writeKey=pk_1", method="GET")
    assert json.loads(source_config(asked).body) == {
        "source": {
            "id": "throughline",
            "name": "throughline",
            "writeKey": "pk_1",
            "enabled": True,
            "config": {
                "statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}
            },
            "workspaceId": "throughline",
            "destinations": [],
            "dataplanes": {},
            "connections": [],
        },
        "consentManagementMetadata": {},
    }


def test_it_says_that_it_is_there() -> None:
    fixed = [e for e in formats()["rudder"].endpoints if isinstance(e, Fixed)]
    told = {e.paths[0]: json.loads(e.answer(call(e.paths[0], method="GET")).body) for e in fixed}
    assert told["/health"] == {"server": "UP"}
    assert set(told["/version"]) == {"Version"}


# Merges


@pytest.mark.parametrize(
    ("pairs", "identifiers"),
    [
        pytest.param([("user_id", "u1"), ("anonymousId", "a1")], [["user_id:u1", "anonymous_id:a1"]], id="two kinds"),
        pytest.param([("userId", "u1"), ("crm_contact_id", "c1")], [["crm_contact_id:c1", "user_id:u1"]], id="a kind of ours"),
        pytest.param(
            [("userId", "u1"), ("user_id", "u2")],
            [["user_id:u1", "alias:segment:m1"], ["user_id:u2", "alias:segment:m1"]],
            id="one kind",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/merge", "/v1/batch"])
def test_merges(pairs: list[tuple[str, str]], identifiers: list[list[str]], path: str) -> None:
    merge = {
        "type": "merge",
        "messageId": "m1",
        "mergeProperties": [{"type": kind, "value": value} for kind, value in pairs],
    }
    if path == "/v1/merge":
        batch = send("rudder", call(path, merge))
    else:
        batch = send("segment", call(path, {"batch": [merge]}))
    assert [json.loads(f.payload)["identifiers"] for f in batch.facts] == identifiers
    assert {f.type for f in batch.facts} == {"identify"}
    assert [f.fact_id for f in batch.facts] == ["m1", "m1:second"][: len(identifiers)]


def test_a_merge_of_a_number_and_an_address() -> None:
    pairs = [
        {"type": "email", "value": "ann@acme.com"},
        {"type": "mobile", "value": "+48600700800"},
    ]
    (fact,) = send("rudder", call("/v1/merge", {"mergeProperties": pairs})).facts
    kinds = [i.partition(":")[0] for i in json.loads(fact.payload)["identifiers"]]
    assert kinds == ["email", "phone"]
    assert "ann@" not in fact.payload


@pytest.mark.parametrize(
    ("pairs", "field"),
    [
        (None, "mergeProperties"),
        ([{"type": "email", "value": "a@b.example"}], "mergeProperties"),
        ([{"type": "email", "value": "a@b.example"}, {"type": "phone"}], "mergeProperties.1"),
        ([7, {"type": "phone", "value": "1"}], "mergeProperties.0"),
    ],
)
def test_half_a_merge(pairs: Any, field: str) -> None:
    (refused,) = send("rudder", call("/v1/merge", {"mergeProperties": pairs})).refused
    assert (refused.code, refused.field) == ("missing_field", field)


# Pixels


def fetch(kind: str, query: str, received_at: datetime = RECEIVED, **headers: str) -> Batch:
    request = call(
        f"/pixel/v1/{kind}", query=query, method="GET", received_at=received_at, headers=headers
    )
    return send("rudder", request)


AMP = (
    "writeKey=pk_1&anonymousId=%22amp-1%22&context.library.name=Rudderstack+AMP+SDK&name=Home"
    "&context.page.url=https%3A%2F%2Fshop.example%2F%3Futm_source%3Dmail&context.page.title=T"
    "&context.page.referrer=https%3A%2F%2Fg.example%2F&properties.size=7&context.screen.width=800"
)


def test_the_pixel_of_a_page() -> None:
    assert only(fetch("page", AMP)) == (
        "page",
        {
            "identifiers": ["anonymous_id:amp-1"],
            "page": {
                "url": "https://shop.example/?utm_source=mail",
                "title": "T",
                "referrer": "https://g.example/",
            },
            "touch": {"source": "mail"},
        },
    )


def test_the_pixel_of_an_event() -> None:
    query = "writeKey=pk_1&anonymousId=a1&event=Offer+Seen&properties.place=top&properties.x.y=1"
    assert only(fetch("track", query)) == (
        "track",
        {
            "identifiers": ["anonymous_id:a1"],
            "track": {"name": "Offer Seen", "properties": {"place": "top"}},
        },
    )


def test_one_second_is_one_pixel() -> None:
    moments = [RECEIVED, RECEIVED + timedelta(milliseconds=900), RECEIVED + timedelta(seconds=1)]
    ids = [fetch("page", AMP, moment).facts[0].fact_id for moment in moments]
    assert ids[0] == ids[1] != ids[2]


def test_the_browser_that_fetches_the_pixel_is_looked_at() -> None:
    (fact,) = fetch("page", AMP, **{"User-Agent": "Googlebot/2.1"}).facts
    assert json.loads(fact.payload)["bot"] is True


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("writeKey=pk_1&event=E", "missing_identifiers", "userId"),
        ("writeKey=pk_1&anonymousId=a1", "missing_field", "event"),
    ],
)
def test_a_pixel_that_says_too_little(query: str, code: str, field: str) -> None:
    (refused,) = fetch("track", query).refused
    assert (refused.code, refused.field) == (code, field)
    assert "pk_1" not in refused.raw


@given(
    st.dictionaries(
        st.from_regex(r"[a-z.]{1,12}|context\.page|properties\.a\.b", fullmatch=True),
        st.text(max_size=9),
    )
)
def test_every_query_gives_a_batch(fields: dict[str, str]) -> None:
    asked = Call("GET", "/pixel/v1/track", "", {}, b"", RECEIVED)
    asked.__dict__["asked"] = fields
    batch = send("rudder", asked)
    assert len(batch.facts) + len(batch.refused) == 1
