"""Every number of a report is the sum of what it is said to be made of."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st

from service.attribution.models import parse_models
from service.kit.errors import NotFound
from service.reports.cell_parts import Cell
from service.reports.cells import MEASURES, RATIOS
from service.reports.desk import ReportDesk
from service.reports.question import BASES, Question
from tests.laws.laws import law
from tests.laws.ledgers import RATE_DAYS, Ledger
from tests.laws.test_reports_add_up import MODELS, exact, questions
from tests.laws.worlds import worlds

GROUPINGS = (("channel",), ("campaign", "month"), ("landing_page",), ("source", "day"))
WHOLE = tuple(m for m in MEASURES["roi"] if m not in RATIOS["roi"] and m != "costed_revenue")


def cells_of(answer: dict[str, Any], names: tuple[str, ...]) -> Iterator[tuple[Cell, Any]]:
    """Every cell of a report with its figures."""
    for row in answer["rows"]:
        yield Cell("row", tuple((name, row[name] or "") for name in names)), row
    yield Cell("unattributed"), answer["unattributed"]
    yield Cell("total"), answer["totals"]


def pages(
    desk: ReportDesk, question: Question, report: str, cell: Cell, measure: str
) -> list[dict[str, Any]]:
    found = [desk.cell(question, report, cell, measure, limit=5)]
    while found[-1]["next"]:
        cursor = found[-1]["next"]
        found.append(desk.cell(question, report, cell, measure, limit=5, cursor=cursor))
    return found


def check(
    desk: ReportDesk, question: Question, report: str, cell: Cell, measure: str, shown: Any
) -> None:
    found = pages(desk, question, report, cell, measure)
    items = [item for page in found for item in page["items"]]
    added = sum((exact(item["part"]) for item in items), Decimal(0))
    assert added == exact(shown) == exact(found[0]["number"])
    assert added == exact(found[0]["sum"])
    assert len(items) == found[0]["count"]
    assert sum((exact(page["shown"]) for page in found), Decimal(0)) == added
    for item in items:
        if item["kind"] == "conversion":
            credit = sum((exact(t["credit"]) for t in item["touchpoints"]), Decimal(0))
            assert credit == (0 if item["reason"] else exact(item["part"]))
            assert not item["reason"] or item["part"] == item["whole"]


@law(sqlite=2, postgres=0)
def test_the_parts_of_every_cell_are_its_number(ledger: Ledger, data: st.DataObject) -> None:
    """Of `/v1/roi` and `/v1/attribution`, under any model, grouping and basis; page by page."""
    ledger.send(data.draw(worlds()))
    mart = ledger.rebuilt()
    desk = ReportDesk(mart, ledger.engine, RATE_DAYS, ledger.mart)
    for basis in BASES:
        for names in data.draw(st.lists(st.sampled_from(GROUPINGS), min_size=2, max_size=2)):
            models = parse_models(data.draw(st.sampled_from(MODELS)))
            question = replace(data.draw(questions), basis=basis, group_by=names, models=models)
            for cell, figures in cells_of(desk.roi(question), names):
                for measure in data.draw(st.sets(st.sampled_from(WHOLE), min_size=3, max_size=3)):
                    check(desk, question, "roi", cell, measure, figures[measure])
            for cell, figures in cells_of(desk.attribution(question), names):
                for measure in ("conversions", "value"):
                    check(desk, question, "attribution", cell, measure, figures[measure])
    mart.close()


@law(sqlite=1, postgres=0)
def test_ratios_are_made_of_their_terms(ledger: Ledger, data: st.DataObject) -> None:
    ledger.send(data.draw(worlds()))
    mart = ledger.rebuilt()
    desk = ReportDesk(mart, ledger.engine, RATE_DAYS, ledger.mart)
    for question in data.draw(st.lists(questions, min_size=1, max_size=1)):
        for cell, figures in cells_of(desk.roi(question), question.group_by):
            for measure in RATIOS["roi"]:
                answer = desk.cell(question, "roi", cell, measure)
                assert answer["number"] == figures[measure]
                for term in answer["terms"]:
                    if term["measure"] in figures:
                        assert exact(term["number"]) == exact(figures[term["measure"]])
        for cell, figures in cells_of(desk.attribution(question), question.group_by):
            if cell.kind == "row" and desk.attribution(question)["totals"]["value"]:
                answer = desk.cell(question, "attribution", cell, "share")
                assert answer["number"] == figures["share"]
        with pytest.raises(NotFound, match="total"):
            desk.cell(question, "roi", Cell("row", ((question.group_by[0], "nowhere"),)), "revenue")
    mart.close()
