"""The models side by side over HTTP."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.asking import Asked, parameters
from service.api.auth import Reader
from service.api.examples.compare import COMPARE
from service.api.formats import flat_rows, readable, respond, tables_of
from service.api.parts import NeedsParts
from service.api.reads import FILTERS
from service.api.schemas import READING, Schema, described, schema_of
from service.reports.compare import default_models

router = APIRouter(tags=["reports"])


def _schema() -> Schema:
    """Models are named as they were asked for; an interval without a base is null."""
    schema = schema_of(COMPARE)
    row = schema["properties"]["rows"]["items"]["properties"]
    for holder in (row, schema["properties"]["unattributed"]["properties"]):
        one = next(iter(holder["models"]["properties"].values()))
        holder["models"] = {"type": "object", "additionalProperties": one}
    because = row["because"]["properties"]
    for name in ("worst_roi", "best_roi"):
        because[name]["type"] = ["object", "null"]
    pairs = [
        *row["models"]["additionalProperties"]["properties"]["interval"]["properties"].values()
    ]
    pairs += [
        because[n]["properties"]["interval"] for n in ("lowest", "highest", "worst_roi", "best_roi")
    ]
    for pair in pairs:
        pair["type"] = ["array", "null"]
    return schema


_EXTRA = parameters(filters=FILTERS)
_RESPONSES: dict[int | str, Any] = described(
    COMPARE, *READING, 404, s404="not_yet", schema=_schema()
)
_RESPONSES[200]["content"] |= tables_of(COMPARE, flat_rows)


@readable(
    router,
    "/v1/models/compare",
    summary="What the models say, and how sure each is",
    openapi_extra=_EXTRA,
    responses=_RESPONSES,
)
@readable(router, "/v1/models/compare.{form}", openapi_extra=_EXTRA, include_in_schema=False)
def get_compare(request: Request, caller: Reader, question: Asked, parts: NeedsParts) -> Response:
    """Every model's credit by row with its 95 % interval, how far the models disagree, and a
    verdict: `robust`, `depends_on_the_model` or `too_few_conversions`, with the numbers it rests on.
    Without `model`: the usual rule models and all data-driven ones."""
    if not request.query_params.get("model"):
        question = replace(question, models=default_models())
    return respond(request, parts.desk.compare(question), flat_rows)
