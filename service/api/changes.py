"""Why a report changed between two moments, and the facts behind each cause."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.asking import (
    COMMON,
    INCLUDE,
    LIMIT,
    Described,
    KnownNames,
    asked_under,
    limit_of,
    own_parameters,
    wait_for,
    whole_number,
)
from service.api.auth import Reader
from service.api.examples import changes as examples
from service.api.formats import flat_rows, item_rows, readable, respond
from service.api.parts import NeedsParts, Parts
from service.api.reads import FILTERS, report
from service.api.schemas import READING, described
from service.kit.errors import Refusal
from service.reports.changes import CAUSES, MEASURES, facts_page, split
from service.reports.configuration import Edition
from service.reports.moments import AsOf, settings_between
from service.reports.question import Question, as_of_from

router = APIRouter(tags=["reports"])
DEFAULT_AGE = timedelta(days=7)
MOMENT = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "format": "date-time"}]}
MOMENTS: dict[str, Described] = {
    "from_as_of": (
        "The first moment, a watermark or an instant; default: seven days ago.",
        100,
        MOMENT,
    ),
    "to_as_of": ("The second moment; default: now.", 123, MOMENT),
}


@report(
    "/v1/changes",
    "Why a report changed between two moments",
    examples.CHANGES,
    flat_rows,
    FILTERS,
    common=tuple(name for name in COMMON if name != "as_of"),
    report=("Which report.", "roi", {"type": "string", "enum": list(MEASURES)}),
    measure=(
        "Which figure of it; default the first: "
        + "; ".join(f"{name}: {', '.join(known)}" for name, known in MEASURES.items()),
        "revenue",
        {"type": "string"},
    ),
    from_as_of=MOMENTS["from_as_of"],
    to_as_of=MOMENTS["to_as_of"],
)
def get_changes(request: Request, caller: Reader, known: KnownNames, parts: NeedsParts) -> Response:
    """The difference of each row by cause, in a fixed order; the causes add up to the difference
    exactly. What two causes do together belongs to the later of them. Of several models the first
    is used. Model and lookback, where not given, are the usual ones of each moment."""
    name = known.get("report", "roi")
    if name not in MEASURES:
        raise Refusal("unknown_value", "report", f"report is one of {', '.join(MEASURES)}")
    wait_for(known.get("min_watermark"), parts)
    now = parts.clock()

    def asked(edition: Edition) -> Question:
        question = asked_under(edition, known, parts, now)
        return replace(question, models=question.models[:1])

    found = parts.desk.changes(name, *_moments(known, parts), asked)
    return respond(request, split(found, known.get("measure") or MEASURES[name][0]), flat_rows)


@readable(
    router,
    "/v1/changes/facts",
    summary="The facts behind a cause of change",
    openapi_extra=own_parameters(
        **MOMENTS,
        cause=("Which cause.", "late_facts", {"type": "string", "enum": list(CAUSES)}),
        limit=LIMIT,
        cursor=("The `next` of the page before.", "100", {"type": "string"}),
        include=INCLUDE,
    ),
    responses=described(
        examples.FACTS, *READING, 404, s404="not_yet", schema=examples.facts_schema()
    ),
)
def get_changed_facts(
    request: Request, caller: Reader, known: KnownNames, parts: NeedsParts
) -> Response:
    """Facts between two moments that stand for one cause, in the order of their arrival; their
    content is shown to keys with scope `people`. Of `configuration`: the versions written."""
    cause = known.get("cause", "")
    if cause not in CAUSES:
        raise Refusal("unknown_value", "cause", f"cause is one of {', '.join(CAUSES)}")
    wait_for(known.get("min_watermark"), parts)
    with_bots = Question.with_bots_in(known)
    between, causes = parts.desk.changed_facts(*_moments(known, parts), with_bots)
    items: list[dict[str, Any]]
    if cause == "configuration":
        items, following = settings_between(between), None
    else:
        after = whole_number(known.get("cursor") or "0", "cursor", 0, 2**62)
        items, following = facts_page(
            parts.engine, causes, cause, after, limit_of(request, 50), caller.may("people")
        )
    answer = {
        "cause": cause,
        "items": items,
        "next": None if following is None else str(following),
        "from": {"watermark": between.then.watermark},
        "to": {"watermark": between.later.watermark},
    }
    return respond(request, answer, item_rows, "json")


def _moments(known: KnownNames, parts: Parts) -> tuple[AsOf, AsOf | None]:
    since = as_of_from(known.get("from_as_of"), "from_as_of")
    if since is None:
        since = parts.clock() - DEFAULT_AGE
    return since, as_of_from(known.get("to_as_of"), "to_as_of")
