"""The models side by side: what each says of every channel, how sure it is, and whether it matters."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from service.attribution.models import ModelSpec, parse_model
from service.reports.compare import default_models
from service.reports.verdicts import DEPENDS, ROBUST, TOO_FEW
from service.web import words
from service.web.asking import Asked
from service.web.format import Formatter
from service.web.pages import formatter_of, render
from service.web.views_overview import base_url_of, is_untouched

Report = dict[str, Any]
# What a cell can show: its field, how its number is written, and what it is.
FIGURES = {
    "money": ("value", "money", "Value"),
    "conversions": ("conversions", "count", "Conversions"),
    "share": ("share", "percent", "Share of all"),
    "cpa": ("cpa", "money", "Cost per conversion"),
    "roas": ("roas", "ratio", "ROAS"),
    "roi": ("roi", "percent", "ROI"),
}
VERDICTS = {
    ROBUST: ("Robust", "good"),
    DEPENDS: ("Depends on the model", "bad"),
    TOO_FEW: ("Too few conversions", ""),
}


@dataclass(frozen=True)
class Cell:
    """What one model says of one channel; `between` are the ends of its 95 % interval as text."""

    text: str
    title: str
    between: str
    chosen: bool


@dataclass(frozen=True)
class Line:
    """A channel under every model.

    Attributes:
        tone: good, bad or neither, of the verdict.
        because: the sentence with the numbers that the verdict rests on.
        spread: the lowest and the highest share of all, as text.
    """

    name: str | None
    verdict: str
    tone: str
    because: str
    spread: str
    cells: list[Cell]


def show_compare(request: Request) -> Response:
    """Channels by models, with intervals, disagreement and a verdict."""
    asked = Asked.read(request)
    state = asked.state
    question = asked.question(group_by="channel")
    models = chosen_models(question.models[0], state.columns)
    question = replace(question, models=models)
    report = asked.parts.desk.compare(question)
    if is_untouched(report):
        return render(request, "welcome.html", base_url=base_url_of(request))
    formatter = formatter_of(request, report["meta"]["currency"])
    refused = {said["model"]: said["message"] for said in report["refused"]}
    names = [name for name in map(str, models) if name not in refused]
    figure = state.metric if state.metric in FIGURES else "money"
    query = asked.params(group_by="channel", model=",".join(map(str, models)))
    return render(
        request,
        "compare.html",
        formatter=formatter,
        state=state,
        bar=asked.bar(formatter),
        meta=report["meta"],
        headline=headline(report["rows"]),
        names=names,
        refused={words.model(name): detail for name, detail in refused.items()},
        offered=sorted({*map(str, (*models, *default_models()))}, key=words.model),
        figure=figure,
        figures=FIGURES,
        lines=[line(row, names, figure, formatter) for row in report["rows"]],
        rest=[
            rest(report["unattributed"]["models"][name], figure, formatter, name == names[0])
            for name in names
        ],
        rule=report["rule"],
        uncertainty=report["uncertainty"],
        csv=f"/v1/models/compare.csv?{urlencode(query)}",
    )


def chosen_models(first: ModelSpec, ticked: str) -> tuple[ModelSpec, ...]:
    """The reader's own model first, then those ticked, else those always compared.

    Raises: Refusal: a model that does not exist.
    """
    others = tuple(parse_model(name) for name in ticked.split(",")) if ticked else default_models()
    found = dict.fromkeys((first, *others))
    if len(found) == 1:  # nothing to compare with: what is always compared
        found = dict.fromkeys((first, *default_models()))
    return tuple(found)


def headline(rows: list[Report]) -> str:
    """How many channels look alike whatever the model, in one sentence."""
    if not rows:
        return "Nothing to compare in these days."
    found = Counter(row["verdict"] for row in rows)
    parts = [
        f"{found[verdict]} {text if found[verdict] == 1 else texts}"
        for verdict, text, texts in (
            (ROBUST, "looks alike under every model", "look alike under every model"),
            (DEPENDS, "depends on the model", "depend on the model"),
            (TOO_FEW, "has too few conversions to tell", "have too few conversions to tell"),
        )
        if found[verdict]
    ]
    of = "the one channel" if len(rows) == 1 else f"{len(rows)} channels"
    return f"Of {of}, {', '.join(parts[:-1])}{' and ' if parts[1:] else ''}{parts[-1]}."


def line(row: Report, names: list[str], figure: str, formatter: Formatter) -> Line:
    verdict, tone = VERDICTS[row["verdict"]]
    apart = row["disagreement"]
    low, high = formatter.percent(apart["lowest"], 1), formatter.percent(apart["highest"], 1)
    spread = low if low == high else f"{low} to {high}"
    return Line(
        row["channel"],
        verdict,
        tone,
        because(row["because"], spread, formatter),
        spread,
        [cell(row["models"][name], figure, formatter, name == names[0]) for name in names],
    )


def cell(said: Report, figure: str, formatter: Formatter, chosen: bool) -> Cell:
    field, kind, _ = FIGURES[figure]
    ends = said["interval"][field]
    between = "" if ends is None else " to ".join(_end(kind, end, formatter) for end in ends)
    value = said[field]
    return Cell(formatter.show(kind, value), formatter.full(kind, value), between, chosen)


def rest(said: Report, figure: str, formatter: Formatter, chosen: bool) -> Cell:
    """What no channel earned under a model; costs and returns there are none of."""
    field, kind, _ = FIGURES[figure]
    value = said.get(field)
    return Cell(formatter.show(kind, value), formatter.full(kind, value), "", chosen)


def because(reason: Report, spread: str, formatter: Formatter) -> str:
    """The numbers that a verdict rests on, as a sentence."""
    if reason["reason"] == "few_conversions":
        most = formatter.count(reason["most_conversions"])
        return f"No model credits it with more than {most} conversions."
    if reason["reason"] == "wide_interval":
        width = reason["half_width"]
        if width is None:
            return "No interval can be drawn for it."
        return f"Under every model its conversions may be {formatter.percent(width)} more or fewer."
    if reason["reason"] == "roi_changes_sign":
        worst, best = (_named(reason[end], "roi", formatter) for end in ("worst_roi", "best_roi"))
        return f"ROI is {worst} and {best}."
    if reason["reason"] == "intervals_apart":
        low, high = (_named(reason[end], "share", formatter) for end in ("lowest", "highest"))
        return f"Its share is {low} and {high}: the intervals do not meet."
    return f"Its share is {spread} whatever the model: no two intervals lie materially apart."


def _named(end: Report, field: str, formatter: Formatter) -> str:
    ends = end["interval"]
    between = (
        "" if ends is None else f" ({' to '.join(_end('percent', e, formatter) for e in ends)})"
    )
    return f"{formatter.percent(end[field], 1)}{between} under {words.model(end['model'])}"


def _end(kind: str, value: float | None, formatter: Formatter) -> str:
    """An end of an interval; one that is open, where nothing bounds it."""
    return "no limit" if value is None else formatter.show(kind, value)
