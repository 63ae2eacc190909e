"""What has had time to come of what was spent, over HTTP."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.asking import Asked, parameters
from service.api.auth import Reader
from service.api.examples import maturity as examples
from service.api.formats import flat_rows, readable, respond, tables_of
from service.api.parts import NeedsParts
from service.api.reads import FILTERS
from service.api.schemas import READING, described
from service.kit.errors import Refusal
from service.reports.maturity import EVERY

router = APIRouter(tags=["reports"])
_EXTRA = parameters(
    filters=FILTERS,
    every=(
        "How long a cohort is; `period`: all of it is one.",
        "week",
        {"type": "string", "enum": list(EVERY)},
    ),
)
_RESPONSES = described(examples.MATURITY, *READING, 404, s404="not_yet")
_RESPONSES[200]["content"] |= tables_of(examples.MATURITY, flat_rows)


@readable(router, "/v1/maturity.{form}", openapi_extra=_EXTRA, include_in_schema=False)
@readable(
    router,
    "/v1/maturity",
    summary="What is still to come of what was spent",
    openapi_extra=_EXTRA,
    responses=_RESPONSES,
)
def get_maturity(request: Request, caller: Reader, question: Asked, parts: NeedsParts) -> Response:
    """Cohorts by the day, week or month of the touch, or of the whole period: spend, conversions so far, the share that has
    had time to happen, what is expected in the end with its bounds; and how long conversions take,
    by stage and channel."""
    every = request.query_params.get("every", "week")
    if every not in EVERY:
        raise Refusal("unknown_value", "every", f"every is one of {', '.join(EVERY)}")
    return respond(request, parts.desk.maturity(question, every), flat_rows)
