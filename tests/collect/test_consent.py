"""Consent: who declined, and that nothing of him is left."""

import base64
import itertools
from typing import Any

import orjson
import pytest

from service.collect.consent import is_denied, request_says, tcf_purposes, tcf_says
from service.collect.native import Sender, to_fact
from service.kit.errors import Refusal
from service.ledger.keys import Caller
from tests.collect.sending import READER, RECEIVED, sender

# Written by hand from the specification's bit lengths: version 2, then zeros, purposes from bit 152.
PURPOSES_AT = 152


def tc_string(*purposes: int, version: int = 2) -> str:
    bits = f"{version:06b}".ljust(PURPOSES_AT, "0")
    bits += "".join("1" if p in purposes else "0" for p in range(1, 25))
    bits = bits.ljust(232, "0")
    raw = int(bits, 2).to_bytes(len(bits) // 8)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


# An example of the IAB's published text: all purposes of the core string are refused but 1, 2 and 3.
PUBLISHED = "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA.IFoEUQQgAIQwgIwQABAEAAAAOIAACAIAAAAQAIAgEAACEAAAAAgAQBAAAAAAAGBAAgAAAAAAAFAAECAAAgAAQARAEQAAAAAJAAIAAgAAAYQEAAAQmAgBC3ZAYzUw"


def test_a_published_string() -> None:
    assert tcf_purposes(PUBLISHED) == {1, 2, 3}
    assert tcf_says("1", PUBLISHED) == "denied"


@pytest.mark.parametrize(
    ("applies", "consent", "says"),
    [
        pytest.param("1", tc_string(1, 7, 9), "granted", id="all three"),
        pytest.param("1", tc_string(*range(1, 25)) + ".YAAAAAAAAAA", "granted", id="everything"),
        pytest.param("1", tc_string(1, 7), "denied", id="two of three"),
        pytest.param("1", tc_string(), "denied", id="nothing"),
        pytest.param("1", tc_string(1, 7, 9, version=1), "denied", id="version 1"),
        pytest.param("1", "", "denied", id="no string"),
        pytest.param("1", "%%%", "denied", id="no base64"),
        pytest.param("1", "é", "denied", id="no ASCII"),
        pytest.param("1", tc_string(1, 7, 9)[:20], "denied", id="cut"),
        pytest.param("0", "", None, id="does not apply"),
        pytest.param("", tc_string(1, 7, 9), None, id="nothing said"),
    ],
)
def test_tcf(applies: str, consent: str, says: str | None) -> None:
    assert tcf_says(applies, consent) == says


@pytest.mark.parametrize(
    ("gpc", "dnt", "query", "says"),
    [
        (["1"], "", {}, "denied"),
        (["0", "1"], "", {}, "denied"),
        ([" 1"], "", {}, None),
        (["true"], "", {}, None),
        ([], "1", {}, "denied"),
        ([], "0", {}, None),
        (["1"], "", {"gdpr": "1", "gdpr_consent": tc_string(1, 7, 9)}, "denied"),
        ([], "", {"gdpr": "1", "gdpr_consent": tc_string(1, 7, 9)}, "granted"),
    ],
)
def test_what_a_request_says(gpc: list[str], dnt: str, query: dict[str, str], says: str) -> None:
    assert request_says(gpc, dnt, query) == says


@pytest.mark.parametrize("kind", ["page", "lead"])
@pytest.mark.parametrize("public", [True, False])
def test_the_policies(kind: str, public: bool) -> None:
    words = ("granted", "denied", None)
    for said, signal in itertools.product(words, words):
        told = {
            p: is_denied(kind, said, p, public, signal) for p in ("ignore", "honour", "require")
        }  # type: ignore[arg-type]
        visitor = kind == "page"
        agreed = "granted" in (said, signal)
        assert told == {
            "ignore": False,
            "honour": said == "denied"
            or (visitor and public and said is None and signal == "denied"),
            "require": said == "denied" or (visitor and (signal == "denied" or not agreed)),
        }


SECRET = ("a-secret", "ann@example.com", "example.com", "+48600700800", "u-secret", "GCLID", "acme")


def page(**more: Any) -> dict[str, Any]:
    return {
        "id": "p1",
        "type": "page",
        "occurred_at": "2026-03-01T10:00:00Z",
        "identifiers": {
            "anonymous_id": "a-secret",
            "email": "ann@example.com",
            "phone": "+48600700800",
            "user_id": "u-secret",
        },
        "account": {"id": "acme"},
        "segment": {"plan": "u-secret"},
        "context": {"consent": "denied"},
        "page": {
            "url": "https://shop.test/a?utm_source=google&utm_medium=cpc&gclid=GCLID#u-secret",
            "referrer": "https://u-secret@www.google.com/search?q=a-secret",
            "title": "Hello u-secret",
        },
        **more,
    }


def test_nothing_of_him_is_left_and_the_campaign_is() -> None:
    fact = to_fact(page(), 0, sender())
    assert not [text for text in SECRET if text in fact.payload]
    payload = orjson.loads(fact.payload)
    assert payload == {
        "consent": "denied",
        "identifiers": payload["identifiers"],
        "page": {"url": "https://shop.test/a", "referrer": "https://www.google.com/"},
        "touch": {"source": "google", "medium": "cpc", "clicks": "gclid"},
    }
    assert payload["identifiers"][0].startswith("unlinked:")
    assert fact.flags == ("consent_denied",)


def test_it_links_to_nothing_and_is_a_duplicate_when_sent_again() -> None:
    (one, again, other) = (to_fact(page(id=i), 0, sender()) for i in ("p1", "p1", "p2"))
    assert one.payload == again.payload
    assert one.payload != other.payload
    elsewhere = Sender(Caller(1, 2, "shop", frozenset({"facts"})), RECEIVED, READER)
    assert to_fact(page(), 0, elsewhere).payload != one.payload


def test_who_declined_needs_no_identifier() -> None:
    event = page(identifiers={})
    assert "unlinked" in to_fact(event, 0, sender()).payload
    with pytest.raises(Refusal) as refused:
        to_fact({**event, "context": {}}, 0, sender())
    assert refused.value.code == "missing_identifiers"


@pytest.mark.parametrize(
    ("event", "left"),
    [
        (
            {"type": "track", "track": {"name": "Seen", "properties": {"who": "u-secret"}}},
            {"track": {"name": "Seen"}},
        ),
        (
            {
                "type": "deal",
                "deal": {
                    "id": "D1", "stage": "won", "name": "u-secret", "amount": "10",
                    "currency": "EUR", "contacts": [{"email": "ann@example.com"}],
                },
            },
            {"deal": {"id": "D1", "stage": "won", "amount_minor": 1000, "currency": "EUR"}},
        ),
        ({"type": "review", "review": {"rating": 4, "text": "u-secret"}}, {"review": {"rating": 4}}),
        ({"type": "identify"}, {}),
        (
            {"type": "touch", "touch": {"source": "x", "click_ids": {"gclid": "GCLID"}}},
            {"touch": {"source": "x", "kind": "click", "clicks": "gclid"}},
        ),
    ],
    ids=lambda value: value.get("type", "") if isinstance(value, dict) else "",
)  # fmt: skip
def test_every_type(event: dict[str, Any], left: dict[str, Any]) -> None:
    whole = page(**event)
    del whole["page"]
    fact = to_fact(whole, 0, sender())
    assert not [text for text in SECRET if text in fact.payload]
    payload = orjson.loads(fact.payload)
    assert payload.pop("identifiers")[0].startswith("unlinked:")
    assert payload == {"consent": "denied", **left}


def test_an_id_made_of_a_person_is_not_kept() -> None:
    event = page(type="lead", lead={"id": "Signed Up:u-secret", "stage": "lead"})
    del event["page"]
    assert "u-secret" not in to_fact(event, 0, sender()).payload


def test_no_sender_may_use_our_own_kind() -> None:
    with pytest.raises(Refusal) as refused:
        to_fact(page(context={}, identifiers={"unlinked": "x"}), 0, sender())
    assert (refused.value.code, refused.value.field) == ("bad_identifier", "identifiers.unlinked")
