"""The pieces that pages are made of: addresses, numbers, tables, drawings."""

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kit.errors import ReconciliationError, Refusal
from service.web import charts, words
from service.web.format import Formatter, exact_sum
from service.web.pages import json_island, web_link
from service.web.state import COMPARES, PERIODS, State, question_params
from service.web.table import build_table, change_of, check_sums, chosen_columns, sorted_rows

BERLIN = ZoneInfo("Europe/Berlin")
EUR = Formatter("EUR", BERLIN)
TODAY = date(2026, 11, 20)
FIELDS = [key for key, metric in words.METRICS.items() if metric.adds]


def state_of(address: str) -> State:
    lists: dict[str, list[str]] = defaultdict(list)
    for name, value in parse_qsl(urlsplit(address).query):
        lists[name].append(value)
    return State.read({name: values[-1] for name, values in lists.items()}, lists)


def row(name: str | None, **numbers: Any) -> dict[str, Any]:
    return {"channel": name} | dict.fromkeys(words.METRICS) | numbers


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("today", "2026-11-20", "2026-11-20"),
        ("yesterday", "2026-11-19", "2026-11-19"),
        ("7d", "2026-11-14", "2026-11-20"),
        ("30d", "2026-10-22", "2026-11-20"),
        ("90d", "2026-08-23", "2026-11-20"),
        ("month", "2026-11-01", "2026-11-20"),
        ("last_month", "2026-10-01", "2026-10-31"),
        ("year", "2026-01-01", "2026-11-20"),
        ("12m", "2025-11-21", "2026-11-20"),
    ],
)
def test_periods(period: str, first: str, last: str) -> None:
    assert [day.isoformat() for day in State(period=period).days(TODAY)] == [first, last]


def test_every_period_has_its_days() -> None:
    for period in PERIODS:
        first, last = State(period=period).days(date(2028, 2, 29))
        assert first <= last <= date(2028, 2, 29)


@pytest.mark.parametrize(
    ("compare", "first", "last"),
    [("previous", "2024-01-30", "2024-02-28"), ("year", "2023-02-28", "2023-03-29")],
)
def test_compared_days(compare: str, first: str, last: str) -> None:
    days = State(compare=compare).before(date(2024, 2, 29), date(2024, 3, 29))
    assert days is not None
    assert [day.isoformat() for day in days] == [first, last]
    assert State(compare="none").before(TODAY, TODAY) is None


def test_days_become_a_half_open_period() -> None:
    params = question_params(State(), (date(2026, 3, 1), date(2026, 3, 31)), BERLIN, group_by="day")
    assert (params["from"], params["to"]) == ("2026-03-01", "2026-04-01")
    assert (params["tz"], params["group_by"]) == ("Europe/Berlin", "day")


def test_days_without_a_period_are_custom() -> None:
    assert state_of("/?start=2026-03-01&end=2026-03-05").period == "custom"
    assert state_of("/?start=2026-03-01&period=7d").params() == {"period": "7d"}


SHORT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)


@given(
    st.sampled_from(list(PERIODS)),
    st.sampled_from(list(COMPARES)),
    SHORT.map(str.strip),
    SHORT.map(str.strip),
)
def test_an_address_reads_back_to_the_same_state(
    period: str, compare: str, campaign: str, search: str
) -> None:
    state = State(period=period, compare=compare, campaign=campaign, search=search)
    assert state_of(state.url("/journeys")) == state


def test_defaults_are_left_out_of_the_address() -> None:
    assert State().url("/") == "/"
    assert State(model="linear").url("/x", model="position_based", sort="-roi") == "/x?sort=-roi"


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("money", 0, "€0"),
        ("money", 12.5, "€12.50"),
        ("money", -12.5, "−€12.50"),
        ("money", 1234.5, "€1,234"),
        ("money", 1235.5, "€1,236"),
        ("money", None, "–"),
        ("count", 12.5, "12.5"),
        ("count", 1234567, "1,234,567"),
        ("percent", -1, "−100\u00a0%"),
        ("percent", 0.314, "31\u00a0%"),
        ("percent", None, "–"),
        ("ratio", 4.2034, "4.20×"),
    ],
)
def test_numbers_for_people(kind: str, value: float | None, text: str) -> None:
    assert EUR.show(kind, value) == text


@pytest.mark.parametrize(
    ("currency", "text"),
    [("EUR", "€1,234.50"), ("JPY", "JP¥1,234"), ("KWD", "KWD\u00a01,234.500"), ("RUB", "RUB\u00a01,234.50")],
)  # fmt: skip
def test_money_has_the_decimals_of_its_currency(currency: str, text: str) -> None:
    assert EUR.money(Decimal("1234.5"), currency) == text


def test_short_money_only_where_long() -> None:
    assert EUR.short_money(9_999_999) == "€9,999,999"
    assert EUR.short_money(12_400_000) == "€12.4M"


def test_cents_add_up_to_cents() -> None:
    assert exact_sum([0.1, 0.2, None, 1]) == Decimal("1.3")


def test_moments_in_the_readers_zone() -> None:
    assert EUR.moment("2026-03-28T23:30:00Z") == "29 Mar 2026, 00:30"
    assert EUR.ago("2026-03-28T23:30:00Z", datetime(2026, 3, 28, 23, 45, tzinfo=UTC)) == (
        "15 minutes ago"
    )
    assert EUR.days(date(2026, 3, 1), date(2026, 3, 31)) == "1 – 31 Mar 2026"
    assert EUR.days(date(2026, 2, 1), date(2026, 3, 2)) == "1 Feb – 2 Mar 2026"
    assert EUR.days(date(2025, 12, 1), date(2026, 1, 2)) == "1 Dec 2025 – 2 Jan 2026"
    assert EUR.days(TODAY, TODAY) == "20 Nov 2026"
    assert EUR.span(timedelta(days=23)) == "3 weeks"


cents = st.integers(-(10**9), 10**9).map(lambda value: value / 100)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(FIELDS, cents)), min_size=1, max_size=8))
def test_a_table_is_shown_exactly_when_it_adds_up(parts: list[dict[str, float]]) -> None:
    totals = {key: float(exact_sum([part[key] for part in parts])) for key in FIELDS}
    metrics = list(words.METRICS.values())
    check_sums(parts, totals, metrics)
    with pytest.raises(ReconciliationError):
        check_sums(parts, totals | {"revenue": totals["revenue"] + 0.01}, metrics)


def test_rows_of_equal_value_stand_by_name_and_unset_ones_last() -> None:
    rows = [row("b", spend=1), row(None, spend=1), row("a", spend=1), row("c"), row("d", spend=2)]
    for descending, order in (
        (True, ["d", "a", "b", None, "c"]),
        (False, ["a", "b", None, "d", "c"]),
    ):
        shown = sorted_rows(rows, "spend", descending, "channel")
        assert [line["channel"] for line in shown] == order


def test_changes_against_the_compared_period() -> None:
    def change(key: str, new: float | None, old: float | None) -> tuple[str, str, str]:
        made = change_of(words.METRICS[key], {key: new}, {key: old}, EUR)
        return made.arrow, made.text, made.tone

    assert change("revenue", 150, 100) == ("↑", "50\u00a0%", "good")
    assert change("cpl", 150, 100) == ("↑", "50\u00a0%", "bad")
    assert change("spend", 50, 100) == ("↓", "50\u00a0%", "")
    assert change("roi", 0.5, -0.25) == ("↑", "75\u00a0pp", "good")
    assert change("revenue", 5, 0) == ("", "new", "")
    assert change("revenue", -50, -100) == ("↑", "50\u00a0%", "good")
    assert change("revenue", 17_400, 100) == ("↑", "174×", "good")
    assert change("revenue", 1001, 1000) == ("", "0\u00a0%", "")
    for new, old in ((None, 1), (1, None), (0, 0)):
        assert change("revenue", new, old) == ("", "", "")


def test_an_unset_name_is_shown_as_such() -> None:
    report = {
        "rows": [row(None, spend=1, revenue=0)],
        "unattributed": row("", spend=0, revenue=0),
        "totals": row("", spend=1, revenue=0),
    }
    table = build_table(report, None, "channel", chosen_columns("spend,revenue"), "", EUR)
    assert [line.name for line in table.lines] == [None]
    assert words.named(None) == "(not set)"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("position_based", "Position based"),
        ("u_shaped@marketo", "U-shaped by Marketo"),
        ("time_decay:half_life=14d", "Time decay (half_life=14d)"),
        ("@my_house", "My house (preset)"),
        ("markov:order=2:null=false", "Markov (order=2, null=false)"),
    ],
)
def test_models_have_readable_names(text: str, label: str) -> None:
    assert words.model(text) == label


def test_names_that_people_typed_stay_as_typed() -> None:
    assert words.channel("paid_search") == "Paid search"
    assert words.channel("my_new_channel") == "My new channel"
    assert words.channel("Messe München") == "Messe München"
    assert words.mark("paid_search") == 0
    assert words.mark("My channel") in range(64)
    signs = {charts.mark(index) for index in range(64)}
    assert len(signs) == 64


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(Refusal, match="no column"):
        chosen_columns("moon")
    assert [metric.key for metric in chosen_columns("roi,spend")] == ["spend", "roi"]


@given(st.lists(st.none() | st.integers(-(10**6), 10**6), max_size=40))
def test_drawings_leave_gaps_and_never_fail(values: list[int | None]) -> None:
    known = [value for value in values if value is not None]
    drawn = charts.sparkline(values)
    assert (drawn == "") == (len(known) < 2)
    lines = charts.line_chart([("l-revenue", values)])
    assert (lines == "") == (not known)
    # One stroke begins after each gap.
    starts = sum(
        1
        for i, value in enumerate(values)
        if value is not None and (i == 0 or values[i - 1] is None)
    )
    if known:
        assert (
            lines.split('class="line l-revenue"')[1].split('d="')[1].split('"')[0].count("M")
            == starts
        )
    assert "nan" not in drawn + lines


@pytest.mark.parametrize(
    ("part", "whole", "width"),
    [(1, 4, "25.00%"), (5, 4, "100.00%"), (-1, 4, "0.00%"), (1, 0, "0.00%"), (None, 4, "0.00%")],
)
def test_bars_keep_inside_their_track(part: int | None, whole: int, width: str) -> None:
    assert f'<rect width="{width}"' in charts.bar(part, whole, "s0")


@given(st.text())
def test_json_cannot_end_its_element(text: str) -> None:
    island = json_island({"x": text.encode(errors="replace").decode()})
    assert not set("<>&") & set(island)
    assert json.loads(island)["x"] == text.encode(errors="replace").decode()


@given(st.text())
def test_links_are_http_or_none(text: str) -> None:
    assert web_link(text) is None or text.lower().startswith(("http://", "https://"))
