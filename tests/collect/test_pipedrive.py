"""Pipedrive v2: deals, leads and persons; any order and repetition gives the same deals."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from service.kit.errors import Unauthenticated
from tests.collect.hooked import conversions, facts_of, posted, refusals_of
from tests.collect.sending import ignored

BASIC = "Basic dXNlcjpwYXNzd29yZA=="  # user:password


def change(
    day: int, data: Any, action: str = "change", entity: str = "deal", **meta: Any
) -> dict[str, Any]:
    """A change on a day of February 2026."""
    deleted = action == "delete"
    return {
        "meta": {
            "action": action,
            "entity": entity,
            "version": "2.0",
            "id": f"u-{entity}-{day}-{action}",
            "entity_id": str((data or {}).get("id", 7)),
            "company_id": "1",
            "timestamp": f"2026-02-{day:02}T10:00:00.754Z",
            "attempt": 1,
            **meta,
        },
        "data": None if deleted else data,
        "previous": data if deleted else {"update_time": "2026-02-01T00:00:00.000Z"},
    }


def deal(status: str = "open", **more: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "title": "Big",
        "value": 1200.5,
        "currency": "USD",
        "status": status,
        "stage_id": 3,
        "pipeline_id": 1,
        "person_id": 9,
        "org_id": 77,
        "add_time": "2026-01-15 08:00:00",
        "lost_reason": "price" if status == "lost" else None,
        "custom_fields": {"abc": {"type": "varchar", "value": "G-1"}, "set": None},
        **more,
    }


def only(message: Any, **options: Any) -> dict[str, Any]:
    (fact,) = facts_of(posted("pipedrive", message, options)).values()
    return fact


@pytest.mark.parametrize(
    ("status", "stages", "expected"),
    [
        ("won", {}, {"stage": "won", "status": "won"}),
        ("won", {"3": "opportunity"}, {"stage": "won", "status": "won"}),
        ("lost", {}, {"stage": "lost", "status": "lost", "reason": "price"}),
        ("open", {}, {"stage": "opportunity", "status": "1:3"}),
        ("open", {"3": "ignore"}, {"status": "1:3"}),
        ("open", {"1:3": "won", "3": "lost"}, {"stage": "won", "status": "1:3"}),
    ],
)
def test_a_deal(status: str, stages: dict[str, str], expected: dict[str, Any]) -> None:
    fact = only(change(3, deal(status)), stages=stages, id_prefix="pd-")
    assert fact == {
        "type": "deal",
        "identifiers": ["crm_contact_id:pd-9"],
        "account": {"id": "77"},
        "deal": {
            "id": "pd-7", "name": "Big", "amount_minor": 120050, "currency": "USD", **expected,
        },
    }  # fmt: skip


def test_a_stage_may_be_one_of_leads_and_a_field_a_click() -> None:
    facts = facts_of(
        posted(
            "pipedrive",
            change(3, deal()),
            {"stages": {"3": "mql"}, "fields": {"abc": "click_ids.gclid"}},
        )
    )
    lead, touch = facts.values()
    assert lead["lead"] == {"id": "7", "stage": "mql", "status": "1:3", "name": "Big"}
    assert touch["click_ids"] == {"gclid": "G-1"}
    batch = posted("pipedrive", change(3, deal()), {"fields": {"abc": "click_ids.gclid"}})
    # The touch is dated by the day the deal was made, however often the deal changes.
    assert batch.facts[1].occurred_at == 1768464000 * 10**6


def test_a_person_with_two_addresses() -> None:
    person = {
        "id": 9,
        "emails": [
            {"value": "old@acme.example", "primary": False},
            {"value": "ann@acme.example", "primary": True},
        ],
        "phones": [{"value": "+48600700800"}],
        "org_id": {"value": 77},
        "custom_fields": {"ga": {"type": "varchar", "value": "1.2"}},
    }
    facts = facts_of(
        posted(
            "pipedrive",
            change(3, person, entity="person"),
            {"fields": {"ga": "identifiers.ga_client_id"}},
        )
    )
    assert [f["type"] for f in facts.values()] == ["identify", "identify"]
    assert [[i.partition(":")[0] for i in fact["identifiers"]] for fact in facts.values()] == [
        ["crm_contact_id", "email", "phone", "ga_client_id"]
    ] * 2
    emails = {i for f in facts.values() for i in f["identifiers"] if i.startswith("email:")}
    assert len(emails) == 2
    assert next(iter(facts.values()))["account"] == {"id": "77"}


def test_a_lead() -> None:
    lead = {
        "id": "11-22",
        "title": "New",
        "person_id": 9,
        "organization_id": 77,
        "label_ids": ["hot"],
        "value": {"amount": 5, "currency": "EUR"},
    }
    assert only(change(3, lead, entity="lead"))["lead"] == {
        "id": "11-22", "stage": "lead", "status": "hot", "name": "New",
    }  # fmt: skip
    assert only(change(3, lead, entity="lead"), stages={"hot": "sql"})["lead"]["stage"] == "sql"
    archived = only(change(3, {**lead, "is_archived": True}, entity="lead"))["lead"]
    assert (archived["stage"], archived["reason"]) == ("rejected", "archived")
    gone = posted("pipedrive", change(4, lead, "delete", "lead"))
    assert (gone.facts, ignored(gone)) == ([], 1)


def test_what_cannot_be_read_is_named() -> None:
    cases = [
        ({}, "unknown_value", "meta.version"),
        ({"v": 1, "meta": {"object": "deal"}, "current": {}}, "unknown_value", "meta.version"),
        (change(3, deal(), timestamp=None), "bad_timestamp", "meta.timestamp"),
        ({**change(3, deal()), "data": None}, "missing_field", "data"),
        (change(3, deal(value="x")), "bad_amount", "deal.amount"),
        (change(3, deal(currency="???")), "unknown_currency", "currency"),
        (change(3, deal("parked", stage_id=None)), "unmapped_stage", "stages"),
        (change(3, deal(id=None), entity_id=None), "missing_field", "meta.entity_id"),
    ]
    for message, code, field in cases:
        assert refusals_of(posted("pipedrive", message)) == [(0, code, field)]
    for entity in ("activity", "organization", "note"):
        batch = posted("pipedrive", change(3, {"id": 1}, entity=entity))
        assert ignored(batch) == 1


def test_a_change_long_after_the_end_does_not_date_it(ledger: Callable[[], Engine]) -> None:
    """Whether or not the hook was there when the deal was won, in any order."""
    ended = deal("won", won_time="2026-01-20 10:00:00")
    told = [posted("pipedrive", change(day, {**ended, "value": 1000 + day})) for day in (3, 9)]
    for batches in (told, told[::-1], told[1:]):
        won = conversions(ledger(), batches)[-1]
        assert won[:4] == ("won:deal:7", 1_768_903_200, "won", 100900)
    lost = deal("lost", lost_time="2026-01-21T10:00:00Z", won_time=None)
    batch = posted("pipedrive", change(3, lost))
    assert [f.occurred_at // 10**6 for f in batch.facts] == [1_768_989_600, 1_770_112_800]
    assert [f["deal"]["stage"] for f in facts_of(batch).values()] == ["lost", "lost"]
    opened = posted("pipedrive", change(3, deal(won_time="2026-01-20 10:00:00")))
    assert len(opened.facts) == 1


def test_the_password() -> None:
    options = {"user": "user", "password": "password"}
    assert posted("pipedrive", change(3, deal()), options, authorization=BASIC).facts
    for wrong in ("", "Basic", "Basic dXNlcjpwYXNzd29yZQ==", "Bearer dXNlcjpwYXNzd29yZA=="):
        with pytest.raises(Unauthenticated):
            posted("pipedrive", change(3, deal()), options, authorization=wrong)


STORY = [
    change(1, deal(value=1000), "create"),
    change(2, deal("won", value=1000)),
    change(3, deal("open")),
    change(4, deal("won", value=1500)),
    change(5, deal("won", value=1700)),
    # 8 is won and then merged into 7; 10 is a person merged into 9.
    change(6, deal("won", id=8), "create"),
    change(7, deal("won", id=8), "delete"),
    change(1, {"id": 9, "emails": [{"value": "ann@acme.example"}]}, "create", "person"),
    change(2, {"id": 10, "emails": [{"value": "bob@acme.example"}]}, "change", "person"),
    change(
        8,
        {"id": 9, "emails": [{"value": "ann@acme.example"}, {"value": "bob@acme.example"}]},
        entity="person",
    ),
    change(9, {"id": 10}, "delete", "person"),
]
VISITS = {
    "constants": {"kind": "touch", "touch.source": "google", "touch.medium": "cpc"},
    "fields": {"id": "event_id", "email": "identifiers.email", "at": "occurred_at"},
}
TOUCHES = [
    {"id": f"t-{who}", "at": "2026-01-20T10:00:00Z", "email": f"{who}@acme.example"}
    for who in ("ann", "bob")
]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(STORY))), again=st.lists(st.integers(0, 10), max_size=8))
def test_any_order_and_repetition_gives_the_same_deals(
    ledger: Callable[[], Engine], order: list[int], again: list[int]
) -> None:
    """Won, reopened, won again, amounts after the win, a merge of deals and one of persons."""
    sent = []
    for attempt, n in enumerate([*order, *again]):
        message = {**STORY[n], "meta": {**STORY[n]["meta"], "attempt": attempt}}
        sent.append(posted("pipedrive", message))
    found = conversions(ledger(), [posted("webhook", TOUCHES, VISITS), *sent])
    day = 86_400
    first = 1_769_940_000
    assert found == [
        ("opportunity:deal:7", first, "won", 170000, "USD", 2),
        ("opportunity:deal:8", first + 5 * day, "lost", 120050, "USD", 2),
        ("won:deal:7", first + 3 * day, "won", 170000, "USD", 2),
    ]
