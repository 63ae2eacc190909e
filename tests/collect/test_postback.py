"""Postbacks: names, statuses, transactions, clicks; what cannot be read is quarantined."""

import tomllib
from datetime import timedelta
from pathlib import Path
from time import process_time
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from service.collect.postback_words import ALIASES, CLICKS, STAGES
from tests.collect.hooked import facts_of, received, refusals_of
from tests.collect.sending import RECEIVED, call

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "hooks"


def sent(options: dict[str, Any] | None = None, **fields: Any) -> Any:
    """A postback by GET."""
    asked = call("/postback/hk_x", query=urlencode(fields), method="GET")
    return received("postback", asked, **(options or {}))


def only(options: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    (fact,) = facts_of(sent(options, **fields)).values()
    return fact


def test_a_sale() -> None:
    assert only(click_id="X7", tid="T-1", status="sale", payout="12.5", currency="usd") == {
        "type": "deal",
        "claimed_at": "",
        "identifiers": ["click:clickid:X7"],
        "deal": {
            "id": "T-1", "lead_id": "T-1", "stage": "won", "status": "sale",
            "amount_minor": 1250, "currency": "USD",
        },
    }  # fmt: skip


@pytest.mark.parametrize("name", CLICKS)
def test_names_of_a_click(name: str) -> None:
    (kind,) = only(tid="T", **{name: "X7"})["identifiers"]
    own = ("aff_sub", "gclid", "wbraid", "gbraid", "msclkid", "yclid", "fbclid", "ttclid",
           "twclid", "tblci", "irclickid", "rb_clickid")  # fmt: skip
    assert kind == f"click:{name if name in own else 'clickid'}:X7"
    (kind,) = only({"click": "ours"}, tid="T", **{name.upper(): "X7"})["identifiers"]
    assert kind == "click:ours:X7"


@pytest.mark.parametrize("name", ALIASES["id"])
def test_names_of_a_transaction(name: str) -> None:
    assert only(**{name: "T-9"})["deal"]["id"] == "T-9"


@pytest.mark.parametrize("name", ALIASES["amount"])
def test_names_of_an_amount(name: str) -> None:
    deal = only({"currency": "PLN"}, tid="T", **{name: "7"})["deal"]
    assert (deal["amount_minor"], deal["currency"]) == (700, "PLN")


def test_the_first_name_that_says_something_counts() -> None:
    fact = only(subid="{subid}", sub_id="", clickid="X1", click_id="X2", payout="{payout}", sum="3",
                tid="__TID__", txid="T")  # fmt: skip
    assert fact["identifiers"] == ["click:clickid:X1"]
    assert (fact["deal"]["id"], fact["deal"]["amount_minor"]) == ("T", 300)
    assert only(tid="T", **{"click-id": "X"})["identifiers"] == ["click:clickid:X"]


@pytest.mark.parametrize(
    ("options", "fields", "expected"),
    [
        ({}, {"status": "lead"}, ("lead", "lead", None)),
        ({}, {"status": "HOLD"}, ("lead", "lead", None)),
        ({}, {}, ("deal", "won", None)),
        ({"status": "lead"}, {}, ("lead", "lead", None)),
        ({}, {"status": "Approved"}, ("deal", "won", None)),
        ({}, {"status": "trash"}, ("deal", "lost", "trash")),
        ({}, {"status": "rejected", "reason": "twice"}, ("deal", "lost", "twice")),
        (
            {"stages": {"7": "won", "reject": "rejected:fraud"}},
            {"status": "7"},
            ("deal", "won", None),
        ),
        (
            {"stages": {"Reject": "rejected:fraud"}},
            {"status": "reject"},
            ("lead", "rejected", "fraud"),
        ),
        ({}, {"status": "ok", "sale_status": "fine,OK"}, ("deal", "won", None)),
        ({}, {"status": "2", "lead_status": "1", "rejected_status": "2, 3"}, ("deal", "lost", "2")),
        # What the address says goes before the options, these before the word itself.
        ({"stages": {"ok": "lost"}}, {"status": "ok", "sale_status": "ok"}, ("deal", "won", None)),
        ({"stages": {"sale": "lead"}}, {"status": "sale"}, ("lead", "lead", None)),
        ({}, {"status": "{status}"}, ("deal", "won", None)),
    ],
)
def test_statuses(options: Any, fields: Any, expected: tuple[str, str, str | None]) -> None:
    fact = only(options, tid="T", **fields)
    part = fact[fact["type"]]
    assert (fact["type"], part["stage"], part.get("reason")) == expected


def test_without_a_transaction_a_click_has_one_conversion() -> None:
    assert only(subid="X7", status="lead")["lead"]["id"] == "click:X7"
    assert only(subid="X7")["deal"]["id"] == "click:X7"
    assert only(subid="X7", status="trash")["deal"]["id"] == "click:X7"
    assert only({"id_prefix": "net:"}, subid="X7")["deal"]["id"] == "net:click:X7"


def test_what_cannot_be_read_is_named() -> None:
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({}, "missing_identifiers", "click_id"),
        ({"subid": "{subid}"}, "missing_identifiers", "click_id"),
        ({"tid": "T", "status": "odd"}, "unmapped_stage", "stages"),
        ({"tid": "T", "payout": "1,5"}, "bad_amount", "deal.amount"),
        ({"tid": "T", "payout": "1.2345"}, "too_many_decimals", "deal.amount"),
        ({"tid": "T", "payout": "1", "currency": "rubles"}, "unknown_currency", "currency"),
        ({"tid": "T", "date": "yesterday"}, "bad_timestamp", "time"),
        ({"tid": "T", "date": "2026-02-01 10:00:00"}, "naive_timestamp", "occurred_at"),
    ]
    for fields, code, field in cases:
        found = refusals_of(sent(**fields))
        assert [(i, c) for i, c, _ in found] == [(0, code)], fields
        assert found[0][2] in (field, "time"), fields


@pytest.mark.parametrize(
    ("written", "minor"), [("1.2345", 123), ("1.235", 124), ("0.125", 12), ("7", 700)]
)
def test_amounts_may_be_rounded(written: str, minor: int) -> None:
    assert only({"round_amounts": True}, tid="T", payout=written)["deal"]["amount_minor"] == minor
    (refusal,) = sent({"round_amounts": True}, tid="T", payout="x").refused
    assert refusal.code == "bad_amount"


def test_an_amount_of_a_million_digits_is_refused_at_once() -> None:
    begun = process_time()
    (refusal,) = sent({"round_amounts": True}, tid="T", payout="1e99999").refused
    assert refusal.code == "bad_amount"
    assert process_time() - begun < 0.1


@pytest.mark.parametrize(
    ("written", "options", "seconds"),
    [
        ("1769940000", {}, 1769940000),
        ("1769940000123", {}, 1769940000.123),
        ("2026-02-01T10:00:00Z", {}, 1769940000),
        ("2026-02-01 12:00:00", {"timezone": "Europe/Kyiv"}, 1769940000),
        ("01.02.2026 10:00", {"timezone": "UTC", "time": "%d.%m.%Y %H:%M"}, 1769940000),
    ],
)
def test_times(written: str, options: dict[str, Any], seconds: float) -> None:
    (fact,) = sent(options, tid="T", date=written).facts
    assert fact.occurred_at == round(seconds * 10**6)
    assert "claimed_at" not in fact.payload


@pytest.mark.parametrize("form", ["s", "ms", "us"])
def test_a_number_too_large_to_write_out_costs_no_time(form: str) -> None:
    """Each of them used to keep the whole process busy for half a minute."""
    options = {"time": form, "round_amounts": True}
    begun = process_time()
    for fields in ({"date": "1e999990"}, {"payout": "1e999990"}, {"payout": "1e-999990"}):
        sent(options, tid="T", **fields)
    (refusal,) = sent(options, tid="T", date="1e999990").refused
    assert (refusal.code, refusal.field) == ("bad_timestamp", "time")
    assert process_time() - begun < 1


def test_the_same_words_again_are_one_postback() -> None:
    first = call("/postback/hk_x", query="tid=T&payout=5", method="GET")
    later = call("/postback/hk_x", b"payout=5&tid=T", received_at=RECEIVED + timedelta(hours=1))
    posted = call("/postback/hk_x", orjson.dumps({"tid": "T", "payout": 5, "x": None}))
    found = [received("postback", one).facts[0] for one in (first, later, posted)]
    assert {(fact.fact_id, fact.payload) for fact in found} == {
        (found[0].fact_id, found[0].payload)
    }


def test_a_touch_only_where_the_network_says_what_it_was() -> None:
    facts = facts_of(
        sent(
            subid="X7", tid="T", attributed_touch_type="impression", click_time="1769936400",
            date="1769940000", cost="0.35",
        )
    )  # fmt: skip
    deal, touch = facts.values()
    assert deal["segment"] == {"cost": "0.35"}
    assert touch["touch"] == {"kind": "impression", "clicks": "clickid"}
    assert touch["identifiers"] == ["click:clickid:X7"]
    options = {"fields": {"sub-2": "touch.campaign", "uid": "identifiers.user_id"}}
    deal, touch = facts_of(sent(options, subid="X7", sub_2="spring", UID="u-1")).values()
    assert touch["touch"] == {"kind": "click", "campaign": "spring", "clicks": "clickid"}
    assert deal["identifiers"] == ["user_id:u-1", "click:clickid:X7"]


def example(name: str) -> Any:
    return tomllib.loads((EXAMPLES / f"{name}.toml").read_text())


def test_appsflyer() -> None:
    deal, touch = facts_of(
        sent(
            example("postback-appsflyer"),
            appsflyer_id="1415211453000-6513894", event_name="af_purchase", event_revenue="9.99",
            event_revenue_currency="EUR", af_order_id="ord-5", event_time="2026-02-01 10:00:00.123",
            attributed_touch_type="click", attributed_touch_time="2026-02-01 09:00:00.000",
            media_source="googleadwords_int", campaign="spring", customer_user_id="u-9",
            advertising_id="38400000-8CF0-11BD-B23E-10B96E40000D", clickid="{clickid}",
        )
    ).values()  # fmt: skip
    assert deal["identifiers"] == [
        "user_id:u-9", "appsflyer_id:1415211453000-6513894",
        "device_id:38400000-8cf0-11bd-b23e-10b96e40000d",
    ]  # fmt: skip
    assert (deal["deal"]["id"], deal["deal"]["amount_minor"]) == ("ord-5", 999)
    assert touch["touch"] == {
        "kind": "click", "source": "googleadwords_int", "campaign": "spring",
    }  # fmt: skip
    install = sent(
        example("postback-appsflyer"), appsflyer_id="1-2", event_name="install",
        event_time="2026-02-01 10:00:00", media_source="organic", clickid="X1",
    )  # fmt: skip
    assert next(iter(facts_of(install).values()))["lead"]["id"] == "click:X1"


def test_adjust() -> None:
    deal, touch = facts_of(
        sent(
            example("postback-adjust"),
            adid="a1b2", activity_kind="event", event_name="purchase", reporting_revenue="5.5",
            reporting_currency="USD", event_id="e-1", created_at="1769940000",
            click_time="1769936400", network_name="Apple Search Ads", campaign_name="brand",
            adgroup_name="exact", idfa="AB-CD", status="sale",
        )
    ).values()  # fmt: skip
    assert (deal["deal"]["id"], deal["deal"]["amount_minor"]) == ("e-1", 550)
    assert touch["touch"]["source"] == "Apple Search Ads"
    assert touch["touch"]["campaign"] == "brand"


def test_appmetrica() -> None:
    deal, touch = facts_of(
        sent(
            example("postback-appmetrica"),
            click_id="X9", transaction_id="T-3", attributed_touch_type="click",
            click_datetime="2026-02-01 09:00:00", conversion_datetime="2026-02-01 10:00:00",
            event_name="purchase", match_type="fingerprint", appmetrica_device_id="77",
        )
    ).values()  # fmt: skip
    assert deal["deal"]["stage"] == "won"
    assert deal["identifiers"] == ["appmetrica_device_id:77", "click:clickid:X9"]
    assert touch["touch"] == {"kind": "click", "clicks": "clickid"}


def test_no_word_is_of_two_meanings() -> None:
    assert len({*STAGES}) == len(STAGES)
    names = [name for alias in ALIASES.values() for name in alias] + list(CLICKS)
    assert len(names) == len(set(names))
