"""Why a report changed: the causes add up to the difference, and every fact has one cause."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import strategies as st

from service.ledger.configuration import write_setting
from service.reports import campaigns, configuration
from service.reports.changes import CAUSES, MEASURES, figures, split
from service.reports.configuration import Edition
from service.reports.desk import ReportDesk
from service.reports.question import Question
from tests.laws.laws import law
from tests.laws.ledgers import FIRST_ARRIVAL, RATE_DAYS, Ledger
from tests.laws.worlds import World, deliveries, worlds

ASKED = {"from": "2026-01-01", "to": "2027-01-01"}
PUBLISHED: tuple[tuple[str, Any], ...] = (
    (configuration.SETTING, {"exclusions": [{"match": {"campaign": "spring"}}]}),
    (
        configuration.SETTING,
        {"channel_rules": [{"match": {"source": "g*"}, "channel": "search"}], "lookback": "1d"},
    ),
    (configuration.SETTING, {"default_model": "first_touch"}),
    (configuration.SETTING, {}),
    (campaigns.SETTING, [{"match": {"campaign": "spring"}, "to": {"campaign": "summer"}}]),
    (campaigns.SETTING, []),
)


@law(sqlite=5, postgres=2)
def test_causes_lead_from_one_report_to_the_other(ledger: Ledger, data: st.DataObject) -> None:
    """Between any two moments of any stream, settings published on the way: the first step is the
    report of then, the last that of later, and each fact between stands for one cause."""
    stops = _sent(ledger, data, data.draw(deliveries(data.draw(worlds()))))
    first, last = ledger.first_seq(), stops[-1]
    length = last - first  # seqs go on rising from world to world, lengths do not
    then = first + data.draw(st.integers(0, length))
    later = first + data.draw(st.integers(then - first, length))
    report = data.draw(st.sampled_from(tuple(MEASURES)))
    asked = _asker(data.draw(st.sampled_from(("channel", "campaign"))))
    mart = ledger.mart()
    mart.refresh()
    desk = ReportDesk(mart, ledger.engine, RATE_DAYS, ledger.mart)
    found = desk.changes(report, then, later, asked)
    seqs = np.sort(np.concatenate(list(found.facts.values())))
    assert seqs.tolist() == list(range(then + 1, later + 1))
    answers = [_as_of(desk, report, asked, moment) for moment in (then, later)]
    for measure in MEASURES[report]:
        assert figures(found.answers[0], measure) == figures(answers[0], measure)
        assert figures(found.answers[-1], measure) == figures(answers[1], measure)
        assert tuple(split(found, measure)["totals"]["causes"]) == CAUSES
    mart.close()


@law(sqlite=3, postgres=1)
def test_of_two_instants_causes_lead_from_one_to_the_other(
    ledger: Ledger, data: st.DataObject
) -> None:
    """The same by the clock, and up to the present."""
    _sent(ledger, data, data.draw(deliveries(data.draw(worlds()))))
    then, later = sorted(data.draw(st.lists(_instants(ledger), min_size=2, max_size=2)))
    asked = _asker("channel")
    mart = ledger.mart()
    mart.refresh()
    desk = ReportDesk(mart, ledger.engine, RATE_DAYS, ledger.mart)
    for until in (later, None):
        found = desk.changes("roi", then, until, asked)
        for step, moment in ((0, then), (-1, until)):
            expected = _as_of(desk, "roi", asked, moment)
            assert figures(found.answers[step], "revenue") == figures(expected, "revenue")
            assert figures(found.answers[step], "spend") == figures(expected, "spend")
    mart.close()


def _asker(group: str) -> Callable[[Edition], Question]:
    def asked(edition: Edition) -> Question:
        params = edition.settle({**ASKED, "group_by": group})
        return Question.from_params(params, "EUR", ZoneInfo("UTC"), FIRST_ARRIVAL)

    return asked


def _as_of(
    desk: ReportDesk,
    report: str,
    asked: Callable[[Edition], Question],
    moment: int | datetime | None,
) -> Any:
    question = replace(asked(desk.editions.as_of(moment)), as_of=moment)
    return desk.roi(question) if report == "roi" else desk.attribution(question)


def _sent(ledger: Ledger, data: st.DataObject, plan: list[tuple[World, bool]]) -> list[int]:
    """Send the deliveries, after each perhaps a setting; the ledger's last seq after each."""
    stops = []
    for statements, _ in plan:
        ledger.send(statements)
        stops.append(ledger.last_seq())
        name, value = data.draw(st.sampled_from((*PUBLISHED, ("", None))))
        if name:
            now = FIRST_ARRIVAL + timedelta(seconds=ledger.arrivals + 0.5)
            kept = {"rules": value} if name == campaigns.SETTING else {"configuration": value}
            write_setting(ledger.engine, name, kept, now, "law")
    return stops


def _instants(ledger: Ledger) -> st.SearchStrategy[datetime]:
    halves = st.integers(0, 2 * ledger.arrivals + 1)  # before, at and after what was sent
    return halves.map(lambda half: FIRST_ARRIVAL + timedelta(seconds=half / 2))
