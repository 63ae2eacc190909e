"""The mapped webhook: fields by paths, forms, arrays, times, kinds; what cannot be read is named."""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.collect.hooks import hook_formats, validated
from service.kit.errors import BadRequest, Refusal
from tests.collect.hooked import facts_of, posted, received, refusals_of
from tests.collect.sending import RECEIVED, call

DEAL: dict[str, Any] = {
    "constants": {"kind": "deal", "currency": "EUR"},
    "fields": {
        "event.uuid": "event_id",
        "event.at": "occurred_at",
        "lead.id": "object_id",
        "lead.state": "status",
        "lead.price": "amount",
        "lead.contact.email | lead.contact.emails[0]": "identifiers.email",
        "$.lead.contact['client.id']": "identifiers.anonymous_id",
        "lead.company": "account.id",
        "lead.industry": "segment.industry",
        "why": "reason",
    },
    "stages": {"5": "won", "lost": "lost:price", "6": "lost", "new": "lead"},
}
EVENT: dict[str, Any] = {
    "event": {"uuid": "e-1", "at": "2026-02-01T10:00:00+02:00"},
    "lead": {
        "id": 77,
        "state": 5,
        "price": "1200.50",
        "contact": {"emails": ["ann@acme.example"], "client.id": "a-1"},
        "company": "acme",
        "industry": "steel",
    },
}


def test_a_field_map_reads_the_whole_of_a_change() -> None:
    batch = posted("webhook", EVENT, DEAL)
    (fact,) = batch.facts
    payload = facts_of(batch)["e-1"]
    people = payload.pop("identifiers")
    assert payload == {
        "type": "deal",
        "deal": {
            "id": "77",
            "stage": "won",
            "status": "5",
            "amount_minor": 120050,
            "currency": "EUR",
            # The options name stages of leads, so a deal here was a lead before.
            "lead_id": "77",
        },
        "account": {"id": "acme"},
        "email_domain": "acme.example",
        "segment": {"industry": "steel"},
    }
    assert [p.partition(":")[0] for p in people] == ["email", "anonymous_id"]
    assert fact.occurred_at == 1769932800 * 10**6


@pytest.mark.parametrize(
    ("state", "why", "part"),
    [
        ("lost", None, {"stage": "lost", "reason": "price"}),
        ("lost", "too late", {"stage": "lost", "reason": "too late"}),
        ("6", None, {"stage": "lost"}),
        (5, "ignored", {"stage": "won"}),
    ],
)
def test_a_status_is_a_stage_with_its_reason(state: Any, why: str | None, part: Any) -> None:
    event = {**EVENT, "lead": {**EVENT["lead"], "state": state}, "why": why}
    deal = facts_of(posted("webhook", event, DEAL))["e-1"]["deal"]
    assert {name: deal[name] for name in ("stage", "reason") if name in deal} == part


def test_a_lead_is_a_lead_and_what_it_is_worth_waits_for_its_deal() -> None:
    facts = facts_of(posted("webhook", {**EVENT, "lead": {**EVENT["lead"], "state": "new"}}, DEAL))
    assert facts["e-1"]["lead"] == {"id": "77", "stage": "lead", "status": "new"}
    assert [fact["type"] for fact in facts.values()] == ["lead"]


def test_what_cannot_be_read_is_named_and_costs_no_other() -> None:
    def lead(**more: Any) -> dict[str, Any]:
        return {**EVENT, "lead": {**EVENT["lead"], **more}}

    items = [
        EVENT,
        7,
        lead(state="?"),
        lead(price="12.345"),
        lead(price="a lot"),
        lead(id=None),
        {**EVENT, "event": {"uuid": "e-2", "at": "yesterday"}},
        {**EVENT, "event": {"uuid": "e-2", "at": "2026-02-01 10:00"}},
        {**EVENT, "event": {"uuid": "e-2", "at": [1]}},
        {**EVENT, "event": {"uuid": "e-2", "at": "2036-02-01T10:00:00Z"}},
    ]
    batch = posted("webhook", items, DEAL)
    assert refusals_of(batch) == [
        (1, "not_an_object", ""),
        (2, "unmapped_stage", "stages"),
        (3, "too_many_decimals", "deal.amount"),
        (4, "bad_amount", "deal.amount"),
        (5, "missing_field", "object_id"),
        (6, "bad_timestamp", "occurred_at"),
        (7, "naive_timestamp", "occurred_at"),
        (8, "bad_timestamp", "occurred_at"),
        (9, "occurred_in_future", "occurred_at"),
    ]
    assert [fact.fact_id for fact in batch.facts] == ["e-1"]
    assert {refused.format for refused in batch.refused} == {"webhook"}
    assert '"state":"?"' in batch.refused[1].raw


@pytest.mark.parametrize(
    ("written", "options", "seconds"),
    [
        ("2026-02-01T10:00:00Z", {}, 1769940000),
        ("2026-02-01T10:00:00.25+01:00", {}, 1769936400.25),
        (1769940000, {}, 1769940000),
        ("1769940000", {}, 1769940000),
        (1769940000.5, {}, 1769940000.5),
        (1769940000123, {}, 1769940000.123),
        ("1769940000123456", {}, 1769940000.123456),
        (963_000_000_000, {"time": "ms"}, 963_000_000),
        ("2026-02-01 10:00:00", {"timezone": "Europe/Berlin"}, 1769936400),
        ("2026-07-01", {"timezone": "Europe/Berlin"}, 1782856800),
        ("01.02.2026 10:00", {"timezone": "UTC", "time": "%d.%m.%Y %H:%M"}, 1769940000),
        ("01/Feb/2026:10:00:00 +0100", {"time": "%d/%b/%Y:%H:%M:%S %z"}, 1769936400),
    ],
)
def test_moments(written: Any, options: dict[str, Any], seconds: float) -> None:
    event = {**EVENT, "event": {"uuid": "e-1", "at": written}}
    batch = received(
        "webhook",
        call("/", event, received_at=RECEIVED + timedelta(days=200)),
        **{**DEAL, **options},
    )
    assert [fact.occurred_at for fact in batch.facts] == [round(seconds * 10**6)]


def test_without_id_and_moment_the_same_words_are_one_message() -> None:
    event = {name: part for name, part in EVENT.items() if name != "event"}
    (first,) = posted("webhook", event, DEAL).facts
    late = call("/", event, received_at=RECEIVED + timedelta(days=1))
    (again,) = received("webhook", late, **DEAL).facts
    assert first.fact_id.startswith("hash:")
    assert (again.fact_id, again.payload) == (first.fact_id, first.payload)
    assert '"claimed_at":""' in first.payload
    assert again.occurred_at - first.occurred_at == 86_400 * 10**6
    (other,) = posted("webhook", {**event, "lead": {**event["lead"], "state": 6}}, DEAL).facts
    assert other.fact_id != first.fact_id
    long = {**EVENT, "event": {**EVENT["event"], "uuid": "x" * 500}}
    (named,) = posted("webhook", long, DEAL).facts
    assert named.fact_id.startswith("hash:")


FORM: dict[str, Any] = {
    "constants": {"kind": "lead", "touch.source": "site", "touch.medium": "form"},
    "fields": {
        "tranid": "event_id",
        "Email": "identifiers.email",
        "Phone": "identifiers.phone",
        "COOKIES[_ga]": "identifiers.ga_client_id",
        "utm_source": "touch.source",
        "utm_medium": "touch.medium",
        "utm_campaign": "touch.campaign",
        "gclid": "click_ids.gclid",
    },
}


def test_a_form_is_a_new_lead_with_its_touch() -> None:
    body = (
        b"tranid=1%3A2&Email=Ann%40acme.example&Phone=%2B48+600+700+800"
        b"&COOKIES%5B_ga%5D=1.2&utm_source=google&utm_medium=cpc&utm_campaign=spring+sale&gclid=G1&x=%00"
    )
    facts = facts_of(posted("webhook", body, FORM))
    assert facts["1:2"]["lead"] == {"id": "1:2", "stage": "lead", "status": "lead"}
    assert facts["1:2:touch"]["touch"] == {
        "kind": "click",
        "source": "google",
        "medium": "cpc",
        "campaign": "spring sale",
        "clicks": "gclid",
    }
    assert [i.partition(":")[0] for i in facts["1:2"]["identifiers"]] == [
        "email", "phone", "ga_client_id",
    ]  # fmt: skip
    plain = facts_of(posted("webhook", b"tranid=9&Email=bob@acme.example", FORM))
    assert plain["9:touch"]["touch"] == {"kind": "click", "source": "site", "medium": "form"}


CALL: dict[str, Any] = {
    "items": "data.calls",
    "constants": {"kind": "touch", "touch.kind": "call"},
    "fields": {
        "id": "event_id",
        "started": "occurred_at",
        "caller": "identifiers.phone",
        "seconds": "segment.call_seconds",
        "result": "status",
        "utm.source": "touch.source",
        "$.account.name": "segment.site",
        "$.data.page": "touch.url",
    },
    "stages": {"missed": "ignore"},
}


def test_calls_are_touches_each_of_its_own_and_a_missed_one_is_none() -> None:
    rows = [
        {"id": n, "started": 1772000000 + n, "caller": "+48600700800", "seconds": 40,
         "result": result, "utm": {"source": "google"}}
        for n, result in ((1, "answered"), (2, "answered"), (3, "missed"))
    ]  # fmt: skip
    body = {"account": {"name": "north"}, "data": {"page": "https://a.example/", "calls": rows}}
    facts = facts_of(posted("webhook", body, CALL))
    assert [(name, fact["type"]) for name, fact in facts.items()] == [
        ("1", "touch"), ("2", "touch"), ("3", "track"),
    ]  # fmt: skip
    assert facts["1"]["touch"] == {"kind": "call", "source": "google"}
    assert facts["1"]["page"] == {"url": "https://a.example/"}
    assert facts["1"]["segment"] == {"call_seconds": 40, "site": "north"}
    assert facts["3"]["track"]["name"] == "call missed"


ORDER: dict[str, Any] = {
    "constants": {"kind": "order"},
    "fields": {
        "id": "event_id",
        "order": "object_id",
        "state": "status",
        "total": "amount",
        "currency": "currency",
        "mail": "identifiers.email",
    },
    "stages": {"paid": "won", "refunded": "lost", "cart": "opportunity"},
}


@pytest.mark.parametrize(
    ("total", "more", "minor"),
    [
        ("1 200,5", {"decimal": ","}, 120050),
        ("1.200,50", {"decimal": ","}, 120050),
        ("1\N{NO-BREAK SPACE}200.50", {}, 120050),
        (120050, {"amounts_in": "minor"}, 120050),
        ("120050", {"amounts_in": "minor"}, 120050),
        (0.1 + 0.2, {}, 30),
    ],
)
def test_amounts(total: Any, more: dict[str, Any], minor: int) -> None:
    body = {"id": 1, "order": 5, "state": "paid", "total": total, "currency": "usd"}
    facts = facts_of(posted("webhook", body, {**ORDER, **more}))
    assert facts["1"]["order"] == {
        "id": "5", "status": "completed", "amount_minor": minor, "currency": "USD",
    }  # fmt: skip


def test_orders_are_paid_and_given_back() -> None:
    rows = [
        {"id": 1, "order": 5, "state": "cart", "total": 3, "mail": "ann@acme.example"},
        {"id": 2, "order": 5, "state": "paid", "total": 3},
        {"id": 3, "order": 5, "state": "refunded", "total": 1},
        {"id": 4, "order": 5, "state": "?", "total": 1},
    ]
    batch = posted("webhook", rows, ORDER)
    assert refusals_of(batch) == [(3, "unmapped_stage", "stages")]
    batch.refused.clear()  # type: ignore[attr-defined]
    facts = facts_of(batch)
    assert facts["1"]["track"] == {"name": "order cart"}
    assert [facts[n]["order"]["status"] for n in "23"] == ["completed", "refunded"]
    # Without a currency of its own the reporting currency holds.
    assert facts["2"]["order"]["currency"] == "EUR"


def test_kinds_are_told_by_their_words() -> None:
    options = {
        "fields": {
            "type": "kind",
            "id": "event_id",
            "mail": "identifiers.email",
            "deal": "object_id",
        },
        "kinds": {"person.updated": "contact", "deal.updated": "deal", "ping": "ignore"},
    }
    rows = [
        {"type": "person.updated", "id": 1, "mail": "ann@acme.example"},
        {"type": "deal.updated", "id": 2, "deal": 3},
        {"type": "ping", "id": 3, "mail": "ann@acme.example"},
        {"type": "stranger", "id": 4},
        {"id": 5},
    ]
    batch = posted("webhook", rows, options)
    assert [fact.type for fact in batch.facts] == ["identify", "deal", "track"]
    assert refusals_of(batch) == [(3, "unknown_value", "kind"), (4, "unknown_value", "kind")]


@pytest.mark.parametrize("path", ["", "$", "a[", "a[]", "a['b]", "a]b", "a" + ".b" * 20])
def test_a_path_that_is_none(path: str) -> None:
    with pytest.raises(Refusal) as caught:
        posted("webhook", {}, {"fields": {path: "event_id"}})
    assert caught.value.code == "wrong_type"


def test_the_array_must_be_there() -> None:
    with pytest.raises(BadRequest, match=r"data\.calls"):
        posted("webhook", {"data": {}}, CALL)
    (one,) = facts_of(
        posted("webhook", {"data": {"calls": {"id": 1, "caller": "+48600700800"}}}, CALL)
    ).values()
    assert one["type"] == "touch"


EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples" / "hooks").glob("*.toml"))


def test_the_examples_of_hooks_are_options() -> None:
    found = []
    for example in EXAMPLES:
        kind = example.name.partition("-")[0]
        if kind in hook_formats():
            validated(kind, tomllib.loads(example.read_text()))
            found.append(example.stem)
    assert {"webhook-calls", "webhook-form", "postback-adjust"} <= set(found)
