"""Links that count their clicks: registered by an admin, followed by anybody."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from service.api.asking import KnownNames
from service.api.auth import Admin
from service.api.examples import links as examples
from service.api.formats import item_rows, readable, respond
from service.api.ingest import body_bytes, browser_says, sender_of, store
from service.api.parts import NeedsParts, Parts
from service.api.schemas import READING, SENDING, body_of, described, problems, schema_of_model
from service.api.senders import head_of
from service.collect.body import parse_json
from service.collect.intake import collect
from service.collect.links import (
    CODE,
    Link,
    asked_for,
    click_event,
    destination,
    new_click,
    read_link,
)
from service.collect.native import Sender
from service.kit.errors import ThroughlineError
from service.kit.log import log
from service.ledger.links import create_link, end_link, list_links

router = APIRouter(tags=["administration"])
followed = APIRouter(tags=["collect"])
Code = Annotated[str, Path(description="Of `/v1/links`.", examples=["no-such-poster"])]
NOT_STORED = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
NOWHERE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Unknown link</title>
<h1>This link leads nowhere</h1>
<p>It may have ended, or a letter of it was read wrongly.</p>
</html>
"""


@followed.get(
    "/r/{code}",
    summary="Follow a link",
    status_code=302,
    response_class=Response,
    responses={
        302: {
            "description": "To the registered address",
            "headers": {
                "Location": {"description": "The target.", "schema": {"type": "string"}},
            },
        },
        404: {
            "description": "The code is not registered",
            "content": {"text/html": {"schema": {"type": "string"}, "example": NOWHERE}},
        },
    },
)
async def follow(request: Request, code: Code, parts: NeedsParts) -> Response:
    """Record a click and send its visitor to the registered address, with the link's campaign as
    utm parameters; of the query only click ids, and utm parameters where the link has none, go
    along. An address in the request is never followed."""
    linked = parts.links.linked(code) if CODE.fullmatch(code) else None
    if linked is None:
        return Response(NOWHERE, 404, _plain_page(), "text/html; charset=utf-8")
    link = Link.model_validate({n: v for n, v in linked.options.items() if n != "source_id"})
    call = head_of(request, parts)
    asked, click = asked_for(call.query), new_click(call.received_at)
    ahead = request.headers.get("sec-purpose", "").startswith("prefetch")
    if request.method == "GET" and not ahead:
        # The link speaks as a server does; what its visitor's browser says holds all the same.
        signal = browser_says(request)
        sender = replace(sender_of(linked.caller, parts, request), signal=signal)
        event = click_event(link, call, asked, click)
        if signal == "denied":
            event["context"]["consent"] = signal
        await _keep(parts, event, sender)
    headers = {**NOT_STORED, "Location": destination(link, asked, click)}
    return Response(status_code=302, headers=headers)


followed.head("/r/{code}", include_in_schema=False)(follow)


async def _keep(parts: Parts, event: dict[str, Any], sender: Sender) -> None:
    """A visitor goes on his way also where his click cannot be kept."""
    try:
        await store(parts, collect([event], sender, parts.settings.max_event_bytes))
    except ThroughlineError as error:
        log.error("click_lost", code=error.code, source=sender.caller.source)


def _plain_page() -> dict[str, str]:
    return {
        **NOT_STORED,
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
    }


@readable(router, "/v1/links", summary="Links", responses=described(examples.LINKS, *READING))
def get_links(request: Request, caller: Admin, known: KnownNames, parts: NeedsParts) -> Response:
    """Every link with the address to print or send, and where it leads."""
    items = [_addressed(link, parts) for link in list_links(parts.engine)]
    return respond(request, {"items": items}, item_rows, "json")


async def new_link(request: Request, caller: Admin, parts: NeedsParts) -> tuple[str, Link]:
    # The body is not looked at before it is known who sends it.
    return read_link(parse_json(await body_bytes(request, parts)))


@router.post(
    "/v1/links",
    summary="Register a link",
    status_code=201,
    openapi_extra=body_of(
        examples.NEW_LINK, "application/json", schema=schema_of_model(examples.NewLink)
    ),
    responses=described(
        examples.LINK, *SENDING, 409, 422, success=201, s409="link_exists", s422="bad_target"
    ),
)
def post_link(
    request: Request, asked: Annotated[tuple[str, Link], Depends(new_link)], parts: NeedsParts
) -> Response:
    """A code, made here where none is given, and the address that its clicks are sent to."""
    code, link = asked
    made = create_link(parts.engine, code, link.model_dump(), parts.clock(), "api")
    parts.links.forget()
    answer = respond(request, _addressed(made, parts), item_rows, "json")
    answer.status_code = 201
    return answer


@router.delete(
    "/v1/links/{code}",
    summary="End a link",
    status_code=204,
    responses={204: {"description": "Ended"}, **problems(*READING, 404, s404="no_such_link")},
)
def delete_link(code: Code, caller: Admin, parts: NeedsParts) -> Response:
    """End a link; its clicks stay."""
    end_link(parts.engine, code, parts.clock(), "api")
    parts.links.forget()
    return Response(status_code=204)


def _addressed(link: dict[str, Any], parts: Parts) -> dict[str, Any]:
    return {"address": f"{parts.settings.public_url}/r/{link['code']}", **link}
