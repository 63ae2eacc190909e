"""Odoo's webhook notifications: JSON in, exact facts out."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from service.kit.errors import BadRequest
from service.ledger.append import Batch
from service.ledger.quarantine import count_open
from tests.collect.hooked import conversions, facts_of, posted, refusals_of

OPTIONS: dict[str, Any] = {
    "currency": "EUR",
    "stages": {"2": "sql", "Won": "won"},
    "fields": {"x_gclid": "click_ids.gclid", "country_id": "segment.country"},
    "names": {"source_id:3": "google", "medium_id:4": "cpc", "lost_reason_id:1": "price"},
}
RECORD: dict[str, Any] = {
    "_action": "Tell Throughline(#512)",
    "_id": 7,
    "_model": "crm.lead",
    "active": True,
    "campaign_id": 12,
    "create_date": "2026-02-20 10:00:00",
    "email_from": "Ann@Example.com",
    "expected_revenue": 1200.5,
    "id": 7,
    "lost_reason_id": False,
    "medium_id": 4,
    "mobile": False,
    "name": "Fifty chairs",
    "partner_id": 31,
    "phone": "+32 81 813700",
    "probability": 100.0,
    "source_id": 3,
    "stage_id": 5,
    "type": "opportunity",
    "won_status": "won",
    "write_date": "2026-03-01 09:00:00.123456",
    "x_gclid": "Cj0",
}


def sent(**fields: Any) -> Batch:
    return posted("odoo", {**RECORD, **fields}, OPTIONS)


def without(*names: str, **fields: Any) -> Batch:
    told = {**RECORD, **fields}
    return posted("odoo", {n: v for n, v in told.items() if n not in names}, OPTIONS)


def main(batch: Batch) -> dict[str, Any]:
    return next(iter(facts_of(batch).values()))


def test_a_won_opportunity() -> None:
    batch = sent()
    deal, touch = facts_of(batch).values()
    assert deal["deal"] == {
        "id": "7", "lead_id": "7", "stage": "won", "status": "5", "name": "Fifty chairs",
        "amount_minor": 120050, "currency": "EUR",
    }  # fmt: skip
    assert [i.partition(":")[0] for i in deal["identifiers"]] == [
        "crm_contact_id", "email", "phone", "crm_lead_id",
    ]  # fmt: skip
    assert touch["touch"] == {
        "kind": "click", "source": "google", "medium": "cpc", "campaign_id": "12",
        "clicks": "gclid",
    }  # fmt: skip
    assert [f.occurred_at for f in batch.facts] == [1_772_355_600_123_456, 1_771_581_600_000_000]


@pytest.mark.parametrize(
    ("fields", "kind", "stage"),
    [
        ({"won_status": "lost", "lost_reason_id": 1}, "deal", "lost"),
        ({"won_status": "pending"}, "deal", "opportunity"),
        ({"won_status": "pending", "stage_id": 2}, "lead", "sql"),
        ({"won_status": "won", "stage_id": [5, "Won"]}, "deal", "won"),
        ({"won_status": False, "stage_id": [9, "Won"]}, "deal", "won"),
        ({"won_status": False, "stage_id": {"id": 9, "display_name": "Won"}}, "deal", "won"),
        ({"won_status": False, "active": False, "probability": 0.0}, "deal", "lost"),
        ({"type": "lead", "won_status": "pending", "stage_id": 1}, "lead", "lead"),
        ({"type": "lead", "won_status": False, "stage_id": False}, "lead", "lead"),
        ({"type": "lead", "won_status": "lost"}, "lead", "rejected"),
    ],
)
def test_stages(fields: dict[str, Any], kind: str, stage: str) -> None:
    fact = main(sent(**fields))
    assert (fact["type"], fact[kind]["stage"]) == (kind, stage)


@pytest.mark.parametrize("reason", [1, [1, "price"], {"id": 1, "name": "price"}])
def test_a_lost_one_says_why(reason: Any) -> None:
    assert main(sent(won_status="lost", lost_reason_id=reason))["deal"]["reason"] == "price"
    lost = main(sent(won_status="lost", lost_reason_id=99))
    assert lost["deal"]["reason"] == "99"


def test_a_stage_without_meaning_waits() -> None:
    batch = without("won_status", stage_id=8)
    assert refusals_of(batch) == [(0, "unmapped_stage", "stages")]
    assert (batch.refused[0].fact_id, batch.refused[0].format) == ("crm.lead:7", "odoo")


def test_names_of_references() -> None:
    assert main(sent(country_id=[21, "Belgium"]))["segment"] == {"country": "Belgium"}
    assert main(sent(country_id=21))["segment"] == {"country": 21}
    assert "segment" not in main(sent(country_id=False))
    touch = list(facts_of(sent(source_id=[8, "Newsletter"], medium_id=99)).values())[1]["touch"]
    assert (touch["source"], touch.get("medium")) == ("Newsletter", None)


def test_a_contact_belongs_to_its_company() -> None:
    partner = {
        "_model": "res.partner", "_id": 31, "email": "ann@example.com", "phone": False,
        "mobile": "+32 470 123456", "commercial_partner_id": 30,
        "write_date": "2026-03-01 09:00:00",
    }  # fmt: skip
    fact = main(posted("odoo", partner, OPTIONS))
    assert (fact["type"], fact["account"]) == ("identify", {"id": "30"})
    assert [i.partition(":")[0] for i in fact["identifiers"]] == [
        "crm_contact_id", "email", "phone",
    ]  # fmt: skip
    alone = main(posted("odoo", {**partner, "commercial_partner_id": 31}, OPTIONS))
    assert "account" not in alone


def test_sent_again_it_is_the_same_fact_by_whatever_rule() -> None:
    assert sent() == sent(_action="Another rule(#9)")
    assert sent().facts[0].fact_id != sent(expected_revenue=1).facts[0].fact_id


def test_reopened_won_again_and_changed_after(ledger: Callable[[], Engine]) -> None:
    """In the wrong order, twice."""

    def at(minute: int, status: str, amount: float) -> Batch:
        moment = f"2026-03-01 09:{minute:02}:00"
        return without(
            "source_id", "medium_id", "campaign_id", "x_gclid",
            write_date=moment, won_status=status, expected_revenue=amount,
        )  # fmt: skip

    told = [at(0, "won", 10.0), at(1, "pending", 10.0), at(2, "won", 20.0), at(3, "won", 0.1)]
    rows = conversions(ledger(), [*reversed(told), *told])
    assert [row[:5] for row in rows] == [
        ("opportunity:deal:7", 1_772_355_600, "won", 10, "EUR"),
        ("won:deal:7", 1_772_355_720, "won", 10, "EUR"),
    ]


def test_a_lead_that_becomes_an_opportunity_was_brought_by_one_touch(
    ledger: Callable[[], Engine],
) -> None:
    """In any order, and though its address was put right meanwhile."""
    told = [
        sent(type="lead", won_status=False, write_date="2026-02-21 09:00:00"),
        sent(won_status="pending", write_date="2026-02-22 09:00:00", email_from="ann@example.org"),
        sent(),
    ]
    for batches in (told, told[::-1]):
        engine = ledger()
        rows = conversions(engine, batches)
        assert {(row[0], row[5]) for row in rows if row[0].startswith("won")} == {("won:deal:7", 1)}
        assert count_open(engine) == {}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"_model": "sale.order"}, "unknown_value"),
        ({"_id": False}, "missing_field"),
        ({"_id": {"a": 1}}, "missing_field"),
        ({"write_date": "soon"}, "bad_timestamp"),
        ({"expected_revenue": "much"}, "bad_amount"),
        ({"expected_revenue": True}, "wrong_type"),
        ({"stage_id": [], "won_status": False, "type": False}, None),
        ({"partner_id": [[[]]], "email_from": 5, "phone": []}, None),
    ],
)
def test_bad_records(fields: dict[str, Any], code: str | None) -> None:
    batch = sent(**fields)
    assert [r.code for r in batch.refused] == ([code] if code else [])


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b"\xff"])
def test_no_record_at_all(body: bytes) -> None:
    with pytest.raises(BadRequest):
        posted("odoo", body, OPTIONS)


def test_numbers_that_json_does_not_know_are_quarantined() -> None:
    batch = posted("odoo", b'{"_model": "crm.lead", "_id": 1, "expected_revenue": NaN}', OPTIONS)
    assert [r.code for r in batch.refused] == ["invalid_text"]
