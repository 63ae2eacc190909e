"""What reports say of what is still to come, of worlds with and without a history to tell it by."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from service.reports.desk import ReportDesk
from service.reports.maturity import EVERY
from service.reports.roi import Sums, figures
from tests.laws.laws import law
from tests.laws.ledgers import RATE_DAYS, Ledger
from tests.laws.test_reports_add_up import EVER, added, exact, questions
from tests.laws.worlds import START, Statement, World, numbered, worlds

MARKS = ("maturity", "too_early", "maturity_reason")
ROUNDING = 1e-6


def buyers(days: list[int]) -> World:
    """One person for each number: a click, and an order so many days after it."""
    found: World = []
    for number, lag in enumerate(days):
        who = {"user_id": f"buyer-{number}"}
        click = {"kind": "click", "source": "google", "medium": "cpc"}
        order = {"id": f"H{number}", "status": "completed", "amount": "10.00", "currency": "EUR"}
        common = {"sender": "web", "identifiers": who}
        found.append({"kind": "touch", **common, "occurred_at": _at(number % 7), "touch": click})
        found.append(
            {"kind": "order", **common, "occurred_at": _at(number % 7 + lag), "order": order}
        )
    return found


def _at(day: int) -> str:
    return (START + timedelta(days=day)).isoformat().replace("+00:00", "Z")


def spent_daily(days: int) -> World:
    line: Statement = {"kind": "spend", "sender": "crm", "source": "google", "medium": "cpc"}
    line |= {"amount": "5.00", "currency": "EUR"}
    dates = [(START + timedelta(days=day)).date().isoformat() for day in range(days)]
    return [line | {"date": date} for date in dates]


def check_mark(row: dict[str, Any]) -> None:
    """Known, from 0 to 1 and flagged below the threshold; or unknown with the reason."""
    share = row["maturity"]
    assert (share is None) == (row["maturity_reason"] in ("nothing_put_in", "few_conversions"))
    assert share is None or 0 <= share <= 1
    assert row["too_early"] == (share is not None and share < 0.7)


def check_foreseen(row: dict[str, Any]) -> None:
    """More is expected than has come, between bounds; nothing where nothing can be known."""
    check_mark(row)
    expected, low, high = row["expected"], row["low"], row["high"]
    assert (expected is None) == (low is None) == (high is None)
    if not row["maturity"]:
        assert expected is None
    else:
        assert row["conversions"] - ROUNDING <= low <= expected + ROUNDING
        assert expected <= high + ROUNDING


@law(sqlite=3, postgres=1)
def test_what_is_expected_is_no_less_than_what_has_come(
    ledger: Ledger, data: st.DataObject
) -> None:
    """And shares do not rise from an older day to a younger one of the same channel."""
    lags = data.draw(st.lists(st.integers(0, 60), min_size=12, max_size=30))
    world = data.draw(worlds()) + buyers(lags) + spent_daily(data.draw(st.integers(1, 20)))
    ledger.send(numbered(world))
    mart = ledger.rebuilt()
    desk = ReportDesk(mart, ledger.engine, RATE_DAYS, ledger.mart)
    question = replace(
        data.draw(questions), period=EVER, conversion="won", group_by=("channel",), filters=()
    )
    for every in EVERY:
        answer = desk.maturity(question, every)
        for row in (*answer["rows"], answer["totals"]):
            check_foreseen(row)
        parts = (*answer["rows"], answer["unattributed"])
        for name in ("spend", "conversions"):
            assert added(parts, name) == exact(answer["totals"][name])
    paid = [r for r in desk.maturity(question, "day")["rows"] if r["exposure"] == "spend"]
    for channel in {row["channel"] for row in paid}:
        shares = [row["maturity"] for row in paid if row["channel"] == channel]
        assert shares == sorted(shares, reverse=True)
    whole = {row["channel"]: row for row in desk.maturity(question, "period")["rows"]}
    roi = desk.roi(question)
    for row in (*roi["rows"], roi["unattributed"], roi["totals"]):
        check_mark(row)
    for row in roi["rows"]:
        if (row["spend"] or 0) > 0:
            assert [row[n] for n in MARKS] == [whole[row["channel"]][n] for n in MARKS]
    mart.close()


@law(sqlite=2, postgres=0)
def test_without_a_history_nothing_is_said_and_why(ledger: Ledger, data: st.DataObject) -> None:
    """Never 0, and never a flag."""
    lags = data.draw(st.lists(st.integers(0, 60), max_size=9))
    ledger.send(numbered(buyers(lags) + spent_daily(data.draw(st.integers(1, 20)))))
    mart = ledger.rebuilt()
    desk = ReportDesk(mart, ledger.engine, RATE_DAYS, ledger.mart)
    question = replace(data.draw(questions), period=EVER, group_by=("channel",), filters=())
    found = [desk.roi(question), *(desk.maturity(question, every) for every in EVERY)]
    for answer in found:
        for row in (*answer["rows"], answer["totals"]):
            assert [row[name] for name in MARKS] == [None, False, "few_conversions"]
    assert [figures(Sums(), "EUR")[name] for name in MARKS] == [None, False, "nothing_put_in"]
    mart.close()
