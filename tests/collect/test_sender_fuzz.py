"""Whatever stands in a sender's message, it is read or refused by name; nothing else happens."""

from copy import deepcopy
from typing import Any

import pytest

from service.collect.formats import formats
from service.collect.intake import collect_messages
from tests.collect.sending import ROOM, call, endpoint_of, send, sender
from tests.collect.test_hook_fuzz import paths, with_value

AT = "2026-03-01T10:00:00Z"
PAGE = "https://a.example/?utm_source=x"
SEGMENT: list[Any] = [
    {"type": "page", "messageId": "m", "anonymousId": "a", "timestamp": AT, "sentAt": AT,
     "properties": {"url": PAGE, "referrer": "$direct", "title": "t", "search": "?q=1"},
     "context": {"userAgent": "m", "campaign": {"name": "n", "id": 3}, "groupId": "g",
                 "device": {"advertisingId": "d"}, "referrer": {"type": "dataxu", "id": "q"},
                 "clientIds": {"ga4": {"clientId": "1.2"}}, "traits": {"email": "a@b.example"},
                 "consentManagement": {"allowedConsentIds": ["analytics"]}}},
    {"type": "track", "messageId": "m", "userId": "u", "event": "Order Completed",
     "properties": {"order_id": "O", "revenue": 12.5, "currency": "EUR", "coupon": "c",
                    "products": [{"sku": "s", "price": 3, "quantity": 2, "name": "n"}]}},
    {"type": "track", "anonymousId": "a", "event": "Seen", "properties": {"x": "1"}},
    {"type": "alias", "messageId": "m", "userId": "u", "previousId": "p", "anonymousId": "a"},
    {"type": "merge", "messageId": "m",
     "mergeProperties": [{"type": "email", "value": "a@b.example"}, {"type": "x", "value": "1"}]},
    {"type": "group", "userId": "u", "groupId": "g", "traits": {"name": "n", "domain": "a.example"}},
]  # fmt: skip
MESSAGES: dict[str, list[Any]] = {
    "segment": SEGMENT,
    "rudder": SEGMENT,
    "jitsu": SEGMENT,
    "snowplow": [
        {"e": "pv", "eid": "e1", "url": PAGE, "refr": PAGE, "page": "t", "duid": "d", "uid": "u",
         "dtm": "1772359200000", "stm": "1772359200100", "ua": "m"},
        {"e": "tr", "eid": "e1", "tr_id": "t", "tr_tt": "3", "tr_cu": "EUR", "duid": "d"},
        {"e": "ue", "eid": "e1", "duid": "d",
         "ue_pr": '{"data": {"schema": "iglu:a/b/jsonschema/1-0-0", "data": {}}}'},
    ],
    "ga4": [
        {"name": "page_view", "client_id": "1.2", "user_data": {"sha256_email_address": ["a" * 64]},
         "user_properties": {"k": {"value": "v"}}, "user_agent": "m", "consent": "granted",
         "place": ["", ""], "params": {"page_location": PAGE, "page_title": "t", "gclid": "g"}},
        {"name": "campaign_details", "client_id": "1.2", "timestamp_micros": 1772359200000000,
         "params": {"source": "a", "campaign_id": 4, "page_location": PAGE}},
    ],
    "matomo": [
        {"hit": {"idsite": "1", "url": PAGE, "urlref": PAGE, "_id": "0123456789abcdef",
                 "cdt": "2026-03-01 10:00:00", "_rcn": "c"}, "agent": "m", "id": "i"},
        {"hit": {"idgoal": "0", "ec_id": "3", "revenue": "3", "ec_items": '[["s", "n", "c", 3, 1]]',
                 "uid": "u"}, "id": "i"},
    ],
    "posthog": [
        {"event": {"event": "$pageview", "distinct_id": "u", "timestamp": AT, "offset": 3,
                   "$set": {"email": "a@b.example"},
                   "properties": {"$current_url": PAGE, "$lib": "web", "$groups": {"company": "c"},
                                  "$session_entry_url": PAGE, "$anon_distinct_id": "z"}},
         "sent_at": AT, "visitor": "v", "id": "i"},
        {"event": {"event": "$create_alias", "properties": {"distinct_id": "d", "alias": "e"}},
         "id": "i"},
    ],
    "plausible": [
        {"event": {"n": "Bought", "u": PAGE, "d": "a.example", "props": {"order_id": "x"},
                   "revenue": {"amount": "3", "currency": "EUR"}}, "visitor": "v", "id": "i"},
    ],
    "umami": [
        {"type": "event", "visitor": "v", "id": "i",
         "payload": {"hostname": "a.example", "url": "/x", "id": "u", "timestamp": 1772359200,
                     "name": "n", "data": {"a": 1}, "tag": "t"}},
    ],
    "snippet": [
        {"id": "i", "type": "page", "at": AT, "sent_at": AT, "anonymous_id": "a", "url": PAGE},
        {"id": "i", "type": "identify", "identifiers": {"email": "a@b.example"}, "anonymous_id": "a"},
    ],
    "pixel": [
        {"kind": "impression", "id": "i", "source": "s", "agent": "m", "referrer": PAGE,
         "recipient": {"user_id": "u", "email_sha256": "a" * 64}},
    ],
}  # fmt: skip
ODD: list[Any] = [
    None, True, 0, -1, 1.5, 10**18, "", "x", "\ud800", "a\x00b", "x" * 3_000, [], [1], [[[]]], {},
    {"a": {"b": []}}, {"": ""}, {"\ud800": "v"}, AT.replace("T", "\ud800"), AT.replace("T", "\x00"),
]  # fmt: skip


@pytest.mark.parametrize("scopes", [("collect",), ("collect", "facts")])
@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_read_or_refused(name: str, scopes: tuple[str, ...]) -> None:
    for message in MESSAGES[name]:
        whole = collect_messages(
            [deepcopy(message)], sender(scopes=("facts",)), formats()[name], ROOM
        )
        assert whole.facts, whole.refused
        for path in paths(message):
            for value in ODD:
                given = with_value(deepcopy(message), path, deepcopy(value))
                batch = collect_messages([given], sender(scopes=scopes), formats()[name], ROOM)
                assert batch.facts or batch.refused
                assert all("\\u0000" not in fact.payload for fact in batch.facts), (path, value)


def test_a_kind_that_is_no_text_costs_only_its_event() -> None:
    events = [{"e": ["pv"], "eid": "1"}, {"e": "pp", "eid": "2", "duid": "d"}]
    path = "/com.snowplowanalytics.snowplow/tp2"
    batch = send("snowplow", call(path, {"data": events}))
    assert [(r.index, r.code, r.field) for r in batch.refused] == [(0, "unknown_value", "e")]
    assert len(batch.facts) == 1
    assert endpoint_of("snowplow", path).key(call(path, {"data": events})) is None
