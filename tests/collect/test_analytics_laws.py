"""Whatever is sent to a format of web analytics, each message is taken or refused, and never both."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.kit.errors import BadRequest, Forbidden
from service.ledger.append import Receipt
from tests.collect.sending import call, endpoint_of, send, sender

PLACES = (
    ("matomo", "/matomo.php", "requests"),
    ("plausible", "/api/event", ""),
    ("posthog", "/batch/", "batch"),
    ("umami", "/api/send", ""),
    ("umami", "/api/batch", ""),
)
WORDS = (
    *("n", "u", "d", "r", "p", "$", "name", "url", "domain", "revenue", "amount", "currency"),
    *("type", "payload", "website", "hostname", "id", "data", "timestamp", "ip", "userAgent"),
    *("event", "distinct_id", "properties", "uuid", "$set", "$groups", "$group_key", "sent_at"),
    *("requests", "batch", "idsite", "_id", "uid", "cdt", "idgoal", "ec_id", "ec_items", "cip"),
    *("$current_url", "order_id", "alias", "offset", "api_key", "token_auth", "key"),
)
TEXTS = st.text(max_size=8) | st.sampled_from(
    ("pageview", "event", "identify", "$pageview", "$identify", "$create_alias", "Order Completed",
     "https://example.com/?utm_source=x", "0", "EUR", "12.50", "[[1,2]]", "pk_" + "a" * 43, "\0",
     "\ud800", "2026-03-01T10:00:00Z", "1e999", "{")
)  # fmt: skip
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
NESTED = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=8)
    ),
    max_leaves=30,
)
BROWSER = {"Origin": "https://example.com"}


@pytest.mark.parametrize(("name", "path", "bulk"), PLACES)
@settings(max_examples=200)
@given(body=NESTED, public=st.booleans())
@example(body={"payload": {"timestamp": 10**400}, "type": "event"}, public=False)
@example(body={"n": "Purchase", "p": {"order_id": {}}, "$": {"amount": []}}, public=False)
def test_any_json(name: str, path: str, bulk: str, body: Any, public: bool) -> None:
    for said in (body, [body, body], {bulk: [body, 7]}, {"payload": body, "type": "event"}):
        who = sender(scopes=("collect",) if public else ("collect", "facts"))
        asked = call(path, said, headers=BROWSER)
        endpoint = endpoint_of(name, path)
        try:
            endpoint.key(asked)
            messages = endpoint.messages(asked)
            batch = send(name, asked, who)
        except (BadRequest, Forbidden):
            continue
        taken = {fact.index for fact in batch.facts}
        refused = {refusal.index for refusal in batch.refused}
        assert taken | refused == set(range(len(messages)))
        assert not taken & refused
        assert not (public and {"order", "lead", "deal"} & {fact.type for fact in batch.facts})
        assert "203.0.113.7" not in "".join(fact.payload for fact in batch.facts)
        assert endpoint.answer(asked, Receipt(0, 0, list(batch.refused))).status in (200, 202, 204)


@pytest.mark.parametrize(("name", "path", "_"), PLACES)
@given(body=st.binary(max_size=80) | st.text(max_size=40).map(lambda t: f"data={t}".encode()))
def test_any_bytes(name: str, path: str, _: str, body: bytes) -> None:
    asked = call(path, body, headers=BROWSER)
    endpoint = endpoint_of(name, path)
    try:
        endpoint.key(asked)
        batch = send(name, asked)
    except BadRequest:
        return
    assert endpoint.answer(asked, Receipt(0, 0, list(batch.refused))).status in (200, 202, 204)
