"""Reports over HTTP. Each endpoint: a typed question, one call, an answer in the form asked for."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from service.api import examples
from service.api.asking import (
    LIMIT,
    Asked,
    Described,
    KnownNames,
    limit_of,
    parameters,
    wait_for,
)
from service.api.auth import PeopleReader, Reader
from service.api.examples import conversion as examples_conversion
from service.api.examples.intervals import (
    BROUGHT_CREDIT,
    BROUGHT_RETURNS,
    CREDIT,
    RETURNS,
    may_be_sure,
)
from service.api.examples.lift import BROUGHT, BROUGHT_ROI
from service.api.formats import (
    Rows,
    flat_rows,
    item_rows,
    path_rows,
    readable,
    respond,
    stage_rows,
    tables_of,
)
from service.api.parts import NeedsParts
from service.api.schemas import READING, Schema, described, listing, schema_of, side_by_side
from service.collect.channels import describe_channels
from service.kit.errors import Refusal
from service.ledger.keys import Caller
from service.reports.editions import usual_question
from service.reports.joined import without_values
from service.reports.question import DIMENSIONS, TIMES

router = APIRouter(tags=["reports"])
FILTERS = (*DIMENSIONS, "landing_page")
ConversionId = Annotated[
    str, Path(description="Of `/v1/journeys`.", examples=["won:order:O1"], max_length=500)
]
PersonId = Annotated[
    str,
    Path(description="Of a journey.", examples=["p_57f32671b65e6833"], max_length=500),
]
PAGES: dict[str, Any] = {
    "limit": LIMIT,
    "cursor": ("The `next` of the page before.", "", {"type": "string"}),
}

INTERVALS: Described = (
    "`true`: each row has `interval`, the 95 % intervals of its figures.",
    "true",
    {"type": "string", "enum": ["true", "false"]},
)


def with_intervals(request: Request) -> bool:
    """Whether the answer is to say how sure it is. Raises Refusal."""
    text = request.query_params.get("intervals", "false")
    if text not in ("true", "false"):
        raise Refusal("unknown_value", "intervals", "intervals is one of true, false")
    return text == "true"


def report(
    path: str,
    summary: str,
    example: Any,
    rows: Callable[[dict[str, Any]], Rows],
    filters: tuple[str, ...] = (),
    schema: Schema | None = None,
    common: tuple[str, ...] = (),
    **more: Described,
) -> Callable[..., Any]:
    """Register a report at `path` and at `path.csv`, `.parquet`, `.arrow`.

    Args: rows: of an answer, as a table; filters: dimensions it can be filtered by; common: which
    of the common parameters it takes (default: all); more: its own ones.
    """
    extra = parameters(*common, filters=filters, **more)
    responses = described(example, *READING, 404, s404="not_yet", schema=schema)
    responses[200]["content"] |= tables_of(example, rows)

    def register(endpoint: Callable[..., Any]) -> Callable[..., Any]:
        readable(router, path, summary=summary, openapi_extra=extra, responses=responses)(endpoint)
        readable(router, f"{path}.{{form}}", openapi_extra=extra, include_in_schema=False)(endpoint)
        return endpoint

    return register


@report(
    "/v1/attribution",
    "Who earned the conversions",
    examples.ATTRIBUTION,
    flat_rows,
    FILTERS,
    may_be_sure(
        listing(side_by_side(examples.ATTRIBUTION), incremental=BROUGHT), CREDIT, BROUGHT_CREDIT
    ),
    intervals=INTERVALS,
)
def get_attribution(
    request: Request, caller: Reader, question: Asked, parts: NeedsParts
) -> Response:
    """Conversions and value by row under one model, or several side by side; what no touchpoint
    earned stands in `unattributed` with its reasons. Rows and unattributed add up to `totals`.
    `incremental`: of models with a baseline, what would not have happened without a row."""
    answer = parts.desk.attribution(question, with_intervals(request))
    return respond(request, answer, flat_rows)


@report(
    "/v1/roi",
    "What each channel cost and earned",
    examples.ROI,
    flat_rows,
    FILTERS,
    may_be_sure(
        listing(schema_of(examples.ROI), incremental=BROUGHT_ROI), RETURNS, BROUGHT_RETURNS
    ),
    intervals=INTERVALS,
)
def get_roi(request: Request, caller: Reader, question: Asked, parts: NeedsParts) -> Response:
    """Spend, funnel counts, revenue and their ratios by row, from the union of spend and credit.
    A ratio without a base is null. The first of the models given is used. `incremental`: of a
    model with a baseline, what would not have happened without a row."""
    return respond(request, parts.desk.roi(question, with_intervals(request)), flat_rows)


@report(
    "/v1/trend",
    "Spend, revenue and counts over time",
    examples.TREND,
    flat_rows,
    FILTERS,
    listing(schema_of(examples.TREND), incremental=BROUGHT_ROI),
    every=("How fine the points are.", "day", {"type": "string", "enum": list(TIMES)}),
)
def get_trend(request: Request, caller: Reader, question: Asked, parts: NeedsParts) -> Response:
    """The figures of `/v1/roi` by day, week or month of the period, oldest first; so are the rows of
    `incremental`: of a model with a baseline, what would not have happened."""
    every = request.query_params.get("every", "day")
    if every not in TIMES:
        raise Refusal("unknown_value", "every", f"every is one of {', '.join(TIMES)}")
    answer = parts.desk.trend(question, every)
    return respond(request, answer, flat_rows)


@report(
    "/v1/journeys",
    "Conversions with their journeys",
    examples.JOURNEYS,
    item_rows,
    FILTERS,
    **PAGES,
    search=("Part of an object's id or account, or a person's id.", "", {"type": "string"}),
)
def get_journeys(request: Request, caller: Reader, question: Asked, parts: NeedsParts) -> Response:
    """Conversions of the period, newest first, each with the channels that led to it."""
    query = request.query_params
    answer = parts.desk.journeys(
        question, limit_of(request, 50), query.get("cursor") or None, query.get("search", "")
    )
    return respond(request, answer, item_rows)


@readable(
    router,
    "/v1/journeys/{conversion_id:path}",
    summary="One journey",
    openapi_extra=parameters(
        "currency", "model", "lookback", "scope", "include", "as_of", "min_watermark"
    ),
    responses=described(examples.JOURNEY, *READING, 404, s404="no_such_conversion"),
)
def get_journey(
    request: Request,
    conversion_id: ConversionId,
    caller: Reader,
    question: Asked,
    parts: NeedsParts,
) -> Response:
    """One conversion with its touchpoints and the credit of each under each model. Identifiers are
    shown to keys with scope `people`."""
    answer = parts.desk.journey(conversion_id, question)
    return respond(request, _for(caller, answer), item_rows, "json")


@readable(
    router,
    "/v1/conversions/{conversion_id:path}/explain",
    summary="Why each touchpoint got its credit",
    openapi_extra=parameters(
        "currency", "model", "lookback", "scope", "include", "as_of", "min_watermark"
    ),
    responses=described(
        examples_conversion.EXPLAIN,
        *READING,
        404,
        schema=examples_conversion.schema(),
        s404="no_such_conversion",
    ),
)
def get_explain(
    request: Request,
    conversion_id: ConversionId,
    caller: Reader,
    question: Asked,
    parts: NeedsParts,
) -> Response:
    """The formula of each model with this journey's own numbers (`worked`), down to the facts: who
    told them, under which id, and when they were received."""
    answer = parts.desk.explain(conversion_id, question)
    return respond(request, _for(caller, answer), item_rows, "json")


@report("/v1/paths", "Sequences of channels", examples.PATHS, path_rows, **PAGES)
def get_paths(request: Request, caller: Reader, question: Asked, parts: NeedsParts) -> Response:
    """Conversions by the tuple of channels of their journey, most frequent first."""
    cursor = request.query_params.get("cursor") or None
    answer = parts.desk.paths(question, limit_of(request, 50), cursor)
    return respond(request, answer, path_rows)


@report("/v1/funnel", "From visit to repeat purchase", examples.FUNNEL, stage_rows, FILTERS)
def get_funnel(request: Request, caller: Reader, question: Asked, parts: NeedsParts) -> Response:
    """Stage counts of the period, cohort conversion between stages and the days it takes; rows by
    `group_by` under the first model."""
    return respond(request, parts.desk.funnel(question), stage_rows)


@report("/v1/spend", "Spend lines", examples.SPEND_LINES, item_rows, ("channel",), **PAGES)
def get_spend(request: Request, caller: Reader, question: Asked, parts: NeedsParts) -> Response:
    """Spend of the period as last stated, newest day first."""
    cursor = request.query_params.get("cursor") or None
    answer = parts.desk.spend(question, limit_of(request, 100), cursor)
    return respond(request, answer, item_rows)


@readable(
    router,
    "/v1/models",
    summary="The attribution models",
    responses=described(examples.MODELS, *READING),
)
def get_models(request: Request, caller: Reader, known: KnownNames, parts: NeedsParts) -> Response:
    """Every model with formula, parameters, presets, edge cases and worked examples; the
    published configuration's own presets with its usual model and lookback; and the channels of the
    channel rules."""
    answer = {
        "models": parts.desk.models(),
        "settings": usual_question(parts.desk.editions.current()),
        "channels": describe_channels(),
    }
    return respond(request, answer, item_rows, "json")


@readable(
    router,
    "/v1/people/{person_id}",
    summary="One person",
    openapi_extra=parameters("min_watermark"),
    responses=described(examples.PERSON, *READING, 404, s404="no_such_person"),
)
def get_person(
    request: Request,
    person_id: PersonId,
    caller: PeopleReader,
    known: KnownNames,
    parts: NeedsParts,
) -> Response:
    """A person's identifiers, touchpoints and conversions. Needs scope `people`."""
    wait_for(request.query_params.get("min_watermark"), parts)
    return respond(request, parts.desk.person(person_id), item_rows, "json")


def _for(caller: Caller, answer: dict[str, Any]) -> dict[str, Any]:
    """Without scope `people` the answer holds no identifiers, and of links their kinds only."""
    if caller.may("people"):
        return answer
    shown = {**answer, "identifiers": []}
    if "models" in answer:
        shown["touchpoints"] = without_values(answer["touchpoints"])
    return shown
