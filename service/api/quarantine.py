"""The quarantine: what was not taken is looked at, mended, replayed or dismissed."""

from typing import Annotated, Any, TypeVar, cast

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from service.api.asking import LIMIT, KnownNames, limit_of, parameters, whole_number
from service.api.auth import Admin
from service.api.examples import quarantine as examples
from service.api.formats import item_rows, readable, respond
from service.api.ingest import body_bytes
from service.api.parts import NeedsParts, Parts
from service.api.schemas import READING, SENDING, body_of, described, schema_of_model
from service.collect.body import parse_json
from service.collect.intake import storable
from service.collect.refusals import refusal_of
from service.collect.replay import AT_ONCE
from service.kit.errors import Refusal
from service.ledger.quarantine import STATES, State, find_quarantined, list_quarantine

router = APIRouter(tags=["administration"])
ItemId = Annotated[int, Path(ge=1, lt=2**62, description="Of `/v1/quarantine`.", examples=[1])]
Id = Annotated[int, Field(ge=1, lt=2**62)]
Asked = TypeVar("Asked", bound=BaseModel)


class Correction(BaseModel):
    """`message`: what to read in the item's place; without it the item as it was sent."""

    model_config = ConfigDict(extra="forbid", strict=True)

    message: dict[str, Any] | None = None


class Selection(BaseModel):
    """Which items: `ids`, or the open ones of a `source`, of a `code`, of both. Each is mended alike:
    `remove` takes these paths out of its message, then `replace` sets a value at each path. At most
    `limit` of them, from the first above `after`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ids: list[Id] | None = Field(None, min_length=1, max_length=AT_ONCE)
    source: str | None = None
    code: str | None = None
    replace: dict[str, Any] = Field(default_factory=dict, max_length=50)
    remove: list[str] = Field(default_factory=list, max_length=50)
    limit: Annotated[int, Field(ge=1, le=AT_ONCE)] = AT_ONCE
    after: Annotated[int, Field(ge=0, lt=2**62)] = 0


@readable(
    router,
    "/v1/quarantine",
    summary="What was not taken",
    openapi_extra=parameters(
        "min_watermark",
        source=("Name of the source.", "website", {"type": "string"}),
        code=("Code of the refusal.", "conflict", {"type": "string"}),
        state=(
            "`open`: what waits; `ended`: what was replayed or dismissed; `all`.",
            "open",
            {"type": "string", "enum": list(STATES)},
        ),
        limit=LIMIT,
        cursor=("The `next` of the page before.", 1, {"type": "integer", "minimum": 0}),
    ),
    responses=described(examples.QUARANTINE, *READING),
)
def get_quarantine(
    request: Request, caller: Admin, known: KnownNames, parts: NeedsParts
) -> Response:
    """Refused items with reason and content, newest first."""
    before = known.get("cursor")
    state = known.get("state", "open")
    if state not in STATES:
        raise Refusal("unknown_value", "state", f"state is one of {', '.join(STATES)}")
    answer = list_quarantine(
        parts.engine,
        limit_of(request, 50),
        whole_number(before, "cursor", 0, 2**62) if before else None,
        # PostgreSQL takes no NUL, not even to look for one.
        storable(known["source"]) if "source" in known else None,
        storable(known["code"]) if "code" in known else None,
        cast(State, state),
    )
    return respond(request, answer, item_rows, "json")


@readable(
    router,
    "/v1/quarantine/{item_id}",
    summary="One refused item",
    responses=described(examples.QUARANTINE["items"][0], *READING, 404, s404="no_such_item"),
)
def get_quarantined(
    request: Request, item_id: ItemId, caller: Admin, known: KnownNames, parts: NeedsParts
) -> Response:
    """What was sent, why it was not taken, and what became of it since."""
    return respond(request, find_quarantined(parts.engine, item_id), item_rows, "json")


async def correction(request: Request, caller: Admin, parts: NeedsParts) -> Correction:
    # The body is not looked at before it is known who sends it.
    return await _read(request, parts, Correction)


async def selection(request: Request, caller: Admin, parts: NeedsParts) -> Selection:
    asked = await _read(request, parts, Selection)
    if asked.ids is None and asked.source is None and asked.code is None:
        raise Refusal("missing_field", "ids", "say which: `ids`, a `source`, a `code`, or both")
    return asked


async def _read(request: Request, parts: Parts, model: type[Asked]) -> Asked:
    body = await body_bytes(request, parts)
    try:
        return model.model_validate(parse_json(body) if body.strip() else {})
    except ValidationError as error:
        raise refusal_of(error) from None


@router.post(
    "/v1/quarantine/replay",
    summary="Replay many",
    openapi_extra=body_of(
        examples.SELECTION, "application/json", schema=schema_of_model(Selection)
    ),
    responses=described(examples.REPLAYED_MANY, *SENDING, 422),
)
def post_replay_many(
    request: Request, asked: Annotated[Selection, Depends(selection)], parts: NeedsParts
) -> Response:
    """Read items again with today's configuration, oldest first, each mended alike where asked;
    what is still refused stays and is told. `next`, where it is not null: go on `after` it."""
    done = parts.mender.replay_many(
        asked.ids,
        None if asked.source is None else storable(asked.source),
        None if asked.code is None else storable(asked.code),
        asked.replace,
        asked.remove,
        asked.limit,
        asked.after,
    )
    answer = {
        "items": done.items,
        "accepted": done.accepted,
        "duplicates": done.duplicates,
        "refused": done.refused,
        "reasons": done.reasons,
        "watermark": done.watermark,
        "next": done.next,
    }
    return respond(request, answer, item_rows, "json")


@router.post(
    "/v1/quarantine/{item_id}/replay",
    summary="Replay an item",
    openapi_extra=body_of(
        examples.CORRECTION, "application/json", schema=schema_of_model(Correction)
    ),
    responses=described(
        examples.REPLAYED, *SENDING, 404, 409, 422, s404="no_such_item", s409="quarantine_ended"
    ),
)
def post_replay(
    request: Request,
    item_id: ItemId,
    asked: Annotated[Correction, Depends(correction)],
    parts: NeedsParts,
) -> Response:
    """Read the item again, or the message given in its place, as if it had arrived when the item
    did. What cannot be taken is answered 422 and stays; replaying again changes nothing."""
    told = parts.mender.replay(item_id, asked.message)
    return respond(request, told, item_rows, "json")


@router.post(
    "/v1/quarantine/{item_id}/dismiss",
    summary="Dismiss an item",
    responses=described(
        examples.DISMISSED, *READING, 404, 409, s404="no_such_item", s409="quarantine_ended"
    ),
)
def post_dismiss(request: Request, item_id: ItemId, caller: Admin, parts: NeedsParts) -> Response:
    """End the item without taking it: it is counted as dismissed, and may still be replayed."""
    return respond(request, parts.mender.dismiss(item_id), item_rows, "json")
