"""Conversions back to the ad platforms: destinations, their files, and what was told."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import Response

from service.api.asking import LIMIT, KnownNames, limit_of, parameters, whole_number
from service.api.auth import Admin, PeopleReader
from service.api.examples import exports as examples
from service.api.formats import item_rows, readable, respond
from service.api.ingest import body_bytes
from service.api.parts import NeedsParts, Parts
from service.api.schemas import READING, SENDING, body_of, described, problems, schema_of_model
from service.collect.body import parse_json
from service.collect.refusals import refusal_of
from service.kit.errors import Refusal
from service.outbound.destinations import (
    HIDDEN,
    Destination,
    end_destination,
    find_destination,
    list_destinations,
    make_pull_key,
    pulled_by,
    read_destination,
    save_destination,
)
from service.outbound.outbox import confirm, counts_of, give_out, list_rows, refresh
from service.outbound.platform import platforms
from service.outbound.push import push

router = APIRouter(tags=["conversions"])
Name = Annotated[str, Path(max_length=60, description="Of `/v1/exports`.", examples=["google"])]
FileName = Annotated[
    str, Path(max_length=60, description="A file of the platform.", examples=["conversions"])
]
STATES = (
    "new",
    "sent",
    "accepted",
    "rejected",
    "restated",
    "retracted",
    "withdrawn",
    "unsupported",
)
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The platform's file of everything not confirmed yet",
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": "Google Click ID,…\r\n"},
            "application/json": {"schema": {"type": "object"}, "example": {"data": []}},
        },
    }
}


class Confirmation(BaseModel):
    """What the platform said of the rows that were given out, up to the row `through`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    through: int | None = None
    state: Literal["accepted", "rejected"] = "accepted"
    answer: str = ""


async def asked_destination(request: Request, caller: Admin, parts: NeedsParts) -> Destination:
    # The body is not looked at before it is known who sends it.
    asked = parse_json(await body_bytes(request, parts))
    if not isinstance(asked, dict):
        raise Refusal("not_an_object", "", "a destination is a JSON object with name and platform")
    return read_destination(asked)


async def asked_confirmation(request: Request, caller: Admin, parts: NeedsParts) -> Confirmation:
    asked = parse_json(await body_bytes(request, parts))
    try:
        return Confirmation.model_validate(asked)
    except ValidationError as error:
        raise refusal_of(error) from None


@readable(
    router,
    "/v1/exports",
    summary="Destinations of conversions",
    responses=described(examples.DESTINATIONS, *READING),
)
def get_exports(request: Request, caller: Admin, known: KnownNames, parts: NeedsParts) -> Response:
    """Which platforms are told of conversions, and how many statements are in which state."""
    states = counts_of(parts.engine)
    items = [_shown(d, states.get(d.name, {})) for d in list_destinations(parts.engine)]
    return respond(request, {"items": items}, item_rows, "json")


@router.post(
    "/v1/exports",
    summary="Make or change a destination",
    status_code=201,
    openapi_extra=body_of(
        examples.NEW_DESTINATION, "application/json", schema=schema_of_model(Destination)
    ),
    responses=described(examples.MADE, *SENDING, 422, success=201),
)
def post_export(
    request: Request, asked: Annotated[Destination, Depends(asked_destination)], parts: NeedsParts
) -> Response:
    """The destination, and a new address from which its platform can fetch the file: the address is
    in this answer and never shown again."""
    now = parts.clock()
    save_destination(parts.engine, asked, now, "api")
    address = f"{parts.settings.public_url}/v1/exports/pull/{make_pull_key(parts.engine, asked.name, now)}"
    saved = find_destination(parts.engine, asked.name)
    answer = {"address": address, **_shown(saved, counts_of(parts.engine).get(asked.name, {}))}
    response = respond(request, answer, item_rows, "json")
    response.status_code = 201
    return response


@router.delete(
    "/v1/exports/{name}",
    summary="End a destination",
    status_code=204,
    responses={
        204: {"description": "Ended"},
        **problems(*READING, 404, s404="no_such_destination"),
    },
)
def delete_export(name: Name, caller: Admin, parts: NeedsParts) -> Response:
    """Tell the platform nothing more; what it was told stays in the outbox."""
    end_destination(parts.engine, name, parts.clock(), "api")
    return Response(status_code=204)


@router.get(
    "/v1/exports/{name}/files/{file}",
    summary="A platform's file",
    responses={**FILE, **problems(*READING, 404, s404="no_such_destination")},
)
def get_file(name: Name, file: FileName, caller: PeopleReader, parts: NeedsParts) -> Response:
    """Everything that is not confirmed yet, as the platform reads it. Its rows count as sent from now
    on, and stay in the file until they are confirmed."""
    return _file(parts, find_destination(parts.engine, name), file)


PullKey = Annotated[str, Path(description="The address's key.", examples=["ek_PULL_KEY"])]


@router.get(
    "/v1/exports/pull/{pull_key}",
    summary="A platform fetches its file",
    openapi_extra=parameters(
        file=("Which file; the platform's usual one.", "conversions", {"type": "string"})
    ),
    responses={
        **FILE,
        **problems(401, 403, 404, 422, s401="unknown_key", s404="no_such_destination"),
    },
)
def get_pull(request: Request, pull_key: PullKey, known: KnownNames, parts: NeedsParts) -> Response:
    """The same for platforms that fetch an address by themselves; the key opens this and nothing
    else."""
    name = pulled_by(parts.keys.caller(pull_key))
    destination = find_destination(parts.engine, name)
    return _file(parts, destination, known.get("file") or _files(destination)[0])


@readable(
    router,
    "/v1/exports/{name}/outbox",
    summary="What a platform was told",
    openapi_extra=parameters(
        state=("Rows in this state.", "sent", {"type": "string", "enum": list(STATES)}),
        limit=LIMIT,
        cursor=("The `next` of the page before.", 1, {"type": "integer", "minimum": 0}),
    ),
    responses=described(examples.OUTBOX, *READING, 404, s404="no_such_destination"),
)
def get_outbox(
    request: Request, name: Name, caller: Admin, known: KnownNames, parts: NeedsParts
) -> Response:
    """Statement by statement, newest first, with the platform's answer."""
    find_destination(parts.engine, name)
    state, before = known.get("state"), known.get("cursor")
    if state is not None and state not in STATES:
        raise Refusal("unknown_value", "state", f"a state is one of {', '.join(STATES)}")
    answer = list_rows(
        parts.engine,
        name,
        limit_of(request, 50),
        whole_number(before, "cursor", 0, 2**62) if before else None,
        state,
    )
    return respond(request, answer, item_rows, "json")


@router.post(
    "/v1/exports/{name}/confirm",
    summary="Confirm what a platform took",
    openapi_extra=body_of(
        examples.CONFIRMATION, "application/json", schema=schema_of_model(Confirmation)
    ),
    responses=described(examples.CONFIRMED, *SENDING, 404, 422, s404="no_such_destination"),
)
def post_confirm(
    request: Request,
    name: Name,
    asked: Annotated[Confirmation, Depends(asked_confirmation)],
    parts: NeedsParts,
) -> Response:
    """Rows that were given out leave the file: the platform has taken or refused them."""
    find_destination(parts.engine, name)
    rows = confirm(parts.engine, name, asked.through, asked.state, asked.answer, parts.clock())
    return respond(request, {"rows": rows}, item_rows, "json")


@router.post(
    "/v1/exports/{name}/push",
    summary="Push to a platform now",
    responses=described(examples.PUSHED, *READING, 404, s404="no_such_destination"),
)
def post_push(request: Request, name: Name, caller: Admin, parts: NeedsParts) -> Response:
    """Bring the outbox up to date and, where the platform takes pushes, send what is open."""
    destination, now = find_destination(parts.engine, name), parts.clock()
    currency = parts.settings.currency
    added = refresh(parts.engine, parts.desk, destination, currency, now)
    pushed = push(parts.engine, destination, parts.outbound, now)
    return respond(request, {"added": added, "pushed": pushed}, item_rows, "json")


def _file(parts: Parts, destination: Destination, file: str) -> Response:
    now = parts.clock()
    refresh(parts.engine, parts.desk, destination, parts.settings.currency, now)
    body, media_type, _ = give_out(parts.engine, destination, file, now)
    ending = platforms()[destination.platform].documents[file].ending
    return Response(
        body,
        media_type=media_type,
        headers={
            "Cache-Control": "private, no-store",
            "Content-Disposition": f'attachment; filename="{destination.name}-{file}.{ending}"',
        },
    )


def _files(destination: Destination) -> list[str]:
    return list(platforms()[destination.platform].documents)


def _shown(destination: Destination, states: dict[str, int]) -> dict[str, Any]:
    shown = destination.model_dump()
    shown["access_token"] = HIDDEN if destination.access_token else ""
    return {**shown, "states": states, "files": _files(destination)}
