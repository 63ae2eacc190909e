"""Erasing a person, and the receipts of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from service.api.asking import LIMIT, KnownNames, limit_of, own_parameters, whole_number
from service.api.auth import Admin
from service.api.examples import erasures as examples
from service.api.formats import item_rows, readable, respond
from service.api.ingest import body_bytes
from service.api.parts import NeedsParts
from service.api.schemas import READING, SENDING, body_of, described, schema_of_model
from service.collect.body import parse_json
from service.collect.refusals import refusal_of
from service.ledger.erasure import erase, list_erasures
from service.reports.erasure import person_to_erase

router = APIRouter(tags=["administration"])


class NewErasure(BaseModel):
    """The person, by `identifiers` as in an event; one is enough."""

    model_config = ConfigDict(extra="forbid", strict=True)

    identifiers: dict[str, Any] = Field(min_length=1, max_length=20)


async def new_erasure(request: Request, caller: Admin, parts: NeedsParts) -> tuple[Any, str]:
    """Who is to be erased, and who says so. The body is not looked at before the latter is known."""
    asked = parse_json(await body_bytes(request, parts))
    try:
        return NewErasure.model_validate(asked).identifiers, caller.source
    except ValidationError as error:
        raise refusal_of(error) from None


@router.post(
    "/v1/erasures",
    summary="Erase a person",
    status_code=201,
    openapi_extra=body_of(
        examples.NEW_ERASURE, "application/json", schema=schema_of_model(NewErasure)
    ),
    responses=described(examples.ERASURE, *SENDING, 422, success=201, s422="bad_identifier"),
)
def post_erasure(
    request: Request,
    asked: Annotated[tuple[Any, str], Depends(new_erasure)],
    parts: NeedsParts,
) -> Response:
    """Take a person, with everything that his identifiers are linked to, out of the ledger; answers
    when it is done. Facts stay and name nobody, so no report changes; facts of before are not taken
    in again."""
    identifiers, author = asked
    person = person_to_erase(parts.mart, parts.reader, identifiers)
    receipt = erase(parts.engine, person, parts.clock(), author)
    parts.desk.include(receipt["seq"])
    answer = respond(request, receipt, item_rows, "json")
    answer.status_code = 201
    return answer


@readable(
    router,
    "/v1/erasures",
    summary="Erasures",
    openapi_extra=own_parameters(
        limit=LIMIT, cursor=("The `next` of the page before.", "10", {"type": "string"})
    ),
    responses=described(examples.ERASURES, *READING, 422),
)
def get_erasures(request: Request, caller: Admin, known: KnownNames, parts: NeedsParts) -> Response:
    """The receipt of every erasure, the newest first."""
    cursor = known.get("cursor")
    before = None if cursor is None else whole_number(cursor, "cursor", 0, 2**31 - 1)
    items, following = list_erasures(parts.engine, limit_of(request, 50), before)
    answer = {"items": items, "next": None if following is None else str(following)}
    return respond(request, answer, item_rows, "json")
