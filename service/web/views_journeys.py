"""The list of journeys and one journey: every contact before a conversion, and what it earned."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.attribution.models import DEFINITIONS
from service.web import words
from service.web.asking import Asked
from service.web.format import Formatter, exact_sum
from service.web.pages import formatter_of, render

JOURNEYS_PER_PAGE = 50
# Side by side on the page of one journey; the reader's own choice stands first.
COMPARED_MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "position_based",
    "time_decay",
    "u_shaped",
    "w_shaped",
)


@dataclass(frozen=True)
class CreditColumn:
    """One model's credit down the touchpoints, with its exact sum."""

    model: str
    label: str
    texts: list[str]
    shares: list[float]
    total: str
    chosen: bool


def show_journeys(request: Request) -> Response:
    """The conversions of the period, newest first, with what led to each."""
    asked = Asked.read(request)
    state = asked.state
    report = asked.parts.desk.journeys(
        asked.question(), JOURNEYS_PER_PAGE, state.cursor or None, state.search
    )
    formatter = formatter_of(request, report["meta"]["currency"])
    return render(
        request,
        "journeys.html",
        formatter=formatter,
        asked=asked,
        state=state,
        bar=asked.bar(formatter),
        meta=report["meta"],
        journeys=report,
    )


def show_journey(request: Request, conversion_id: str) -> Response:
    """One conversion: timeline, credit under each model, milestones, identity."""
    asked = Asked.read(request)
    models = [asked.state.model, *(m for m in COMPARED_MODELS if m != asked.state.model)]
    question = asked.question(model=",".join(models))
    report = asked.parts.desk.journey(conversion_id, question)
    conversion = report["conversion"]
    formatter = formatter_of(request, conversion["currency"] or report["meta"]["currency"])
    columns = credit_columns(report, str(question.models[0]), formatter)
    return render(
        request,
        "journey.html",
        formatter=formatter,
        asked=asked,
        state=asked.state,
        bar=asked.bar(formatter),
        meta=report["meta"],
        conversion=conversion,
        touchpoints=report["touchpoints"],
        steps=timeline(report, formatter),
        columns=columns,
        of_all_journeys=DEFINITIONS[question.models[0].name].kind == "population",
        milestones=report["milestones"],
        identifiers=report["identifiers"],
        reason=report["unattributed_reason"],
    )


def credit_columns(report: dict[str, Any], chosen: str, formatter: Formatter) -> list[CreditColumn]:
    """Credit per model and touchpoint, as money, or as conversions where there is no value."""
    touchpoints = report["touchpoints"]
    if not touchpoints:
        return []
    value = report["conversion"]["value"]
    field, kind = ("value", "money") if value else ("conversions", "count")
    columns = []
    for model in touchpoints[0]["credit"]:
        numbers = [touchpoint["credit"][model][field] for touchpoint in touchpoints]
        total = exact_sum(numbers)
        columns.append(
            CreditColumn(
                model,
                words.model(model),
                [formatter.full(kind, number) for number in numbers],
                [float(number / float(total)) if total else 0.0 for number in numbers],
                formatter.full(kind, total),
                model == chosen,
            )
        )
    return sorted(columns, key=lambda column: not column.chosen)


def timeline(report: dict[str, Any], formatter: Formatter) -> list[dict[str, Any]]:
    """Touchpoints, lone milestones and the conversion in one order, with the time between them."""
    steps: list[dict[str, Any]] = [
        {"what": "touch", "at": touch["occurred_at"], "touch": touch}
        for touch in report["touchpoints"]
    ]
    steps += [
        {"what": "milestone", "at": mark["occurred_at"], "stage": mark["stage"]}
        for mark in report["milestones"]
        if mark["position"] is None
    ]
    order = {"touch": 0, "milestone": 1}
    steps.sort(key=lambda step: (datetime.fromisoformat(step["at"]), order[step["what"]]))
    steps.append({"what": "conversion", "at": report["conversion"]["occurred_at"]})
    last: datetime | None = None
    for step in steps:
        moment = datetime.fromisoformat(step["at"])
        gap = moment - last if last else timedelta(0)
        step["gap"] = formatter.span(gap) if gap >= timedelta(hours=1) else ""
        last = moment
    return steps
