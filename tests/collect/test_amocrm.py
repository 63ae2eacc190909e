"""amoCRM's webhooks: forms in, exact facts out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine

from service.collect.formats.amocrm import FORMAT
from service.collect.wire import Call
from service.kit.errors import BadRequest, Unavailable
from service.ledger.append import Batch, Receipt, append
from tests.collect.hooked import conversions, facts_of, received, refusals_of
from tests.collect.sending import RECEIVED, call, ignored

OPTIONS: dict[str, Any] = {
    "currency": "RUB",
    "stages": {"100": "lead", "7:200": "opportunity", "200": "sql"},
    "fields": {"Город": "segment.city", "301": "identifiers.anonymous_id"},
}
SECONDS = 1_772_355_600
"""2026-03-01T09:00:00Z"""


def form(**parts: Any) -> bytes:
    """`leads_status=[{…}]` as `leads[status][0][…]=…`."""
    pairs: list[tuple[str, str]] = []

    def write(name: str, node: Any) -> None:
        if isinstance(node, dict | list):
            items = node.items() if isinstance(node, dict) else enumerate(node)
            for key, below in items:
                write(f"{name}[{key}]", below)
        else:
            pairs.append((name, str(node)))

    for name, items in parts.items():
        first, _, second = name.partition("_")
        write(f"{first}[{second}]", items)
    write("account", {"id": "99", "subdomain": "acme"})
    return urlencode(pairs).encode()


def lead(lead_id: int = 5, status: int = 142, at: int = SECONDS, **more: Any) -> dict[str, Any]:
    return {
        "id": lead_id,
        "name": "Order from the site",
        "status_id": status,
        "old_status_id": 100,
        "price": 1200,
        "responsible_user_id": 11,
        "last_modified": at,
        "modified_user_id": 11,
        "created_user_id": 11,
        "date_create": SECONDS - 3600,
        "pipeline_id": 7,
        "account_id": 99,
        **more,
    }


def field(number: int, name: str, *values: str, code: str = "") -> dict[str, Any]:
    told = {"id": number, "name": name, "values": [{"value": v, "enum": 1} for v in values]}
    return {**told, "code": code} if code else told


def contact(at: int = SECONDS, **more: Any) -> dict[str, Any]:
    return {
        "id": 31,
        "name": "Ann",
        "type": "contact",
        "last_modified": at,
        "date_create": SECONDS - 7200,
        "custom_fields": [
            field(1, "Phone", "+7 912 345-67-89", "+79120000000", code="PHONE"),
            field(2, "E-mail", "Ann@Example.com", code="EMAIL"),
        ],
        "linked_leads_id": {"5": {"ID": "5"}},
        "linked_company_id": "8",
        **more,
    }


def sent(body: bytes, **options: Any) -> Batch:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return received(
        "amocrm", call("/v1/webhooks/hk_x", body, headers=headers), **{**OPTIONS, **options}
    )


def only(batch: Batch) -> dict[str, Any]:
    (fact,) = facts_of(batch).values()
    return fact


def test_a_won_deal() -> None:
    (fact,) = sent(form(leads_status=[lead()])).facts
    assert fact.occurred_at == SECONDS * 10**6
    assert fact.fact_id.startswith(f"deal:5:{SECONDS}:")
    assert only(sent(form(leads_status=[lead()]))) == {
        "type": "deal",
        "identifiers": ["crm_lead_id:5"],
        "deal": {
            "id": "5",
            "lead_id": "5",
            "stage": "won",
            "status": "7:142",
            "name": "Order from the site",
            "amount_minor": 120000,
            "currency": "RUB",
        },
    }


@pytest.mark.parametrize(
    ("status", "pipeline", "kind", "stage"),
    [
        (142, 7, "deal", "won"),
        (143, 9, "deal", "lost"),
        (100, 7, "lead", "lead"),
        (200, 7, "deal", "opportunity"),
        (200, 8, "lead", "sql"),
    ],
)
def test_statuses_by_pipeline_then_alone(status: int, pipeline: int, kind: str, stage: str) -> None:
    fact = only(sent(form(leads_update=[lead(status=status, pipeline_id=pipeline)])))
    assert (fact["type"], fact[kind]["stage"]) == (kind, stage)
    assert fact[kind]["status"] == f"{pipeline}:{status}"


def test_a_lost_deal_says_why() -> None:
    for reason in ({"loss_reason_id": 3}, {"loss_reason": {"0": {"name": "3"}}}):
        assert only(sent(form(leads_status=[lead(status=143, **reason)])))["deal"]["reason"] == "3"
    assert "reason" not in only(sent(form(leads_status=[lead(status=143, loss_reason_id=0)])))


def test_numbers_that_end_in_noughts_are_kept_whole() -> None:
    lost = only(sent(form(leads_status=[lead(status=143, loss_reason_id=10)])))
    assert lost["deal"]["reason"] == "10"
    (main, *_) = facts_of(
        sent(form(contacts_add=[{**contact(), "linked_company_id": "500"}]))
    ).values()
    assert main["account"] == {"id": "500"}


def test_a_status_without_meaning_waits_with_the_whole_change() -> None:
    batch = sent(form(leads_status=[lead(status=555), lead(6)]))
    assert refusals_of(batch) == [(0, "unmapped_stage", "stages")]
    assert [f.fact_id[:7] for f in batch.facts] == ["deal:6:"]
    assert (batch.refused[0].fact_id, batch.refused[0].format) == ("5", "amocrm")
    assert '"status_id":"555"' in batch.refused[0].raw


def test_one_change_told_by_several_hooks_is_one_fact() -> None:
    """Redelivered, and as `update` beside `status`."""
    update = {n: v for n, v in lead().items() if n != "old_status_id"}
    told = [form(leads_status=[lead()]), form(leads_update=[update]), form(leads_status=[lead()])]
    assert len({f.fact_id for body in told for f in sent(body).facts}) == 1
    assert len({f.payload for body in told for f in sent(body).facts}) == 1
    later = sent(form(leads_update=[lead(price=1300)])).facts[0]
    assert later.fact_id != sent(told[0]).facts[0].fact_id


def test_a_change_without_a_moment_sent_again_later(ledger: Callable[[], Engine]) -> None:
    bare = {"id": 5, "status_id": 142, "pipeline_id": 7}
    body, later = form(leads_status=[bare]), RECEIVED + timedelta(minutes=5)
    batches = [received("amocrm", call("/x", body, received_at=at)) for at in (RECEIVED, later)]
    engine = ledger()
    first, second = (append(engine, [batch])[0] for batch in batches)
    assert (first.accepted, second.accepted, second.duplicates) == (1, 0, 1)


def test_a_deal_reopened_won_again_and_changed_after(ledger: Callable[[], Engine]) -> None:
    """Sent in the wrong order, twice."""
    changes = [
        lead(status=142, at=SECONDS, price=100),
        lead(status=200, at=SECONDS + 60, price=100),
        lead(status=142, at=SECONDS + 120, price=200),
        lead(status=142, at=SECONDS + 180, price=300),
    ]
    batches = [sent(form(leads_update=[c])) for c in [*reversed(changes), *changes]]
    rows = conversions(ledger(), batches)
    assert rows == [
        ("opportunity:deal:5", SECONDS, "won", 30000, "RUB", 0),
        ("won:deal:5", SECONDS + 120, "won", 30000, "RUB", 0),
    ]


def test_a_contact_with_its_addresses_and_leads() -> None:
    facts = facts_of(sent(form(contacts_add=[contact()])))
    main, phone, link = facts.values()
    assert [k.rpartition(":")[0] for k in facts][1:] == [
        next(iter(facts)) + ":also", "contact:31:lead",
    ]  # fmt: skip
    assert main["type"] == link["type"] == phone["type"] == "identify"
    assert main["account"] == {"id": "8"}
    assert main["email_domain"] == "example.com"
    kinds = [i.partition(":")[0] for i in main["identifiers"]]
    assert kinds == ["crm_contact_id", "email", "phone"]
    assert link["identifiers"] == ["crm_contact_id:31", "crm_lead_id:5"]
    assert phone["identifiers"] != main["identifiers"]
    assert [i.partition(":")[0] for i in phone["identifiers"]] == kinds
    assert "Ann@" not in str(facts)


def test_a_contact_changed_again_makes_no_second_link() -> None:
    first, later = (sent(form(contacts_update=[contact(at)])) for at in (SECONDS, SECONDS + 9))
    shared = {f.fact_id for f in first.facts} & {f.fact_id for f in later.facts}
    assert shared == {"contact:31:lead:5"}
    assert first.facts[2] == later.facts[2]


def test_companies_and_other_objects_are_left_alone() -> None:
    body = form(
        contacts_update=[contact(type="company")],
        contacts_delete=[{"id": 31}],
        task_add=[{"id": 1}, "text"],
        leads_note=[{"note": {"id": 1}}],
    )
    batch = sent(body)
    assert (batch.facts, batch.refused, ignored(batch)) == ([], [], 5)
    assert sent(b"") == sent(b"leads=1&leads[add]=2") == Batch([], [])


def test_fields_by_name_number_and_code() -> None:
    custom = [
        field(300, "Город", "Пермь"),
        field(301, "Visitor", "a-1"),
        field(302, "utm_source", "google", code="UTM_SOURCE"),
        field(303, "utm_medium", "cpc", code="UTM_MEDIUM"),
        field(304, "gclid", "Cj0", code="GCLID"),
        field(305, "ga", "111.222", code="GCLIENTID"),
    ]
    deal, touch = facts_of(sent(form(leads_add=[lead(custom_fields=custom)]))).values()
    assert deal["segment"] == {"city": "Пермь"}
    people = ["anonymous_id:a-1", "crm_lead_id:5", "ga_client_id:111.222"]
    assert sorted(deal["identifiers"]) == people
    assert touch["type"] == "touch"
    assert sorted(touch["identifiers"]) == ["click:gclid:Cj0", "crm_lead_id:5"]
    assert touch["click_ids"] == {"gclid": "Cj0"}
    assert touch["touch"] == {
        "kind": "click", "source": "google", "medium": "cpc", "clicks": "gclid",
    }  # fmt: skip


def test_the_touch_of_a_lead_is_dated_by_its_making() -> None:
    custom = [field(302, "utm", "google", code="UTM_SOURCE")]
    batch = sent(form(leads_update=[lead(custom_fields=custom)]))
    assert batch.facts[1].occurred_at == (SECONDS - 3600) * 10**6
    later = sent(form(leads_update=[lead(at=SECONDS + 5, price=7, custom_fields=custom)]))
    assert later.facts[1] == batch.facts[1]


def test_unsorted_requests_are_leads() -> None:
    item = {
        "uid": "u-1",
        "category": "forms",
        "pipeline_id": 7,
        "created_at": SECONDS,
        "lead_id": 12,
        "data": {
            "leads": [{"id": 12, "name": "Form"}],
            "contacts": [{"id": 40, "custom_fields": [field(2, "E", "b@x.org", code="EMAIL")]}],
        },
    }
    fact = only(sent(form(unsorted_add=[item])))
    assert fact["lead"] == {"id": "12", "stage": "lead", "status": "unsorted", "name": "Form"}
    assert {i.partition(":")[0] for i in fact["identifiers"]} == {
        "crm_contact_id", "crm_lead_id", "email",
    }  # fmt: skip
    bare = {"uid": "u-2", "lead_id": 13, "created_at": SECONDS}
    assert only(sent(form(unsorted_add=[bare])))["lead"]["id"] == "13"


def test_a_request_that_becomes_a_deal_was_brought_by_one_touch(
    ledger: Callable[[], Engine],
) -> None:
    custom = [field(302, "utm", "google", code="UTM_SOURCE")]
    contacts = [{"id": 40, "custom_fields": [field(2, "E", "b@x.org", code="EMAIL")]}]
    request = {
        "uid": "u-1", "lead_id": 5, "created_at": SECONDS - 3600,
        "data": {"leads": [{"id": 5, "custom_fields": custom}], "contacts": contacts},
    }  # fmt: skip
    told = [
        sent(form(unsorted_add=[request])),
        sent(form(leads_status=[lead(custom_fields=custom)])),
    ]
    for batches in (told, told[::-1]):
        won = [row for row in conversions(ledger(), batches) if row[0] == "won:deal:5"]
        assert [row[5] for row in won] == [1]


def test_a_declined_request_is_rejected_and_a_taken_one_is_no_news() -> None:
    declined = {
        "uid": "u", "action": "decline", "created_at": SECONDS,
        "decline_result": {"leads": ["12"]},
    }  # fmt: skip
    fact = only(sent(form(unsorted_delete=[declined])))
    assert (fact["lead"]["stage"], fact["lead"]["reason"]) == ("rejected", "declined")
    taken = {**declined, "action": "accept", "accept_result": {"leads": ["12"]}}
    assert sent(form(unsorted_delete=[taken])).facts == []


def test_deleted_objects() -> None:
    """Lost, or rejected while they were leads; the hook may say that it means nothing."""
    deal = only(sent(form(leads_delete=[lead(status=142)])))
    assert deal["deal"] == {
        "id": "5", "lead_id": "5", "stage": "lost", "status": "deleted", "reason": "deleted",
    }  # fmt: skip
    early = only(sent(form(leads_delete=[lead(status=100)])))
    assert (early["type"], early["lead"]["stage"]) == ("lead", "rejected")
    assert only(sent(form(leads_delete=[{"id": 5, "status_id": 1}])))["deal"]["stage"] == "lost"
    kept = only(sent(form(leads_delete=[lead()]), stages={"deleted": "ignore"}))
    assert "stage" not in kept["deal"]


def test_two_accounts_beside_each_other() -> None:
    fact = only(sent(form(leads_add=[lead()]), id_prefix="ru:"))
    assert fact["identifiers"] == ["crm_lead_id:ru:5"]
    assert (fact["deal"]["id"], fact["deal"]["lead_id"]) == ("ru:5", "ru:5")


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"status_id": 142}, "missing_field"),
        ({"id": 0, "status_id": 142}, "missing_field"),
        (lead(last_modified="soon"), "bad_timestamp"),
        (lead(price="much"), "bad_amount"),
        (lead(lead_id=7, name="x" * 5_000), None),
        (lead(custom_fields="text"), None),
        (lead(custom_fields=[{"id": {"a": 1}, "values": "x"}]), None),
    ],
)
def test_a_bad_item_costs_no_other(item: dict[str, Any], code: str | None) -> None:
    batch = sent(form(leads_add=[item, lead(9)]))
    assert [r.code for r in batch.refused] == ([code] if code else [])
    assert batch.facts[-1].fact_id.startswith("deal:9:")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"leads" + b"[x]" * 50 + b"=1", "malformed_form"),
        (b"&".join([b"leads[add][]=1"] * 20_001), "too_many_fields"),
        (form(leads_add=["text"]), "not_an_object"),
    ],
)
def test_what_cannot_be_read_is_quarantined_behind_a_200(body: bytes, code: str) -> None:
    batch = sent(body)
    assert [r.code for r in batch.refused] == [code]
    assert FORMAT.answer(call("/v1/webhooks/x"), Receipt()).status == 200


def test_only_what_passes_by_itself_is_asked_for_again() -> None:
    asked: Call = call("/v1/webhooks/x", received_at=RECEIVED)
    assert FORMAT.refuse is not None
    assert FORMAT.refuse(asked, BadRequest("bad_gzip", "")).status == 200
    assert FORMAT.refuse(asked, Unavailable("ledger_unavailable", "")).status == 503
