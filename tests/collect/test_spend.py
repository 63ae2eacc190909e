"""Spend lines: what they become, what they are called, and which are refused."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from service.collect.body import Unreadable
from service.collect.identifiers import IdentifierReader
from service.collect.native import Sender
from service.collect.spend import collect_spend, to_spend_fact
from service.collect.vat import net_and_tax, parse_rate
from service.kit.db import make_engine
from service.kit.errors import Refusal
from service.kit.time import to_micros
from service.ledger.append import append
from service.ledger.keys import Caller, create_key
from service.ledger.migrate import migrate

NOW = datetime(2026, 3, 10, 6, 0, tzinfo=UTC)
LINE = {
    "date": "2026-03-01",
    "source": "google",
    "medium": "cpc",
    "campaign_id": "42",
    "campaign": "Spring",
    "ad_group": "Lamps",
    "ad": "ad-7",
    "term": "crm",
    "amount": "12.50",
    "currency": "EUR",
    "impressions": 1_000,
    "clicks": 25,
}


def sender(now: datetime = NOW) -> Sender:
    caller = Caller(1, 1, "ads", frozenset({"facts"}))
    return Sender(caller, now, IdentifierReader(b"sixteen bytes ..", None))


def line(**changes: Any) -> dict[str, Any]:
    return {k: v for k, v in {**LINE, **changes}.items() if v is not ...}


def refusal(item: Any) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        to_spend_fact(item, 0, sender())
    return caught.value.code, caught.value.field


def test_a_line_becomes_a_fact_with_the_click_it_paid_for() -> None:
    fact = to_spend_fact(LINE, 3, sender())
    assert json.loads(fact.payload) == {
        "spend": {
            "date": "2026-03-01",
            "source": "google",
            "medium": "cpc",
            "campaign_id": "42",
            "campaign": "Spring",
            "ad_group": "Lamps",
            "ad": "ad-7",
            "term": "crm",
            "amount_minor": 1250,
            "currency": "EUR",
            "impressions": 1000,
            "clicks": 25,
        },
        "touch": {
            "kind": "click",
            "source": "google",
            "medium": "cpc",
            "campaign": "Spring",
            "campaign_id": "42",
            "content": "ad-7",
            "term": "crm",
        },
    }
    assert (fact.type, fact.index, fact.fact_id) == ("spend", 3, "")
    assert fact.occurred_at == fact.received_at == to_micros(NOW)
    assert fact.subject is not None
    assert len(fact.subject) <= 40


def test_what_is_not_said_is_not_written() -> None:
    bare = {"date": "2026-03-01", "source": "x", "medium": " ", "amount": 3, "currency": "eur"}
    assert json.loads(to_spend_fact(bare, 0, sender()).payload) == {
        "spend": {"date": "2026-03-01", "source": "x", "amount_minor": 300, "currency": "EUR"},
        "touch": {"kind": "click", "source": "x"},
    }


def test_the_moment_of_the_statement_is_kept_where_it_is_given() -> None:
    given_moment = line(stated_at="2026-03-02T08:00:00+02:00")
    fact = to_spend_fact(given_moment, 0, sender())
    assert json.loads(fact.payload)["stated_at"] == "2026-03-02T06:00:00Z"
    assert fact.occurred_at == to_micros(datetime(2026, 3, 2, 6, 0, tzinfo=UTC))
    # Sent again later it is the same fact, by name and content.
    again = to_spend_fact(given_moment, 0, sender(NOW + timedelta(days=3)))
    assert (again.fact_id, again.payload) == (fact.fact_id, fact.payload)
    assert fact.fact_id


def test_an_id_of_the_sender_names_the_fact() -> None:
    assert to_spend_fact(line(id="row-1"), 0, sender()).fact_id == "row-1"
    assert to_spend_fact(line(id=17), 0, sender()).fact_id == "17"


@pytest.mark.parametrize("name", ["amount", "currency", "impressions", "clicks", "stated_at"])
def test_figures_do_not_name_a_line(name: str) -> None:
    other = {
        "amount": "1.00",
        "currency": "USD",
        "impressions": 1,
        "clicks": 1,
        "stated_at": "2026-03-02T06:00:00Z",
    }[name]
    changed = to_spend_fact(line(**{name: other}), 0, sender())
    assert changed.subject == to_spend_fact(LINE, 0, sender()).subject


@pytest.mark.parametrize(
    "name", ["date", "source", "medium", "campaign_id", "ad_group", "ad", "term"]
)
def test_day_and_dimensions_name_a_line(name: str) -> None:
    changed = to_spend_fact(line(**{name: "2026-03-02"}), 0, sender())
    assert changed.subject != to_spend_fact(LINE, 0, sender()).subject


def test_a_campaign_is_its_id_where_it_has_one() -> None:
    subject = to_spend_fact(LINE, 0, sender()).subject
    assert to_spend_fact(line(campaign="Renamed"), 0, sender()).subject == subject
    nameless = [
        to_spend_fact(line(campaign_id=..., campaign=name), 0, sender()).subject
        for name in ("42", "43")
    ]
    assert len({subject, *nameless}) == 3


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param("x", ("not_an_object", ""), id="text"),
        pytest.param(line(date=...), ("missing_field", "date"), id="no date"),
        pytest.param(line(date="01.03.2026"), ("bad_date", "date"), id="other format"),
        pytest.param(line(date="20260301"), ("bad_date", "date"), id="without hyphens"),
        pytest.param(line(date="2026-02-30"), ("bad_date", "date"), id="no such day"),
        pytest.param(line(date="2026-03-01/2026-03-05"), ("bad_date", "date"), id="range"),
        pytest.param(line(date="1989-12-31"), ("date_too_early", "date"), id="too early"),
        pytest.param(line(date="2026-03-12"), ("date_in_future", "date"), id="after tomorrow"),
        pytest.param(line(source=" "), ("empty", "source"), id="empty source"),
        pytest.param(line(amount=...), ("missing_field", "amount"), id="no amount"),
        pytest.param(line(amount=True), ("wrong_type", "amount"), id="true"),
        pytest.param(line(amount="12,50"), ("bad_amount", "amount"), id="decimal comma"),
        pytest.param(line(amount="1.005"), ("too_many_decimals", "amount"), id="half a cent"),
        pytest.param(line(currency="BTC"), ("unknown_currency", "currency"), id="currency"),
        pytest.param(line(clicks=-1), ("out_of_range", "clicks"), id="negative clicks"),
        pytest.param(
            line(impressions="-5"), ("out_of_range", "impressions"), id="negative impressions"
        ),
        pytest.param(line(clicks=1.5), ("wrong_type", "clicks"), id="half a click"),
        pytest.param(line(cost="1"), ("unknown_field", "cost"), id="unknown field"),
        pytest.param(line(ad="a\x00b"), ("nul_character", "ad"), id="nul"),
        pytest.param(line(ad="\ud800"), ("invalid_text", "ad"), id="surrogate"),
        pytest.param(line(ad="a" * 1001), ("too_long", "ad"), id="long"),
        pytest.param(
            line(stated_at="2026-03-02T06:00:00"), ("naive_timestamp", "stated_at"), id="naive"
        ),
        pytest.param(
            line(stated_at="2026-03-10T07:00:01Z"), ("stated_in_future", "stated_at"), id="ahead"
        ),
    ],
)
def test_what_is_refused(item: Any, expected: tuple[str, str]) -> None:
    assert refusal(item) == expected


@pytest.mark.parametrize(
    ("value", "minor"),
    [("-12.50", -1250), (-3, -300), ("0", 0), (99.5, 9950)],
)
def test_a_credit_note_is_negative(value: Any, minor: int) -> None:
    payload = json.loads(to_spend_fact(line(amount=value), 0, sender()).payload)
    assert payload["spend"]["amount_minor"] == minor


@pytest.mark.parametrize(("value", "count"), [("25", 25), ("25.0", 25), (25.0, 25), ("", None)])
def test_counts_of_tables_are_numbers(value: Any, count: int | None) -> None:
    payload = json.loads(to_spend_fact(line(clicks=value), 0, sender()).payload)
    assert payload["spend"].get("clicks") == count


def test_tomorrow_may_have_come_where_the_sender_is() -> None:
    assert to_spend_fact(line(date="2026-03-11"), 0, sender())


def test_lines_of_a_request_that_contradict_each_other() -> None:
    items = [
        LINE,
        line(amount="13.00"),
        dict(LINE),
        line(term="other"),
        line(amount="14.00", id="x"),
        line(amount="15.00", stated_at="2026-03-02T06:00:00Z"),
        Unreadable(Refusal("bad_quotes", "", "line 8"), "x"),
    ]
    batch = collect_spend(items, sender(), 32_768)
    assert [fact.index for fact in batch.facts] == [0, 2, 3, 5]
    assert [(r.index, r.code) for r in batch.refused] == [
        (1, "duplicate_line"),
        (4, "duplicate_line"),
        (6, "bad_quotes"),
    ]


@pytest.fixture
def ledger(tmp_path: Any) -> Any:
    engine = make_engine(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    migrate(engine)
    create_key(engine, "ads", ["facts"], NOW)
    yield engine
    engine.dispose()


def send(ledger: Engine, hour: int, *items: dict[str, Any]) -> tuple[int, int, list[str]]:
    batch = collect_spend(items, sender(NOW + timedelta(hours=hour)), 32_768)
    [receipt] = append(ledger, [batch])
    return receipt.accepted, receipt.duplicates, [r.code for r in receipt.refused]


def test_a_day_posted_again_restates_and_the_same_words_change_nothing(ledger: Engine) -> None:
    assert send(ledger, 0, LINE, LINE) == (1, 1, [])
    assert send(ledger, 1, LINE) == (0, 1, [])
    assert send(ledger, 2, line(amount="11.00")) == (1, 0, [])
    assert send(ledger, 3, line(amount="11.00")) == (0, 1, [])
    assert send(ledger, 4, LINE) == (1, 0, [])  # and back again


def test_history_with_its_moments_is_new_only_once(ledger: Engine) -> None:
    first, then = (
        line(amount=amount, stated_at=f"2026-03-0{day}T06:00:00Z")
        for day, amount in ((2, "10.00"), (5, "9.00"))
    )
    assert send(ledger, 0, first, then) == (2, 0, [])
    for hour, again in enumerate(permutations((first, then)), 1):
        assert send(ledger, hour, *again) == (0, 2, [])


def test_an_id_used_for_other_figures_is_a_conflict(ledger: Engine) -> None:
    assert send(ledger, 0, line(id="a")) == (1, 0, [])
    assert send(ledger, 1, line(id="a")) == (0, 1, [])
    assert send(ledger, 2, line(id="a", amount="1.00")) == (0, 0, ["conflict"])


@given(st.dictionaries(st.sampled_from(["source", "medium", "ad", "term"]), st.text(), min_size=1))
def test_a_line_is_taken_or_refused_and_named_by_its_own_words(changes: dict[str, str]) -> None:
    try:
        fact = to_spend_fact(line(**changes), 0, sender())
    except Refusal:
        return
    written = json.loads(fact.payload)["spend"]
    again = {"amount": written.pop("amount_minor"), **written}
    assert to_spend_fact(again, 0, sender()).subject == fact.subject


def test_an_account_is_part_of_the_key_and_none_leaves_keys_as_they_were() -> None:
    plain = to_spend_fact(LINE, 0, sender()).subject
    assert plain == "2026-03-01:9a1d6be105032d11d2e02256"
    one, other = (to_spend_fact(line(account=a), 0, sender()).subject for a in ("1", "2"))
    assert len({plain, one, other}) == 3
    assert to_spend_fact(line(account=" "), 0, sender()).subject == plain
    assert to_spend_fact(line(account=1), 0, sender()).subject == one


def test_what_is_known_of_the_account_is_kept() -> None:
    said = line(account="123", account_timezone="Europe/Berlin", vat="excluded")
    spend = json.loads(to_spend_fact(said, 0, sender()).payload)["spend"]
    assert (spend["account"], spend["account_timezone"], spend["vat"]) == (
        "123",
        "Europe/Berlin",
        "excluded",
    )
    assert spend["amount_minor"] == 1250


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"vat": "included"}, {"amount_minor": 12_000, "vat": "included"}),
        (
            {"vat": "included", "vat_rate": "20"},
            {"amount_minor": 10_000, "vat": "excluded", "vat_minor": 2_000, "vat_rate": "20"},
        ),
        (
            {"vat_rate": 8.10},
            {"amount_minor": 11_101, "vat": "excluded", "vat_minor": 899, "vat_rate": "8.1"},
        ),
        ({"vat": "excluded", "vat_rate": "20"}, {"amount_minor": 12_000, "vat": "excluded"}),
    ],
)
def test_tax_is_taken_off_where_a_rate_is_given(said: Any, kept: Any) -> None:
    spend = json.loads(to_spend_fact(line(amount="120.00", **said), 0, sender()).payload)["spend"]
    assert {k: v for k, v in spend.items() if k.startswith(("amount", "vat"))} == kept


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"vat": "maybe"}, ("unknown_value", "vat")),
        ({"vat_rate": "0"}, ("bad_rate", "vat_rate")),
        ({"vat_rate": "-20"}, ("bad_rate", "vat_rate")),
        ({"vat_rate": "101"}, ("bad_rate", "vat_rate")),
        ({"vat_rate": True}, ("wrong_type", "vat_rate")),
        ({"account_timezone": "Berlin"}, ("unknown_timezone", "account_timezone")),
    ],
)
def test_what_makes_no_sense_of_an_account_is_refused(said: Any, expected: Any) -> None:
    assert refusal(line(**said)) == expected


@given(st.integers(-(10**12), 10**12), st.integers(1, 1_000_000))
def test_net_and_tax_add_up_and_mirror(billed: int, rate: int) -> None:
    text = parse_rate(f"{Decimal(rate) / 10_000:f}")
    net, tax = net_and_tax(billed, text)
    assert net + tax == billed
    assert net_and_tax(-billed, text) == (-net, -tax)
    exact = Decimal(abs(billed)) * 100 / (100 + Decimal(text))
    assert abs(abs(net) - exact) <= 1
