"""Sources and keys."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import Response

from service.api import examples
from service.api.asking import KnownNames
from service.api.auth import Admin, SourceReader
from service.api.examples import quarantine as examples_quarantine
from service.api.formats import item_rows, readable, respond
from service.api.ingest import body_bytes
from service.api.parts import NeedsParts
from service.api.schemas import (
    READING,
    SENDING,
    body_of,
    described,
    problems,
    schema_of_model,
)
from service.collect.body import parse_json
from service.collect.refusals import refusal_of
from service.kit.time import iso, to_micros
from service.ledger.intake import list_sources
from service.ledger.keys import create_key, list_keys, revoke_key

router = APIRouter(tags=["administration"])


class NewKey(BaseModel):
    """`source` default: a source of the key's own name."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    scopes: list[str]
    source: str | None = None


async def new_key(request: Request, caller: Admin, parts: NeedsParts) -> NewKey:
    """The key asked for. The body is not looked at before it is known who sends it."""
    asked = parse_json(await body_bytes(request, parts))
    try:
        return NewKey.model_validate(asked)
    except ValidationError as error:
        raise refusal_of(error) from None


KeyId = Annotated[int, Path(ge=1, lt=2**31, description="Of `/v1/keys`.", examples=[1])]


@readable(
    router,
    "/v1/sources",
    summary="Senders of facts",
    responses=described(examples_quarantine.SOURCES, *READING),
)
def get_sources(
    request: Request, caller: SourceReader, known: KnownNames, parts: NeedsParts
) -> Response:
    """How every source is doing: what became of its items, by outcome, which add up to `received`;
    robots, spam and visitors who declined among the accepted; items of each of the last 24 hours;
    and how far a scheduled pull has come, where there is one."""
    items = [_timed(s) for s in list_sources(parts.engine, parts.clock())]
    return respond(request, {"items": items}, item_rows, "json")


@readable(router, "/v1/keys", summary="Keys", responses=described(examples.KEYS, *READING))
def get_keys(request: Request, caller: Admin, known: KnownNames, parts: NeedsParts) -> Response:
    """Every key without its secret."""
    return respond(
        request, {"items": [_timed(k) for k in list_keys(parts.engine)]}, item_rows, "json"
    )


@router.post(
    "/v1/keys",
    summary="Make a key",
    status_code=201,
    openapi_extra=body_of(
        examples.NEW_KEY_REQUEST, "application/json", schema=schema_of_model(NewKey)
    ),
    responses=described(examples.NEW_KEY, *SENDING, 422, success=201),
)
def post_key(
    request: Request, asked: Annotated[NewKey, Depends(new_key)], parts: NeedsParts
) -> Response:
    """A new key; it is shown in this answer and never again."""
    secret, made = create_key(parts.engine, asked.name, asked.scopes, parts.clock(), asked.source)
    key = next(k for k in list_keys(parts.engine) if k["id"] == made.id)
    answer = respond(request, {"key": secret, **_timed(key)}, item_rows, "json")
    answer.status_code = 201
    return answer


@router.delete(
    "/v1/keys/{key_id}",
    summary="End a key",
    status_code=204,
    responses={
        204: {"description": "Revoked"},
        **problems(*READING, 404, 409, s404="no_such_key"),
    },
)
def delete_key(key_id: KeyId, caller: Admin, parts: NeedsParts) -> Response:
    """Revoke a key; what it sent stays."""
    revoke_key(parts.engine, key_id, parts.clock())
    parts.keys.forget()
    parts.hooks.forget()
    return Response(status_code=204)


def _timed(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: iso(to_micros(value))
        if isinstance(value, datetime)
        else _timed(value)
        if isinstance(value, dict)
        else value
        for name, value in row.items()
    }
