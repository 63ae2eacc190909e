"""HubSpot: what its events and records become; any order and repetition gives the same deals."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from service.kit.errors import BadRequest
from service.ledger.append import Batch
from tests.collect.hooked import conversions, facts_of, posted, refusals_of
from tests.collect.sending import ignored

DAY = 86_400_000
START = 1_769_940_000_000  # 2026-02-01T10:00:00Z


def event(what: str, at: int = 0, **more: Any) -> dict[str, Any]:
    """An event `at` days after the start, as HubSpot writes it."""
    kind, _, name = what.partition(" ")
    named = {"propertyName": name} if name else {}
    return {
        "eventId": at * 100 + len(what) + len(str(more)),
        "subscriptionId": 1,
        "portalId": 6,
        "appId": 7,
        "occurredAt": START + at * DAY,
        "subscriptionType": kind,
        "attemptNumber": 0,
        "objectId": 501,
        "changeSource": "CRM_UI",
        **named,
        **more,
    }


def stage(value: str, at: int, **more: Any) -> dict[str, Any]:
    return event("deal.propertyChange dealstage", at, propertyValue=value, **more)


def only(message: Any, **options: Any) -> dict[str, Any]:
    (fact,) = facts_of(posted("hubspot", [message], options)).values()
    return fact


@pytest.mark.parametrize(
    ("message", "deal"),
    [
        (stage("closedwon", 1), {"stage": "won", "status": "closedwon"}),
        (stage("closedlost", 1), {"stage": "lost", "status": "closedlost"}),
        (stage("contractsent", 1), {"stage": "opportunity", "status": "contractsent"}),
        (stage("1234", 1), {"stage": "won", "status": "1234"}),
        (
            event("deal.propertyChange amount", propertyValue="1200.5"),
            {"amount_minor": 120050, "currency": "EUR"},
        ),
        (
            event("deal.propertyChange amount", propertyValue=""),
            {"amount_minor": 0, "currency": "EUR"},
        ),
        (
            event("deal.propertyChange closed_lost_reason", propertyValue="price"),
            {"reason": "price"},
        ),
        (event("deal.propertyChange dealname", propertyValue="Big"), {"name": "Big"}),
        (event("deal.deletion"), {"stage": "lost", "status": "deleted", "reason": "deleted"}),
        (
            event("object.propertyChange dealstage", objectTypeId="0-3", propertyValue="closedwon"),
            {"stage": "won", "status": "closedwon"},
        ),
        (
            event("deal.associationChange", associationType="DEAL_TO_CONTACT", fromObjectId=501,
                  toObjectId=9),
            {"contacts": [["crm_contact_id:9"]]},
        ),
        (
            event("contact.associationChange", associationType="CONTACT_TO_DEAL", fromObjectId=9,
                  toObjectId=501, objectId=9),
            {"contacts": [["crm_contact_id:9"]]},
        ),
    ],
)  # fmt: skip
def test_an_event_of_a_deal(message: Any, deal: dict[str, Any]) -> None:
    fact = only(message, stages={"1234": "won"})
    assert fact == {"type": "deal", "deal": {"id": "501", **deal}}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (event("contact.creation"), {"type": "identify"}),
        (
            event("contact.propertyChange email", propertyValue="ann@acme.example"),
            {"type": "identify", "email_domain": "acme.example"},
        ),
        (event("contact.propertyChange phone", propertyValue="+48600700800"), {"type": "identify"}),
        (
            event("contact.propertyChange lifecyclestage", propertyValue="marketingqualifiedlead"),
            {
                "type": "lead",
                "lead": {"id": "501", "stage": "mql", "status": "marketingqualifiedlead"},
            },
        ),
        (
            event("contact.propertyChange lifecyclestage", propertyValue="customer"),
            {"type": "identify"},
        ),
        (event("contact.propertyChange industry", propertyValue="steel"),
         {"type": "identify", "segment": {"industry": "steel"}}),
        (event("contact.deletion"), {"type": "track", "track": {"name": "contact.deletion"}}),
        (
            event("contact.privacyDeletion"),
            {"type": "consent", "consent": {"privacy_deletion": True}},
        ),
        (
            event("contact.associationChange", associationType="CONTACT_TO_COMPANY",
                  fromObjectId=501, toObjectId=77),
            {"type": "group", "account": {"id": "77"}},
        ),
    ],
)  # fmt: skip
def test_an_event_of_a_contact(message: Any, expected: dict[str, Any]) -> None:
    fact = only(message, fields={"industry": "segment.industry"}, id_prefix="hs-")
    people = fact.pop("identifiers")
    assert people[0] == "crm_contact_id:hs-501"
    named = message.get("propertyName")
    assert (named in ("email", "phone")) == (len(people) == 2)
    expected.get("lead", {}).update({"id": "hs-501"} if "lead" in expected else {})
    assert fact == expected


@pytest.mark.parametrize(
    "message",
    [
        event("deal.creation"),
        event("deal.propertyChange hubspot_owner_id", propertyValue="5"),
        event("company.propertyChange name", propertyValue="Acme"),
        event("object.creation", objectTypeId="2-999"),
        event("deal.associationChange", associationType="DEAL_TO_CONTACT", fromObjectId=501,
              toObjectId=9, associationRemoved=True),
        event("deal.propertyChange deal_currency_code", propertyValue="eur"),
    ],
)  # fmt: skip
def test_what_says_nothing_that_is_kept_is_counted(message: Any) -> None:
    batch = posted("hubspot", [message])
    assert (batch.facts, batch.refused, ignored(batch)) == ([], [], 1)


def test_what_cannot_be_read_costs_no_other() -> None:
    batch = posted(
        "hubspot",
        [
            7,
            {},
            stage("closedwon", 1, objectId=None),
            stage("closedwon", 1, occurredAt=None),
            stage("98765", 1),
            event("deal.restore"),
            event("deal.propertyChange deal_currency_code", propertyValue="USD"),
            event("deal.propertyChange amount", propertyValue="much"),
            stage("closedwon", 1),
        ],
    )
    assert refusals_of(batch) == [
        (0, "not_an_object", ""),
        (1, "missing_field", "subscriptionType"),
        (2, "missing_field", "objectId"),
        (3, "bad_timestamp", "occurredAt"),
        (4, "unmapped_stage", "stages"),
        (5, "missing_field", "propertyValue"),
        (6, "currency_apart", "propertyValue"),
        (7, "bad_amount", "deal.amount"),
    ]
    assert len(batch.facts) == 1
    with pytest.raises(BadRequest):
        posted("hubspot", b"no json")
    with pytest.raises(BadRequest, match="1000"):
        posted("hubspot", [{}] * 1_001)


def test_amounts_in_the_home_currency() -> None:
    options = {"amount_property": "amount_in_home_currency", "currency": "USD"}
    home = event("deal.propertyChange amount_in_home_currency", propertyValue="10")
    assert only(home, **options)["deal"] == {"id": "501", "amount_minor": 1000, "currency": "USD"}
    for name, value in (("amount", "9"), ("deal_currency_code", "GBP")):
        other = posted(
            "hubspot", [event(f"deal.propertyChange {name}", propertyValue=value)], options
        )
        assert (other.facts, ignored(other)) == ([], 1)


CONTACT: dict[str, Any] = {
    "vid": 9,
    "properties": {
        "email": {"value": "ann@acme.example", "timestamp": START},
        "lifecyclestage": {"value": "salesqualifiedlead"},
        "createdate": {"value": str(START - DAY)},
        "lastmodifieddate": {"value": str(START)},
        "hs_analytics_source": {"value": "PAID_SEARCH"},
        "hs_analytics_source_data_1": {"value": "spring"},
        "hs_google_click_id": {"value": "G-1"},
        "utm_term_field": {"value": "crm"},
    },
    "associations": {"companies": {"results": [{"id": "77"}]}},
}
DEAL: dict[str, Any] = {
    "objectId": 501,
    "objectType": "DEAL",
    "properties": {
        "dealstage": {"value": "closedwon", "timestamp": START + 5},
        "amount": {"value": "1200.50"},
        "deal_currency_code": {"value": "USD"},
        "dealname": {"value": "Big"},
        "createdate": {"value": str(START - DAY)},
    },
    "associations": {"associatedVids": [9, 10], "associatedCompanyIds": [77]},
}


def test_a_whole_contact_of_a_workflow() -> None:
    facts = facts_of(
        posted(
            "hubspot",
            CONTACT,
            {"fields": {"utm_term_field": "touch.term"}, "original_source": True},
        )
    )
    lead, touch = facts.values()
    assert lead["lead"] == {"id": "9", "stage": "sql", "status": "salesqualifiedlead"}
    assert lead["account"] == {"id": "77"}
    assert [i.partition(":")[0] for i in lead["identifiers"]] == [
        "crm_contact_id",
        "email",
        "click",
    ]
    assert touch["touch"] == {
        "kind": "click",
        "channel": "paid_search",
        "campaign": "spring",
        "term": "crm",
        "clicks": "gclid",
    }
    plain = facts_of(posted("hubspot", CONTACT))
    assert [fact["type"] for fact in plain.values()] == ["lead"]
    assert "click:gclid:G-1" in next(iter(plain.values()))["identifiers"]


def test_a_whole_deal_of_a_workflow() -> None:
    batch = posted("hubspot", DEAL)
    (fact,) = facts_of(batch).values()
    assert fact == {
        "type": "deal",
        "deal": {
            "id": "501", "stage": "won", "status": "closedwon", "amount_minor": 120050,
            "currency": "USD", "name": "Big",
            "contacts": [["crm_contact_id:9"], ["crm_contact_id:10"]],
        },
        "account": {"id": "77"},
    }  # fmt: skip
    assert batch.facts[0].occurred_at == (START + 5) * 1000
    again = posted("hubspot", DEAL)
    assert again.facts == batch.facts
    plain = {**DEAL, "properties": {n: v["value"] for n, v in DEAL["properties"].items()}}
    (refusal,) = posted("hubspot", plain).refused
    assert (refusal.code, refusal.field) == ("bad_timestamp", "properties.hs_lastmodifieddate")
    dated = {
        **plain,
        "properties": {**plain["properties"], "hs_lastmodifieddate": "2026-02-01T10:00:00Z"},
    }
    assert len(posted("hubspot", dated).facts) == 1


def test_contacts_that_were_merged_are_one_person(ledger: Callable[[], Engine]) -> None:
    merged = event(
        "contact.merge", 3, primaryObjectId=9, mergedObjectIds=[10, 11], newObjectId=12, objectId=9
    )
    touches = {
        "constants": {"kind": "touch", "touch.source": "google", "touch.medium": "cpc"},
        "fields": {"id": "event_id", "c": "identifiers.crm_contact_id", "at": "occurred_at"},
    }
    rows = [{"id": f"t{c}", "c": c, "at": START + c} for c in (9, 10, 11, 12)]
    belongs = event("deal.associationChange", 4, associationType="DEAL_TO_CONTACT",
                    fromObjectId=501, toObjectId=12)  # fmt: skip
    batches = [
        posted("hubspot", [stage("closedwon", 5), belongs, merged]),
        posted("webhook", rows, touches),
    ]
    found = {row[0]: row[-1] for row in conversions(ledger(), batches)}
    assert found == {"opportunity:deal:501": 4, "won:deal:501": 4}


WON = START + 6 * DAY
STORY = [
    event("contact.creation", 0, objectId=9),
    event("contact.propertyChange email", 0, objectId=9, propertyValue="ann@acme.example"),
    stage("appointmentscheduled", 1),
    event("deal.propertyChange amount", 1, propertyValue="1000"),
    event("deal.associationChange", 1, associationType="DEAL_TO_CONTACT", fromObjectId=501,
          toObjectId=9),
    stage("closedwon", 2),
    stage("closedlost", 4),
    stage("closedwon", 6),
    event("deal.propertyChange amount", 8, propertyValue="1500"),
    stage("closedwon", 3, objectId=502),
    event("deal.merge", 5, objectId=501, primaryObjectId=501, mergedObjectIds=[502]),
    stage("closedwon", 3, objectId=503),
    event("deal.deletion", 7, objectId=503),
]  # fmt: skip
TOLD = [
    ("opportunity:deal:501", (START + DAY) // 1000, "won", 150000, "EUR", 0),
    ("opportunity:deal:502", (START + 3 * DAY) // 1000, "lost", None, None, None),
    ("opportunity:deal:503", (START + 3 * DAY) // 1000, "lost", None, None, None),
    ("won:deal:501", WON // 1000, "won", 150000, "EUR", 0),
]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(STORY))), again=st.lists(st.integers(0, 12), max_size=8))
def test_any_order_and_repetition_gives_the_same_deals(
    ledger: Callable[[], Engine], order: list[int], again: list[int]
) -> None:
    """Won, lost, reopened and won, an amount after the win, a merge, a deletion."""
    sent = [
        posted("hubspot", [{**STORY[n], "attemptNumber": attempt}])
        for attempt, n in enumerate([*order, *again])
    ]
    found = conversions(ledger(), sent)
    assert [(*row[:5], row[5] or None) for row in found] == [
        (*row[:5], row[5] or None) for row in TOLD
    ]


def test_a_redelivery_is_a_duplicate() -> None:
    first, again = (
        posted("hubspot", [{**message, "attemptNumber": attempt} for message in STORY])
        for attempt in (0, 3)
    )
    assert isinstance(first, Batch)
    assert again.facts == first.facts
    assert json.loads(first.facts[0].payload)
