"""Sources, keys and the quarantine."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from service.api import examples
from service.api.asking import limit_of, whole_number
from service.api.auth import Admin, SourceReader
from service.api.formats import item_rows, respond
from service.api.parts import NeedsParts
from service.kit.time import iso, to_micros
from service.ledger.keys import create_key, list_keys, list_sources, revoke_key
from service.ledger.quarantine import list_quarantine

router = APIRouter(tags=["administration"])


class NewKey(BaseModel):
    """`source` default: a source of the key's own name."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": examples.NEW_KEY_REQUEST}
    )

    name: str
    scopes: list[str]
    source: str | None = None


@router.get(
    "/v1/sources", summary="Senders of facts", responses=examples.described(examples.SOURCES)
)
def get_sources(request: Request, caller: SourceReader, parts: NeedsParts) -> Response:
    """Every source with how many of its items were accepted, duplicates, or refused, by code."""
    items = [_timed(s) for s in list_sources(parts.engine)]
    return respond(request, {"items": items}, item_rows, "json")


@router.get(
    "/v1/quarantine",
    summary="What was not taken",
    openapi_extra={
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": text,
                "schema": {"type": "string"},
                "example": example,
            }
            for name, text, example in (
                ("source", "Name of the source.", "website"),
                ("code", "Code of the refusal.", "conflict"),
                ("limit", "Most items of one page, 1 to 1000.", "50"),
                ("cursor", "The `next` of the page before.", "1"),
            )
        ]
    },
    responses=examples.described(examples.QUARANTINE),
)
def get_quarantine(request: Request, caller: Admin, parts: NeedsParts) -> Response:
    """Refused items with reason and content, newest first."""
    query = request.query_params
    before = query.get("cursor")
    answer = list_quarantine(
        parts.engine,
        limit_of(request, 50),
        None if not before else whole_number(before, "cursor", 0, 2**62),
        query.get("source"),
        query.get("code"),
    )
    return respond(request, answer, item_rows, "json")


@router.get("/v1/keys", summary="Keys", responses=examples.described(examples.KEYS))
def get_keys(request: Request, caller: Admin, parts: NeedsParts) -> Response:
    """Every key without its secret."""
    return respond(
        request, {"items": [_timed(k) for k in list_keys(parts.engine)]}, item_rows, "json"
    )


@router.post(
    "/v1/keys",
    summary="Make a key",
    status_code=201,
    responses=examples.described(examples.NEW_KEY, 201),
)
def post_key(request: Request, body: NewKey, caller: Admin, parts: NeedsParts) -> Response:
    """A new key; it is shown in this answer and never again."""
    secret, _ = create_key(parts.engine, body.name, body.scopes, parts.clock(), body.source)
    key = next(k for k in reversed(list_keys(parts.engine)) if k["hint"].endswith(secret[-4:]))
    answer = respond(request, {"key": secret, **_timed(key)}, item_rows, "json")
    answer.status_code = 201
    return answer


@router.delete(
    "/v1/keys/{key_id}",
    summary="End a key",
    status_code=204,
    responses={
        204: {"description": "Revoked"},
        404: {
            "description": "There is no such key",
            "content": {
                "application/problem+json": {
                    "example": {**examples.PROBLEM, "status": 404, "code": "no_such_key"}
                }
            },
        },
    },
)
def delete_key(key_id: int, caller: Admin, parts: NeedsParts) -> Response:
    """Revoke a key; what it sent stays."""
    revoke_key(parts.engine, key_id, parts.clock())
    parts.keys.forget()
    return Response(status_code=204)


def _timed(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: iso(to_micros(value)) if name.endswith("_at") and value is not None else value
        for name, value in row.items()
    }
