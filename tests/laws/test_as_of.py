"""Asked as of an earlier moment, everything is as it was then, byte for byte."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from hypothesis import strategies as st

from service.attribution.models import parse_models
from service.kit.time import Period
from service.reports.desk import ReportDesk
from service.reports.question import Question
from tests.laws.laws import law
from tests.laws.ledgers import FIRST_ARRIVAL, RATE_DAYS, Ledger, whole_dump
from tests.laws.worlds import World, deliveries, worlds

YEAR = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), ZoneInfo("UTC"))
QUESTION = Question(
    YEAR, models=parse_models("position_based,linear"), group_by=("channel", "month")
)


def _answers(desk: ReportDesk, question: Question) -> bytes:
    found: list[Any] = [
        desk.attribution(question),
        desk.roi(question),
        desk.paths(question),
        desk.funnel(replace(question, group_by=("channel",))),
        desk.spend(question),
        desk.journeys(question),
        desk.maturity(replace(question, group_by=("channel",)), "day"),
    ]
    return orjson.dumps(found)


def _sent(ledger: Ledger, plan: list[tuple[World, bool]]) -> list[int]:
    """Send the deliveries; the ledger's last seq after each."""
    stops = []
    for statements, _ in plan:
        ledger.send(statements)
        stops.append(ledger.last_seq())
    return stops


@law(sqlite=5, postgres=2)
def test_a_mart_of_then_is_the_mart_of_a_ledger_that_ended_then(
    ledger: Ledger, data: st.DataObject
) -> None:
    stops = _sent(ledger, data.draw(deliveries(data.draw(worlds()))))
    then = data.draw(st.integers(ledger.first_seq(), stops[-1]))
    of_then = ledger.mart()
    of_then.refresh(up_to=then)
    expected = whole_dump(of_then)
    of_then.close()
    ledger.cut_after(then)
    ended = ledger.mart()
    ended.refresh(up_to=then)
    assert whole_dump(ended) == expected
    ended.close()


@law(sqlite=4, postgres=2)
def test_reports_as_of_then_are_the_reports_of_then(ledger: Ledger, data: st.DataObject) -> None:
    """By watermark and by the clock; and later facts change nothing about them."""
    plan = data.draw(deliveries(data.draw(worlds())))
    number = data.draw(st.integers(0, len(plan) - 1))
    mart = ledger.mart()
    desk = ReportDesk(mart, ledger.engine, RATE_DAYS, ledger.mart)
    then = _sent(ledger, plan[: number + 1])[-1]
    moment = FIRST_ARRIVAL + timedelta(seconds=ledger.arrivals)
    mart.refresh()
    expected = _answers(desk, QUESTION)
    ledger.send([])  # a second without facts
    _sent(ledger, plan[number + 1 :])
    mart.refresh()
    assert _answers(desk, replace(QUESTION, as_of=then)) == expected
    assert _answers(desk, replace(QUESTION, as_of=moment)) == expected
    mart.close()
