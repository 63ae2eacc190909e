"""Incremental conversions, and the lift tests that calibrate them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from service.api.asking import Asked, KnownNames
from service.api.auth import Admin, Reader
from service.api.examples import lift as examples
from service.api.formats import Rows, flat, item_rows, readable, respond
from service.api.ingest import body_bytes
from service.api.parts import NeedsParts
from service.api.reads import report
from service.api.reads import router as reports
from service.api.schemas import READING, SENDING, body_of, described, problems, schema_of_model
from service.collect.body import parse_json
from service.reports.incremental import read_spec
from service.reports.lift_tests import (
    LiftTest,
    add_lift_test,
    end_lift_test,
    list_lift_tests,
    read_lift_test,
)

router = APIRouter(tags=["administration"])
TestId = Annotated[str, Path(description="Of `/v1/lift-tests`.", examples=["no-such-test"])]


def incremental_rows(answer: dict[str, Any]) -> Rows:
    """Rows with the baseline last, nested figures as `incremental.value`."""
    dimensions = answer["meta"]["group_by"]
    label = {name: "(baseline)" if i == 0 else None for i, name in enumerate(dimensions)}
    baseline = {n: answer["baseline"][n] for n in ("conversions", "value")}
    rows = [flat({n: v for n, v in row.items() if v is not None}) for row in answer["rows"]]
    return [*rows, {**label, **flat({"incremental": baseline})}]


@report(
    "/v1/incremental",
    "What would not have happened without a channel",
    examples.INCREMENTAL,
    incremental_rows,
    half_life=(
        "Days until half of a touch's effect is gone; without it the likeliest of some.",
        "7d",
        {"type": "string", "pattern": "^(none|[0-9]{1,6}[wdhms])$"},
    ),
    fill=(
        "Per cent of the room left that a further touch fills.",
        50,
        {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
    ),
)
def get_incremental(
    request: Request, caller: Reader, question: Asked, parts: NeedsParts
) -> Response:
    """Conversions that a channel brought, those that would have happened anyway (`baseline`), and
    beside them what the same model attributes; calibrated by the lift tests where there are any.
    Incremental and baseline add up to `totals`, and so do attributed and `unattributed`. `model` and
    `basis` do not apply."""
    query = request.query_params
    spec = read_spec(query.get("half_life"), query.get("fill"))
    return respond(request, parts.desk.incremental(question, spec), incremental_rows)


@readable(
    reports,
    "/v1/lift-tests",
    summary="Lift tests",
    responses=described(examples.LIFT_TESTS, *READING),
)
def get_lift_tests(
    request: Request, caller: Reader, known: KnownNames, parts: NeedsParts
) -> Response:
    """Every lift test that holds."""
    return respond(request, {"items": list_lift_tests(parts.engine)}, item_rows, "json")


async def new_lift_test(request: Request, caller: Admin, parts: NeedsParts) -> tuple[str, LiftTest]:
    # The body is not looked at before it is known who sends it.
    return read_lift_test(parse_json(await body_bytes(request, parts)))


@router.post(
    "/v1/lift-tests",
    summary="State a lift test",
    status_code=201,
    openapi_extra=body_of(
        examples.NEW_LIFT_TEST, "application/json", schema=schema_of_model(examples.NewLiftTest)
    ),
    responses=described(
        examples.LIFT_TEST,
        *SENDING,
        409,
        422,
        success=201,
        s409="lift_test_exists",
        s422="bad_lift_test",
    ),
)
def post_lift_test(
    request: Request,
    asked: Annotated[tuple[str, LiftTest], Depends(new_lift_test)],
    parts: NeedsParts,
) -> Response:
    """What an experiment measured of a channel; it calibrates `/v1/incremental` from now on."""
    made = add_lift_test(parts.engine, *asked, parts.clock(), "api")
    answer = respond(request, made, item_rows, "json")
    answer.status_code = 201
    return answer


@router.delete(
    "/v1/lift-tests/{test_id}",
    summary="Withdraw a lift test",
    status_code=204,
    responses={
        204: {"description": "Withdrawn"},
        **problems(*READING, 404, s404="no_such_lift_test"),
    },
)
def delete_lift_test(test_id: TestId, caller: Admin, parts: NeedsParts) -> Response:
    """A test that no longer holds; answers as of an earlier moment still know it."""
    end_lift_test(parts.engine, test_id, parts.clock(), "api")
    return Response(status_code=204)
