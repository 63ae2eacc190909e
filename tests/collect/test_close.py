"""Close: opportunities, leads and contacts; signatures; any order gives the same deals."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from service.kit.errors import Refusal, Unauthenticated
from tests.collect.hooked import conversions, facts_of, posted, refusals_of
from tests.collect.sending import RECEIVED, ignored

KEY = "00ff" * 16


def event(
    number: int, data: dict[str, Any], kind: str = "opportunity", action: str = "updated"
) -> dict[str, Any]:
    """An event on a day of February 2026; Close writes UTC without saying so."""
    return {
        "subscription_id": "whsub_1",
        "event": {
            "id": f"ev_{kind}_{number}_{action}",
            "date_created": f"2026-02-{number:02}T10:00:00.395000",
            "object_type": kind,
            "object_id": data.get("id", "oppo_1"),
            "action": action,
            "changed_fields": ["status_id"],
            "previous_data": {},
            "data": data,
        },
    }


def opportunity(kind: str = "active", label: str = "Active", **more: Any) -> dict[str, Any]:
    return {
        "id": "oppo_1",
        "lead_id": "lead_1",
        "contact_id": "cont_1",
        "value": 120050,
        "value_currency": "USD",
        "value_period": "one_time",
        "status_id": f"stat_{label}",
        "status_label": label,
        "status_type": kind,
        "date_created": "2026-01-15T12:41:24.496000+00:00",
        **more,
    }


LEAD: dict[str, Any] = {
    "id": "lead_1",
    "display_name": "Acme",
    "status_id": "stat_p",
    "status_label": "Potential",
    "custom.cf_1": "spring",
    "contacts": [
        {"id": "cont_1", "emails": [{"email": "ann@acme.example"}, {"email": "a@acme.example"}]},
        {"id": "cont_2", "phones": [{"phone": "+48600700800"}]},
        {"no": "id"},
    ],
}


@pytest.mark.parametrize(
    ("kind", "label", "stages", "stage"),
    [
        ("active", "Active", {}, "opportunity"),
        ("won", "Won", {}, "won"),
        ("lost", "Lost", {}, "lost"),
        ("active", "Verbal", {"Verbal": "won"}, "won"),
        ("active", "Verbal", {"stat_Verbal": "lost:silence"}, "lost"),
    ],
)
def test_an_opportunity(kind: str, label: str, stages: dict[str, str], stage: str) -> None:
    batch = posted("close", event(3, opportunity(kind, label)), {"stages": stages})
    (fact,) = facts_of(batch).values()
    reason = fact["deal"].pop("reason", None)
    assert reason == ("silence" if stages.get(f"stat_{label}") else None)
    assert fact == {
        "type": "deal",
        "identifiers": ["crm_contact_id:cont_1"],
        "account": {"id": "lead_1"},
        "deal": {
            "id": "oppo_1", "lead_id": "lead_1", "stage": stage, "status": label,
            "amount_minor": 120050, "currency": "USD",
        },
    }  # fmt: skip
    assert batch.facts[0].occurred_at == 1770112800_395000


def test_a_lead_is_a_company_with_its_people() -> None:
    facts = facts_of(
        posted("close", event(3, LEAD, "lead"), {"fields": {"cf_1": "touch.campaign"}})
    )
    assert [fact["type"] for fact in facts.values()] == [
        "lead", "touch", "identify", "identify", "identify",
    ]  # fmt: skip
    lead, touch, *people = facts.values()
    assert lead["lead"] == {"id": "lead_1", "stage": "lead", "status": "Potential"}
    assert touch["touch"]["campaign"] == "spring"
    assert {fact["account"]["id"] for fact in (lead, people[0], people[2])} == {"lead_1"}
    assert [i.partition(":")[0] for i in people[2]["identifiers"]] == ["crm_contact_id", "phone"]


def test_what_cannot_be_read_is_named() -> None:
    cases = [
        ({}, "missing_field", "event"),
        (event(3, {**LEAD, "status_label": "Ours"}, "lead"), "unmapped_stage", "stages"),
        (event(3, opportunity("odd", "Odd")), "unmapped_stage", "stages"),
        (event(3, opportunity(value="12.5")), "bad_amount", "amount"),
        (event(3, opportunity(value_currency="?")), "unknown_currency", "currency"),
        (event(3, opportunity(date_created="x")), "bad_timestamp", "event.data.date_created"),
    ]
    for message, code, field in cases:
        assert refusals_of(posted("close", message)) == [(0, code, field)]
    assert ignored(posted("close", event(3, {"id": "acti_1"}, "activity.call"))) == 1


def signed(body: bytes, seconds: int = 0, key: str = KEY) -> dict[str, str]:
    timestamp = str(int(RECEIVED.timestamp()) + seconds)
    made = hmac.new(bytes.fromhex(key), timestamp.encode() + body, hashlib.sha256).hexdigest()
    return {"close-sig-timestamp": timestamp, "close-sig-hash": made}


@pytest.mark.parametrize(("seconds", "good"), [(0, 1), (-299, 1), (-301, 0), (299, 1), (301, 0)])
def test_the_signature_and_its_age(seconds: int, good: int) -> None:
    body = orjson.dumps(event(3, opportunity()))
    headers = signed(body, seconds)
    if good:
        assert posted("close", body, {"secret": KEY}, **headers).facts
    else:
        with pytest.raises(Unauthenticated):
            posted("close", body, {"secret": KEY}, **headers)


def test_whatever_is_changed_is_refused() -> None:
    body = orjson.dumps(event(3, opportunity()))
    good = signed(body)
    later = {**good, "close-sig-timestamp": str(int(good["close-sig-timestamp"]) + 1)}
    for sent, headers in (
        (body[:-1] + b" ", good),
        (body + b" ", good),
        (body, later),
        (body, {**good, "close-sig-hash": ""}),
        (body, {**good, "close-sig-hash": "é" * 64}),
        (body, {**good, "close-sig-timestamp": "now"}),
        (body, {}),
        (body, signed(body, key="11" * 32)),
    ):
        with pytest.raises(Unauthenticated):
            posted("close", sent, {"secret": KEY}, **headers)
    with pytest.raises(Refusal, match="hex"):
        posted("close", body, {"secret": "no hexadecimal"})


STORY = [
    event(1, opportunity(value=100000), action="created"),
    event(2, opportunity("won", "Won", value=100000)),
    event(3, opportunity()),
    event(4, opportunity("won", "Won", value=150000)),
    event(5, opportunity("won", "Won", value=170000)),
    event(6, opportunity("won", "Won", id="oppo_2")),
    event(7, {"id": "oppo_2"}, action="deleted"),
    event(1, LEAD, "lead", "created"),
    event(2, {**LEAD, "status_label": "Qualified"}, "lead"),
]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(STORY))), again=st.lists(st.integers(0, 8), max_size=6))
def test_any_order_and_repetition_gives_the_same_deals(
    ledger: Callable[[], Engine], order: list[int], again: list[int]
) -> None:
    sent = [posted("close", STORY[n]) for n in (*order, *again)]
    first, day = 1_769_940_000, 86_400
    assert [row[:5] for row in conversions(ledger(), sent)] == [
        ("lead:lead:lead_1", first, "sql", None, None),
        ("mql:lead:lead_1", first + day, "sql", None, None),
        ("opportunity:deal:oppo_1", first, "won", 170000, "USD"),
        ("opportunity:deal:oppo_2", first + 5 * day, "lost", 120050, "USD"),
        ("sql:lead:lead_1", first + day, "sql", None, None),
        ("won:deal:oppo_1", first + 3 * day, "won", 170000, "USD"),
    ]
