"""Hooks: what their senders post, and how they are made, listed, changed and ended."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from service.api.asking import KnownNames
from service.api.auth import Admin
from service.api.errors import problem_of
from service.api.examples import senders as examples
from service.api.formats import item_rows, readable, respond
from service.api.ingest import body_bytes, store
from service.api.parts import NeedsParts, Parts, parts_of
from service.api.refused import counted_for
from service.api.schemas import (
    READING,
    SENDING,
    body_of,
    described,
    problems,
    schema_of_model,
)
from service.api.senders import call_of, head_of, response_of
from service.collect.body import parse_json
from service.collect.fetching import keep_errands
from service.collect.hooks import (
    Errand,
    address_of,
    hook_formats,
    renewed,
    validated,
    without_secrets,
)
from service.collect.intake import collect_messages
from service.collect.native import Sender
from service.collect.refusals import refusal_of
from service.kit.errors import NotFound, ThroughlineError, Unavailable
from service.kit.time import iso, to_micros
from service.ledger.hooks import Hooked, create_hook, end_hook, find_hook, list_hooks, set_options

router = APIRouter(tags=["administration"])
receivers = APIRouter(tags=["collect"])
HookId = Annotated[int, Path(ge=1, lt=2**31, description="Of `/v1/hooks`.", examples=[1])]


class NewHook(BaseModel):
    """`source`: who sends; `kind`: a wire format with an address of its own; `options` of the kind."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: str
    source: str
    options: dict[str, Any] = {}


class Options(BaseModel):
    """New options, which replace the ones before; `secret: "hidden"` keeps the secret."""

    model_config = ConfigDict(extra="forbid", strict=True)

    options: dict[str, Any]


Asked = TypeVar("Asked", bound=BaseModel)


async def receive(request: Request, hook_key: str, place: str) -> Response:
    """Verify and store what a hook's sender posted, then answer as its format does."""
    parts = parts_of(request)
    hooked = parts.hooks.hooked(hook_key)
    wire = hook_formats().get(hooked.kind)
    if wire is None or wire.place != place or request.method not in wire.methods:
        raise NotFound("wrong_hook", f"This hook is of the kind {hooked.kind}; see docs/senders.")
    call = head_of(request, parts)
    try:
        options = validated(hooked.kind, hooked.options)
        with counted_for(parts, hooked.caller):
            call = await call_of(request, parts, wire.max_bytes)
            call = replace(call, options=options, public_url=parts.settings.public_url)
            wire.verify(call, options)
            messages = wire.messages(call)
        sender = Sender(
            hooked.caller,
            parts.clock(),
            parts.reader,
            options=options,
            currency=parts.settings.currency,
            judge=parts.judge,
        )
        batch = collect_messages(messages, sender, wire, parts.settings.max_event_bytes)
        await _keep_errands(parts, hooked, wire.errands(call) if wire.errands else ())
        receipt = await store(parts, batch)
    except ThroughlineError as error:
        parts.refused.add(error.code)
        reply = wire.refuse(call, error) if wire.refuse else None
        if reply is None:
            return problem_of(error)
        wait = {"Retry-After": str(error.retry_after)} if isinstance(error, Unavailable) else {}
        return response_of(reply, wait)
    return response_of(wire.answer(call, receipt), {})


async def _keep_errands(parts: Parts, hooked: Hooked, errands: Sequence[Errand]) -> None:
    """Keep what there is to be asked for; it is on disk before the request is answered."""
    if not errands:
        return
    try:
        await run_in_threadpool(
            keep_errands, parts.engine, hooked.hook_id, hooked.caller, errands, parts.clock()
        )
    except SQLAlchemyError:
        raise Unavailable(
            "ledger_unavailable", "The ledger cannot be written; send again.", 2
        ) from None
    parts.fetcher.hint()


def parameters_of(query: dict[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """Parameters of a query in the API's description: by name what each means, and an example."""
    return [
        {
            "name": name,
            "in": "query",
            "description": meaning,
            "schema": {"type": "string"},
            "example": example,
        }
        for name, (meaning, example) in query.items()
    ]


HookKey = Annotated[str, Path(description="The hook's key.", examples=["hk_HOOK_KEY"])]


@receivers.post(
    "/v1/webhooks/{hook_key}",
    summary="Receive a webhook",
    operation_id="receive_webhook",
    openapi_extra=body_of(examples.WEBHOOK, "application/json"),
    responses={
        200: {
            "description": "Stored; in the words of the hook's kind",
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": examples.TAKEN}
            },
        },
        **problems(400, 401, 404, 413, 503, s401="unknown_hook", s404="wrong_hook"),
    },
)
@receivers.post("/v1/webhooks/{hook_key}/", include_in_schema=False)
@receivers.get("/v1/webhooks/{hook_key}", include_in_schema=False)
@receivers.get("/v1/webhooks/{hook_key}/", include_in_schema=False)
async def receive_webhook(request: Request, hook_key: HookKey) -> Response:
    """What a CRM or any other system posts to its hook's address, in the format of the hook's kind.
    Changes that cannot be read are quarantined, and the answer is 200 all the same."""
    return await receive(request, hook_key, "webhooks")


_POSTBACK: Any = {
    "summary": "Receive a postback",
    "response_class": PlainTextResponse,
    "responses": {
        200: {
            "description": "Stored, or kept in the quarantine",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": "OK"}},
        },
        **problems(400, 401, 404, 413, 503, s401="unknown_hook", s404="wrong_hook"),
    },
}


@receivers.get(
    "/postback/{hook_key}",
    operation_id="get_postback",
    openapi_extra={"parameters": parameters_of(examples.POSTBACK_QUERY)},
    **_POSTBACK,
)
@receivers.post(
    "/postback/{hook_key}",
    operation_id="post_postback",
    openapi_extra=body_of(examples.POSTBACK, "application/json"),
    **_POSTBACK,
)
@receivers.get("/postback/{hook_key}/", include_in_schema=False)
@receivers.post("/postback/{hook_key}/", include_in_schema=False)
async def receive_postback(request: Request, hook_key: HookKey) -> Response:
    """A network tells of a lead or sale, in the query, a form or JSON. The answer is 200 and text
    also where the postback cannot be read and is quarantined."""
    return await receive(request, hook_key, "postback")


@readable(router, "/v1/hooks", summary="Hooks", responses=described(examples.HOOKS, *READING))
def get_hooks(request: Request, caller: Admin, known: KnownNames, parts: NeedsParts) -> Response:
    """Every hook with its options; secrets are hidden."""
    items = [_shown(hook) for hook in list_hooks(parts.engine)]
    return respond(request, {"items": items}, item_rows, "json")


async def asked_hook(request: Request, caller: Admin, parts: NeedsParts) -> NewHook:
    # The body is not looked at before it is known who sends it.
    return await _read(request, parts, NewHook)


async def asked_options(request: Request, caller: Admin, parts: NeedsParts) -> Options:
    return await _read(request, parts, Options)


async def _read(request: Request, parts: Parts, model: type[Asked]) -> Asked:
    asked = parse_json(await body_bytes(request, parts))
    try:
        return model.model_validate(asked)
    except ValidationError as error:
        raise refusal_of(error) from None


@router.post(
    "/v1/hooks",
    summary="Make a hook",
    status_code=201,
    openapi_extra=body_of(
        examples.NEW_HOOK_REQUEST, "application/json", schema=schema_of_model(NewHook)
    ),
    responses=described(examples.NEW_HOOK, *SENDING, 422, success=201),
)
def post_hook(
    request: Request, asked: Annotated[NewHook, Depends(asked_hook)], parts: NeedsParts
) -> Response:
    """A new hook; its address is in this answer and never shown again."""
    made = renewed(asked.kind, asked.options, {})
    key, hook_id = create_hook(parts.engine, asked.kind, asked.source, made, parts.clock())
    shown = _shown(find_hook(parts.engine, hook_id))
    answer = {"address": address_of(asked.kind, key, parts.settings.public_url), **shown}
    response = respond(request, answer, item_rows, "json")
    response.status_code = 201
    return response


@router.put(
    "/v1/hooks/{hook_id}",
    summary="Change a hook's options",
    openapi_extra=body_of(
        examples.HOOK_OPTIONS, "application/json", schema=schema_of_model(Options)
    ),
    responses=described(examples.HOOKS["items"][0], *SENDING, 404, 422, s404="no_such_hook"),
)
def put_hook(
    request: Request,
    hook_id: HookId,
    asked: Annotated[Options, Depends(asked_options)],
    parts: NeedsParts,
) -> Response:
    """A new version of the options; facts taken before keep what they were taken as."""
    hook = find_hook(parts.engine, hook_id)
    options = renewed(hook["kind"], asked.options, hook["options"])
    set_options(parts.engine, hook_id, options, parts.clock())
    parts.hooks.forget()
    return respond(request, _shown(find_hook(parts.engine, hook_id)), item_rows, "json")


@router.delete(
    "/v1/hooks/{hook_id}",
    summary="End a hook",
    status_code=204,
    responses={204: {"description": "Ended"}, **problems(*READING, 404, 409, s404="no_such_hook")},
)
def delete_hook(hook_id: HookId, caller: Admin, parts: NeedsParts) -> Response:
    """End a hook; what came by it stays."""
    end_hook(parts.engine, hook_id, parts.clock())
    parts.hooks.forget()
    return Response(status_code=204)


def _shown(hook: dict[str, Any]) -> dict[str, Any]:
    shown = {n: v for n, v in hook.items() if n != "key_id"}
    shown["options"] = without_secrets(hook["kind"], hook["options"])
    for name in ("created_at", "revoked_at"):
        shown[name] = iso(to_micros(hook[name])) if hook[name] else None
    return shown
