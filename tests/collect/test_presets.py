"""Cost reports as the platforms write them, and the spend lines that they become."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.body import Unreadable
from service.collect.presets import best_fit, shapes
from service.collect.presets.recognise import recognise
from service.collect.rows import Reading
from service.collect.spend import collect_spend
from service.collect.table_items import read_items
from service.kit.errors import BadRequest, Refusal
from tests.collect.platform_reports import DIRECT, GOOGLE, MICROSOFT, SAMPLES, STREAM
from tests.collect.shelf import SENDER, Shelf, run


def lines(body: str | bytes | list[Any] | dict[str, Any], **said: str) -> list[Any]:
    if isinstance(body, list | dict):
        body = json.dumps(body)
    raw = body if isinstance(body, bytes) else body.encode()
    return read_items(raw, "spend", 10_000, defaults=said)


def refusals(items: list[Any]) -> list[tuple[str, str]]:
    return [(i.refusal.code, i.refusal.field) for i in items if isinstance(i, Unreadable)]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_report_becomes_spend_lines(name: str) -> None:
    body, said, expected = SAMPLES[name]
    items = lines(body, **said)
    assert items == expected
    assert collect_spend(items, SENDER, 32_768).refused == []


def test_every_shape_has_a_sample_and_no_two_of_one_size_fit_it() -> None:
    met = set()
    for body, _, _ in SAMPLES.values():
        raw = (json.dumps(body) if isinstance(body, list | dict) else body).encode()
        found = recognise(raw, Reading())
        assert found is not None
        met.add(found.shape.needs)
    assert {shape.needs for shape in shapes()} == met
    for shape in shapes():
        columns = [min(names).rstrip("*") for names in shape.needs]
        rivals = [o for o in shapes() if len(o.needs) == len(shape.needs)]
        fitting = [o for o in rivals if o.fits(columns, shape.delimiter)]
        assert [o.preset for o in fitting] == [shape.preset]


@pytest.mark.parametrize(
    "columns",
    [
        ["date", "source", "medium", "campaign", "amount", "currency"],
        ["Date", "CampaignId", "Cost", "Currency", "Source"],
        ["Day", "Cost", "Currency code", "Source"],
        ["date", "utm_source", "utm_medium", "cost", "currency"],
    ],
)
def test_a_table_that_speaks_for_itself_is_left_to_its_headings(columns: list[str]) -> None:
    assert best_fit(columns, ",") is None
    assert best_fit(columns, "\t") is None


def test_utf16_as_the_web_interfaces_write_it(write: Callable[..., Path], shelf: Shelf) -> None:
    text = "Campaign report\nDay\tCampaign\tCurrency code\tCost\n2026-03-01\tЛето\tEUR\t12.00\n"
    receipt = run(write(text.encode("utf-16"), "report.csv"), "spend", shelf)
    assert (receipt["accepted"], receipt["rejected"]) == (1, {})
    assert shelf.payloads()[0][2]["spend"]["campaign"] == "Лето"


def test_an_import_counts_what_only_sums_up(write: Callable[..., Path], shelf: Shelf) -> None:
    receipt = run(write(GOOGLE), "spend", shelf)
    assert (receipt["rows"], receipt["accepted"], receipt["left_out"]) == (4, 2, 2)
    again = run(write(GOOGLE), "spend", shelf, fields=("source==adwords", "vat==excluded"))
    assert again["accepted"] == 2
    assert shelf.payloads()[2][2]["spend"]["source"] == "adwords"


def test_a_document_in_a_file_is_a_report_too(write: Callable[..., Path], shelf: Shelf) -> None:
    receipt = run(write(json.dumps(STREAM, indent=1), "stream.json"), "spend", shelf)
    assert (receipt["accepted"], receipt["rejected"]) == (2, {})


def test_what_the_report_does_not_say_is_asked_for() -> None:
    with pytest.raises(BadRequest, match=r"currency.*--map currency==VALUE") as caught:
        lines(DIRECT)
    assert caught.value.code == "unknown_columns"


@pytest.mark.parametrize(
    ("cost", "refused"),
    [
        ("12,50", [("bad_amount", "amount")]),
        ("1,23,456", [("bad_amount", "amount")]),
        ("1.234,56", [("bad_amount", "amount")]),
        ("many", [("bad_amount", "amount")]),
        ("9" * 30, [("amount_out_of_range", "amount")]),
        ("$1,234.56", []),
        ("1 234.56", []),
    ],
)
def test_numbers_are_not_guessed(cost: str, refused: list[tuple[str, str]]) -> None:
    body = f'Day,Campaign,Currency code,Cost\n2026-03-01,A,EUR,"{cost}"\n2026-03-01,B,EUR,1\n'
    items = lines(body)
    assert refusals(items) == refused
    assert items[1]["amount"] == "1.00"
    if not refused:
        assert items[0]["amount"] == "1234.56"


def test_a_decimal_comma_is_taken_where_it_is_announced() -> None:
    body = b"Day;Campaign;Currency code;Cost;Clicks\n2026-03-01;A;EUR;1.234,56;1.000\n"
    items = read_items(body, "spend", 10, Reading(decimal=","))
    assert (items[0]["amount"], items[0]["clicks"]) == ("1234.56", 1000)


@pytest.mark.parametrize(
    ("day", "code"),
    [
        ("2026-03-03/2026-03-01", "bad_date"),
        ("2024-03-03/2026-03-01", "bad_date"),
        ("2026-03-01/soon", "bad_date"),
        ("1.3.2026", "bad_date"),
    ],
)
def test_a_range_has_to_be_one(day: str, code: str) -> None:
    items = lines(f"Date,UTMSource,Expenses,Currency\n{day},x,1,EUR\n2026-03-01,y,1,EUR\n")
    assert refusals(items) == [(code, "date")]
    assert items[1]["source"] == "y"


def test_money_that_may_be_either_unit_is_refused() -> None:
    items = lines("Date\tCampaignId\tCost\n2026-03-01\t7\t12\n", currency="RUB")
    assert refusals(items) == [("bad_amount", "amount")]


def test_a_line_that_is_no_row_is_refused_in_its_place() -> None:
    items = lines(MICROSOFT.replace('"©', '"broken","x"\n"©'))
    assert refusals(items) == [("wrong_field_count", "")]
    assert len(items) == 2


def test_rows_that_name_no_day_are_refused_unless_they_sum_up() -> None:
    items = lines("Day,Campaign,Currency code,Cost\n --,Totals of the town,EUR,1\n --,B,EUR,1\n")
    assert refusals(items) == [("bad_date", "date")] * 2


@given(
    minor=st.integers(-(10**9), 10**9),
    days=st.integers(1, 366),
    clicks=st.integers(0, 10**6),
)
def test_spreading_loses_nothing(minor: int, days: int, clicks: int) -> None:
    first = date(2025, 1, 1)
    last = first + timedelta(days=days - 1)
    amount = f"{Decimal(minor) / 100:.2f}"
    items = lines(
        f"Date,UTMSource,Expenses,Currency,Clicks\n{first}/{last},x,{amount},EUR,{clicks}\n"
    )
    assert sum(Decimal(item["amount"]) for item in items) == Decimal(minor) / 100
    assert sum(item["clicks"] for item in items) == clicks
    assert [item["date"] for item in items] == [
        (first + timedelta(days=n)).isoformat() for n in range(days)
    ]
    amounts = [Decimal(item["amount"]) for item in items]
    assert max(amounts) - min(amounts) <= Decimal("0.01")


@given(st.binary(max_size=200), st.sampled_from(sorted(SAMPLES)))
def test_nothing_that_follows_a_header_breaks_the_reading(junk: bytes, name: str) -> None:
    body, said, _ = SAMPLES[name]
    raw = (json.dumps(body) if isinstance(body, list | dict) else body).encode()
    try:
        items = read_items(raw + b"\n" + junk, "spend", 10_000, defaults=said)
    except (BadRequest, Refusal):
        return
    collect_spend(items, SENDER, 32_768)
