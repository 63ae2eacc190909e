"""Segment messages become native facts: ids, people, clocks, pages, groups and refusals."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Engine

from service.collect.body import NotANumber
from service.collect.formats.segment import KINDS
from service.kit.db import make_engine
from service.kit.time import to_micros
from service.ledger.append import Batch, NewFact, append
from service.ledger.keys import create_key
from service.ledger.migrate import migrate
from tests.collect.sending import RECEIVED, ROOM, call, send

KIND_OF = {name: kind for kind, names in KINDS.items() for name in names}
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


# Ids and people


def test_the_message_id_is_the_fact_id() -> None:
    assert fact({"messageId": "m" * 100}, "identify").fact_id == "m" * 100
    assert fact({"messageId": 7}, "identify").fact_id == "7"
    assert refusal({"messageId": "m" * 101}, "identify") == ("too_long", "messageId")


@pytest.mark.parametrize("missing", [{}, {"messageId": None}, {"messageId": ""}])
def test_without_a_message_id_the_content_names_the_fact(missing: dict[str, Any]) -> None:
    said = {**WHO, "type": "track", "event": "Played", "properties": {"b": 1, "a": 2}, **missing}
    first = read({"batch": [said], "sentAt": "2026-03-01T12:00:00Z"})
    again = {**said, "properties": {"a": 2, "b": 1}, "writeKey": "k", "_metadata": {"x": 1}}
    second = read({"batch": [again], "sentAt": "2026-03-01T12:05:00Z", "writeKey": "k"})
    alone = read({**said, "sentAt": "2026-03-01T12:06:00Z"}, "t")
    other = read({**said, "properties": {"a": 2, "b": 3}}, "track")
    ids = [batch.facts[0].fact_id for batch in (first, second, alone, other)]
    assert ids[0].startswith("hash:")
    assert ids[:3] == [ids[0]] * 3
    assert ids[3] != ids[0]


@pytest.mark.parametrize(
    ("message", "identifiers"),
    [
        pytest.param({}, ["user_id:u1", "anonymous_id:a1"], id="both"),
        pytest.param({"anonymousId": None}, ["user_id:u1"], id="explicit null"),
        pytest.param({"userId": ""}, ["anonymous_id:a1"], id="empty text"),
        pytest.param({"userId": 42}, ["user_id:42", "anonymous_id:a1"], id="number"),
        pytest.param({"userId": "undefined"}, ["anonymous_id:a1"], id="placeholder"),
    ],
)
def test_identifiers(message: dict[str, Any], identifiers: list[str]) -> None:
    assert payload(message, "identify")["identifiers"] == identifiers


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"userId": None, "anonymousId": None}, id="null"),
        pytest.param({"userId": "", "anonymousId": ""}, id="empty"),
        pytest.param({"userId": "null", "anonymousId": "undefined"}, id="placeholders"),
    ],
)
@pytest.mark.parametrize("kind", ["identify", "track", "page", "screen", "group"])
def test_a_message_of_nobody_is_refused(message: dict[str, Any], kind: str) -> None:
    rest = {"event": "Played", "groupId": "g1"}
    assert refusal({**rest, **message}, kind) == ("missing_identifiers", "userId")


def test_email_and_phone_come_from_traits_hashed() -> None:
    top = payload({"traits": {"email": "Ann@Acme.com", "phone": "+48 600 700 800"}}, "identify")
    nested = {"traits": {"email": "ann@acme.com", "phone": "+48600700800"}}
    assert payload({"context": nested}, "identify") == top
    assert [i.partition(":")[0] for i in top["identifiers"]] == [
        "email",
        "phone",
        "user_id",
        "anonymous_id",
    ]
    assert top["email_domain"] == "acme.com"
    assert "ann@" not in json.dumps(top)


def test_own_traits_go_before_those_of_the_context() -> None:
    both = {"traits": {"email": "new@acme.com"}, "context": {"traits": {"email": "old@acme.com"}}}
    assert payload(both, "identify") == payload({"traits": {"email": "new@acme.com"}}, "identify")


def test_traits_that_are_no_address_do_not_cost_the_message() -> None:
    odd = {"traits": {"email": {"work": "x"}, "phone": True, "created_at": "2026-01-02T03:04:05"}}
    assert payload(odd, "identify")["identifiers"] == ["user_id:u1", "anonymous_id:a1"]


def test_the_traits_of_a_group_are_not_the_persons() -> None:
    group = {"groupId": "g1", "traits": {"email": "office@acme.com", "phone": "+48600700800"}}
    assert payload(group, "group")["identifiers"] == ["user_id:u1", "anonymous_id:a1"]


# Clocks


def occurred(timestamp: str | None, sent_at: str | None, **message: Any) -> datetime | str:
    """When it occurred, or the code of the refusal; it arrives at RECEIVED, 2026-03-01T12:00Z."""
    said = {**WHO, "messageId": "m1", "timestamp": timestamp, "sentAt": sent_at, **message}
    batch = read(said, "identify")
    if batch.refused:
        return batch.refused[0].code
    return datetime.fromtimestamp(batch.facts[0].occurred_at / 1e6, UTC)


NODE = {"context": {"library": {"name": "@segment/analytics-node"}}}
BROWSER = {"context": {"library": {"name": "analytics.js"}}}


@pytest.mark.parametrize(
    ("timestamp", "sent_at", "message", "expected"),
    [
        pytest.param("11:59:50Z", "11:59:55Z", BROWSER, "11:59:55", id="five seconds behind"),
        pytest.param("12:29:00Z", "12:30:00Z", BROWSER, "11:59:00", id="half an hour ahead"),
        pytest.param("11:59:50Z", "11:59:59.001Z", BROWSER, "11:59:50", id="the network"),
        pytest.param("12:00:00.5Z", "12:00:00.9Z", BROWSER, "12:00:00.5", id="a little ahead"),
        pytest.param("12:00:00.9Z", "12:00:00.5Z", BROWSER, "12:00:00.5", id="and after sending"),
        pytest.param("13:59:50+02:00", "11:59:55Z", {}, "11:59:55", id="unknown library"),
        pytest.param("11:50:00Z", "11:50:00Z", BROWSER, "12:00:00", id="ten minutes behind"),
        pytest.param("11:40:00Z", "11:49:59Z", BROWSER, "11:40:00", id="waited in a queue"),
        pytest.param("11:59:58Z", "11:59:50Z", BROWSER, "12:00:00", id="occurred after sending"),
        pytest.param("11:59:50Z", "11:59:55Z", NODE, "11:59:50", id="server"),
        pytest.param("11:59:50Z", "11:59:55Z", {"channel": "server"}, "11:59:50", id="channel"),
        pytest.param("12:30:00Z", "12:30:00Z", NODE, "12:00:00", id="server half an hour ahead"),
        pytest.param("11:59:50Z", None, BROWSER, "11:59:50", id="no sentAt"),
        pytest.param("11:59:50Z", "11:59:55", BROWSER, "11:59:50", id="naive sentAt"),
        pytest.param("12:30:00Z", None, BROWSER, "12:00:00", id="no sentAt, ahead"),
    ],
)
def test_the_clock_is_corrected(
    timestamp: str, sent_at: str | None, message: dict[str, Any], expected: str
) -> None:
    day = "2026-03-01T"
    found = occurred(day + timestamp, sent_at and day + sent_at, **message)
    assert found == datetime.fromisoformat(f"{day}{expected}+00:00")


@pytest.mark.parametrize(
    ("library", "is_server"),
    [
        ("analytics-python", True),
        ("@segment/analytics-node", True),
        ("analytics-java", True),
        ("analytics-go", True),
        ("Analytics.NET", True),
        ("analytics.js", False),
        ("RudderLabs JavaScript SDK", False),
        ("analytics-react-native", False),
        ("analytics-kotlin", False),
    ],
)
def test_clocks_of_servers_are_taken_at_their_word(library: str, is_server: bool) -> None:
    context = {"library": {"name": library}}
    found = occurred("2026-03-01T11:59:50Z", "2026-03-01T11:59:55Z", context=context)
    assert found == RECEIVED - timedelta(seconds=10 if is_server else 5)


def test_history_keeps_its_time() -> None:
    found = occurred("2020-05-05T05:05:05Z", "2026-03-01T11:59:59Z", **BROWSER)
    assert found == datetime(2020, 5, 5, 5, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timestamp", "sent_at", "code"),
    [
        pytest.param("2026-03-01T11:59:50", "2026-03-01T11:59:55Z", "naive_timestamp", id="naive"),
        pytest.param("2026-03-01", None, "naive_timestamp", id="date"),
        pytest.param("yesterday", None, "bad_timestamp", id="words"),
        pytest.param("2026-03-03T12:00:00Z", None, "occurred_in_future", id="in two days"),
        pytest.param("1989-12-31T23:59:59Z", None, "occurred_too_early", id="1989"),
        pytest.param("1990-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "bad_timestamp", id="9999"),
        pytest.param(1772366400, None, "wrong_type", id="number"),
    ],
)
def test_bad_moments(timestamp: Any, sent_at: str | None, code: str) -> None:
    assert occurred(timestamp, sent_at, **BROWSER) == code


def test_refused_moments_name_the_timestamp() -> None:
    assert refusal({"timestamp": "2026-03-01T11:00:00"}, "t") == ("naive_timestamp", "timestamp")
    assert refusal({"timestamp": "2026-03-03T11:00:00Z"}, "i") == (
        "occurred_in_future",
        "timestamp",
    )


def test_the_original_timestamp_stands_in_for_the_timestamp() -> None:
    found = occurred(None, None, originalTimestamp="2026-03-01T11:59:50Z")
    assert found == RECEIVED - timedelta(seconds=10)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    migrate(engine)
    create_key(engine, "site", ["collect", "facts"], RECEIVED)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("moment", [{"timestamp": "2026-03-01T11:59:00Z"}, {}])
def test_a_message_sent_again_is_a_duplicate(ledger: Engine, moment: dict[str, Any]) -> None:
    # Its correction differs by a second each time: by the moment alone it was a conflict.
    said = {**WHO, **BROWSER, "messageId": "m1", "type": "identify", **moment}
    later = RECEIVED + timedelta(seconds=3)
    first = read({"batch": [said], "sentAt": "2026-03-01T12:00:00Z"})
    again = read({"batch": [said], "sentAt": "2026-03-01T12:00:02Z"}, received_at=later)
    assert first.facts[0].occurred_at != again.facts[0].occurred_at
    receipts = append(ledger, [first, again])
    changed = read({"batch": [{**said, "userId": "u2"}], "sentAt": "2026-03-01T12:00:00Z"})
    receipts += append(ledger, [again, changed])
    assert [(r.accepted, r.duplicates, len(r.refused)) for r in receipts] == [
        (1, 0, 0),
        (0, 1, 0),
        (0, 1, 0),
        (0, 0, 1),
    ]


def test_a_message_without_a_moment_occurred_when_it_came() -> None:
    found = fact({}, "identify")
    assert found.occurred_at == to_micros(RECEIVED)
    assert json.loads(found.payload)["claimed_at"] == ""


# Batches and limits


def test_the_context_of_a_batch_lies_under_that_of_each_message() -> None:
    shared = {"page": {"url": HOME}, "campaign": {"source": "mail"}}
    batch = read(
        {
            "context": shared,
            "batch": [
                {**WHO, "messageId": "m1", "type": "page"},
                {
                    **WHO,
                    "messageId": "m2",
                    "type": "page",
                    "context": {"campaign": {"source": "x"}},
                },
                {**WHO, "messageId": "m3", "type": "page", "context": None},
            ],
        }
    )
    pages = [json.loads(f.payload) for f in batch.facts]
    assert [p["page"]["url"] for p in pages] == [HOME] * 3
    assert [p["touch"]["source"] for p in pages] == ["mail", "x", "mail"]


def test_what_is_wrong_is_refused_and_the_rest_is_kept() -> None:
    good = {**WHO, "type": "identify"}
    batch = read(
        {
            "batch": [
                {**good, "messageId": "m0"},
                "text",
                {**WHO, "messageId": "m2"},
                {**WHO, "messageId": "m3", "type": "video"},
                {**good, "messageId": "m4", "traits": {"bio": "x" * ROOM}},
                {**good, "messageId": {"a": 1}},
                {**good, "messageId": "m6", "userId": ["u1"]},
                {**good, "messageId": "m7"},
            ]
        }
    )
    assert [(f.fact_id, f.index) for f in batch.facts] == [("m0", 0), ("m7", 7)]
    assert [(r.index, r.code, r.field, r.fact_id) for r in batch.refused] == [
        (1, "not_an_object", "", ""),
        (2, "missing_field", "type", "m2"),
        (3, "unknown_value", "type", "m3"),
        (4, "too_large", "", "m4"),
        (5, "wrong_type", "messageId", ""),
        (6, "bad_identifier", "userId", "m6"),
    ]


def test_the_path_says_the_type_of_a_single_message() -> None:
    found = {kind: read({**WHO, "type": "page", "event": "E"}, kind) for kind in ("t", "i", "s")}
    assert {kind: batch.facts[0].type for kind, batch in found.items()} == {
        "t": "track",
        "i": "identify",
        "s": "track",
    }


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        name: values
        for names, values in (
            (
                ("userId", "anonymousId", "previousId", "groupId", "messageId"),
                st.text(max_size=8) | st.integers(),
            ),
            (("timestamp", "sentAt"), st.datetimes().map(lambda d: f"{d.isoformat()}Z")),
            (("type",), st.sampled_from(["identify", "track", "page", "screen", "group", "alias"])),
            (("event",), st.sampled_from(["Order Completed", "Order Refunded", "Signed Up", "X"])),
        )
        for name in names
    },
)
TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.just(NotANumber("NaN"))
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
PARTS = st.dictionaries(
    st.sampled_from(
        ["order_id", "revenue", "total", "currency", "products", "url", "title", "name", "email",
         "sku", "price", "quantity", "domain", "campaign", "page", "traits", "userAgent", "library"]
    ),
    JSON | st.just("EUR") | st.lists(st.dictionaries(st.sampled_from(["sku", "price", "quantity"]), JSON)),
)  # fmt: skip
BODIES = st.builds(
    lambda a, b, c: {**a, **b, **c},
    st.dictionaries(
        st.sampled_from(["userId", "type", "event", "messageId", "timestamp", "sentAt", "batch"])
        | TEXT,
        JSON,
        max_size=4,
    ),
    MESSAGE,
    st.fixed_dictionaries(
        {}, optional={"properties": PARTS, "context": PARTS, "traits": PARTS | JSON}
    ),
)


@given(BODIES | st.fixed_dictionaries({"batch": st.lists(BODIES | JSON, max_size=3)}), st.data())
@example({"userId": "u", "properties": nested(400)}, None)
@example({"userId": "u", "properties": nested(3000)}, None)
@example({"userId": "u", "event": "E", "properties": {"\ud800": "\ud800", "b": "\0"}}, None)
@example({"userId": "u", "event": "E", "properties": {"n": 2**64 - 1}}, None)
def test_every_object_gives_a_batch(body: dict[str, Any], data: st.DataObject | None) -> None:
    kinds = sorted(KIND_OF)
    for kind in kinds if data is None else [data.draw(st.sampled_from(kinds))]:
        whole = body.get("batch") if KIND_OF[kind] == "batch" else [body]
        if not isinstance(whole, list):
            continue  # refused as a whole
        batch = read(body, kind)
        for found in batch.facts:
            json.loads(found.payload)
            assert 0 < len(found.fact_id) <= 200
        for refused in batch.refused:
            f"{refused.raw}{refused.field}{refused.detail}{refused.fact_id}".encode()
        indices = {i.index for i in (*batch.facts, *batch.refused)}
        assert indices == set(range(len(whole)))
