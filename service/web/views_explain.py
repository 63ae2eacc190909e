"""One number of a report: what it is, how it is made, and everything that it is made of."""

from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from service.kit.errors import NotFound
from service.reports.cell_parts import Cell
from service.reports.question import Question
from service.web import words
from service.web.asking import Asked, filters_of
from service.web.explaining import formula, kind_of, row_words, said_of_parts, title
from service.web.format import Formatter, Number
from service.web.pages import formatter_of, render
from service.web.parts import Report
from service.web.state import State
from service.web.table import Change, change_of
from service.web.why import FRESH, NOT_EXPLAINED, Why
from service.web.words import METRICS, Metric

ITEMS_PER_PAGE = 50
EXPORTED = 1000
TOUCHES_SHOWN = 4
ATTRIBUTED = ("value", "share")
"""Measures that the attribution report has and the ROI report has not."""


def show_explanation(request: Request) -> Response:
    """The number in words, the question it answers, and its parts page by page."""
    asked = Asked.read(request)
    state = asked.state
    cell, name = Cell.parse(state.cell or "total"), state.measure or "revenue"
    names = ("channel", "campaign")
    where = {key: value for key in names if (value := getattr(state, key))}
    groups = {"group_by": ",".join(key for key, _ in cell.labels)} if cell.labels else {}
    question = asked.question(where, **groups)
    answer, exists = explained(asked, question, cell, name, state.cursor or None)
    formatter = formatter_of(request, answer["meta"]["currency"])
    why = Why(state, where, asked.days_before)
    earlier = asked.question_before(where, **groups)
    return render(
        request,
        "explain.html",
        formatter=formatter,
        asked=asked,
        state=state,
        bar=asked.bar(formatter),
        meta=answer["meta"],
        answer=answer,
        exists=exists,
        cell=cell,
        why=why,
        kind=kind_of(name),
        row=row_words(cell, formatter),
        where=where,
        labels=dict(cell.labels),
        crumbs=_crumbs(state, where | dict(cell.labels)),
        title=title(name, cell, where, answer["number"], formatter),
        made=said_of_parts(answer, formatter) if answer["items_are"] else "",
        formula=formula(answer, formatter) if answer["terms"] else [],
        before=_before(asked, earlier, answer, cell, formatter),
        whole=_whole(asked, question, cell, name),
        csv=_csv(asked, where, cell, name, **groups),
        exported=EXPORTED,
        most=TOUCHES_SHOWN,
        journey=lambda key: state.url(f"/journeys/{key}", **FRESH, **NOT_EXPLAINED),
        kind_of=kind_of,
        day=date.fromisoformat,
    )


def _crumbs(state: State, named: dict[str, str]) -> list[tuple[str, str]]:
    """The pages above: (label, address)."""
    clear = NOT_EXPLAINED | {"cursor": ""}
    found = [("Overview", state.url("/", **clear))]
    if channel := named.get("channel"):
        path = f"/channels/{quote(channel, safe='')}"
        found.append((words.channel(channel), state.url(path, **clear)))
        if campaign := named.get("campaign"):
            found.append((campaign, state.url(path, **clear | {"campaign": campaign})))
    return found


def report_of(name: str) -> str:
    """The report that has the measure."""
    return "attribution" if name in ATTRIBUTED else "roi"


def explained(
    asked: Asked, question: Question, cell: Cell, name: str, cursor: str | None, limit: int = 0
) -> tuple[Report, bool]:
    """The explanation, and whether the report has such a row; of a row that it has not: nothing.

    Raises: Refusal.
    """
    desk, report = asked.parts.desk, report_of(name)
    try:
        return desk.cell(question, report, cell, name, limit or ITEMS_PER_PAGE, cursor), True
    except NotFound as missing:
        if missing.code != "no_such_cell":
            raise
    # Nothing happened here in these days; a page shows 0 for it, so its explanation does too.
    total = desk.cell(question, report, Cell("total"), name, 1, None)
    number = None if total["terms"] else 0
    nothing: dict[str, Any] = {"number": number, "sum": number, "shown": number, "count": 0}
    return total | nothing | {"items": [], "terms": [], "next": None}, False


def _before(
    asked: Asked, earlier: Question | None, answer: Report, cell: Cell, formatter: Formatter
) -> tuple[str, Change] | None:
    """The same number in the compared days, and how it moved; None where nothing is compared."""
    name = answer["measure"]
    if earlier is None or any(key in ("day", "week", "month") for key, _ in cell.labels):
        return None
    old, _ = explained(asked, earlier, cell, name, None, 1)
    metric = METRICS.get(name) or Metric(name, words.measure(name), "", kind_of(name))
    moved = change_of(metric, {name: answer["number"]}, {name: old["number"]}, formatter)
    return formatter.full(kind_of(name), old["number"]), moved


def _whole(asked: Asked, question: Question, cell: Cell, name: str) -> Number | None:
    """The same measure of the total; None where the number is no part of one."""
    adds = name in ("value", "conversions") or (name in METRICS and METRICS[name].adds)
    if not adds or cell.kind == "total" or question.filters:
        return None
    number: Number | None = explained(asked, question, Cell("total"), name, None, 1)[0]["number"]
    return number


def _csv(asked: Asked, where: dict[str, str], cell: Cell, name: str, **groups: str) -> str:
    """The address of the parts as CSV."""
    named = {"report": report_of(name), "cell": str(cell), "measure": name, "limit": str(EXPORTED)}
    return f"/v1/explain.csv?{urlencode(asked.params(**groups, **named) | filters_of(where))}"
