"""The addresses of every wire format: one way from a request to facts, whatever the format."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.addresses import Addresses, Handler
from service.api.auth import demand
from service.api.cors import cors, preflight
from service.api.errors import problem_of
from service.api.ingest import body_bytes, sender_of, store
from service.api.parts import Parts, parts_of
from service.api.refused import counted_for
from service.api.schemas import body_of, problems, schema_of
from service.collect.formats import formats
from service.collect.intake import collect_messages
from service.collect.wire import Call, Described, Endpoint, Fixed, Format, Reply
from service.kit.errors import ThroughlineError, Unauthenticated, Unavailable
from service.ledger.append import Receipt

_PUBLIC_KEY = ("The browser's key, which is public.", "pk_WRITE_KEY")
_VARIABLE = re.compile(r"\{(\w+)\}")


def create_senders() -> tuple[Addresses, APIRouter]:
    """The fixed addresses of all formats; and the routes of those that are described or hold
    variables."""
    addresses, router = Addresses(), APIRouter(tags=["collect"])
    for wire in formats().values():
        for endpoint in wire.endpoints:
            _add(addresses, router, wire, endpoint)
    return addresses, router


def head_of(request: Request, parts: Parts) -> Call:
    """The request without its body."""
    return Call(
        method=request.method,
        path=request.url.path,
        query=request.url.query,
        headers=request.headers,
        body=b"",
        received_at=parts.clock(),
        captured=request.path_params,
        address=request.client.host if request.client else "",
        visitors=parts.visitors,
    )


async def call_of(request: Request, parts: Parts, max_bytes: int) -> Call:
    """The request as formats read it. Raises BadRequest."""
    call = head_of(request, parts)
    if request.method == "GET":
        return call
    return replace(call, body=await body_bytes(request, parts, max_bytes))


def response_of(reply: Reply, more_headers: Mapping[str, str]) -> Response:
    headers = {**more_headers, **reply.headers}
    return Response(reply.body, reply.status, headers, reply.media_type)


async def receive(request: Request, wire: Format, endpoint: Endpoint) -> Response:
    """Store the messages of one request, then answer as the format does."""
    parts = parts_of(request)
    headers = cors(request, endpoint.credentials)
    call = head_of(request, parts)
    try:
        call = await call_of(request, parts, endpoint.max_bytes)
        key = endpoint.key(call)
        if key is None:
            raise Unauthenticated("no_key", "Send a key with the request; docs/senders says where.")
        caller = parts.keys.caller(key)
        with counted_for(parts, caller):
            demand(caller, *endpoint.scopes)
            messages = endpoint.messages(call)
        sender = sender_of(caller, parts, request)
        batch = collect_messages(messages, sender, wire, parts.settings.max_event_bytes)
        receipt = await store(parts, batch)
    except ThroughlineError as error:
        parts.refused.add(error.code)
        if endpoint.always:
            return response_of(endpoint.answer(call, Receipt()), headers)
        reply = endpoint.refuse(call, error) if endpoint.refuse else None
        if reply is None:
            return problem_of(error, headers)
        if isinstance(error, Unavailable):
            headers = {**headers, "Retry-After": str(error.retry_after)}
        return response_of(reply, headers)
    return response_of(endpoint.answer(call, receipt), headers)


def _receiver(wire: Format, endpoint: Endpoint) -> Handler:
    async def handle(request: Request) -> Response:
        return await receive(request, wire, endpoint)

    return handle


def _teller(fixed: Fixed) -> Handler:
    async def handle(request: Request) -> Response:
        call = head_of(request, parts_of(request))
        return response_of(fixed.answer(call), cors(request))

    return handle


def _add(addresses: Addresses, router: APIRouter, wire: Format, endpoint: Endpoint | Fixed) -> None:
    """Every path is served with and without a slash at its end; the first is described."""
    handler = _receiver(wire, endpoint) if isinstance(endpoint, Endpoint) else _teller(endpoint)
    for place, path in enumerate(endpoint.paths):
        for address in dict.fromkeys((path, path.rstrip("/") or path, f"{path.rstrip('/')}/")):
            shown = bool(endpoint.summary) and place == 0 and address == path
            fixed = "{" not in address
            for method in endpoint.methods:
                if fixed:
                    addresses.add(address, method, handler)
                if shown or not fixed:
                    router.add_api_route(
                        address,
                        handler,
                        methods=[method],
                        include_in_schema=shown,
                        **(_described(wire, endpoint, method) if shown else {}),
                    )
            if fixed:
                addresses.add(address, "OPTIONS", preflight)
            else:
                router.add_api_route(
                    address, preflight, methods=["OPTIONS"], include_in_schema=False
                )


def _described(wire: Format, endpoint: Described, method: str) -> dict[str, Any]:
    name = re.sub(r"\W+", "_", f"{wire.name}{endpoint.paths[0]}".replace("/v1/", "/")).strip("_")
    methods = [m for e in wire.endpoints if e.paths[0] == endpoint.paths[0] for m in e.methods]
    more: dict[str, Any] = {}
    if endpoint.sends is not None and method != "GET":
        more = body_of(endpoint.sends, *endpoint.sends_as)
    variables = _VARIABLE.findall(endpoint.paths[0])
    parameters = [
        {
            "name": variable,
            "in": "path",
            "required": True,
            "description": description,
            "schema": {"type": "string"},
            "example": example,
        }
        for variable in variables
        for description, example in [endpoint.asks.get(variable, _PUBLIC_KEY)]
    ]
    parameters += [
        {
            "name": asked,
            "in": "query",
            "description": description,
            "schema": {"type": "string"},
            "example": example,
        }
        for asked, (description, example) in endpoint.asks.items()
        if asked not in variables
    ]
    if parameters:
        more["parameters"] = parameters
    return {
        "summary": endpoint.summary,
        "description": f"{wire.title}. Refused messages are quarantined."
        if isinstance(endpoint, Endpoint)
        else f"{wire.title}.",
        "operation_id": name if len(methods) == 1 else f"{name}_{method.lower()}",
        "openapi_extra": more,
        "response_class": Response,
        "responses": _responses(endpoint),
    }


def _responses(endpoint: Described) -> dict[int | str, Any]:
    says = endpoint.says
    good: dict[str, Any] = {"description": "Stored" if endpoint.sends is not None else "The answer"}
    if says is not None:
        plain = endpoint.says_as != "application/json"
        schema = {"type": "string"} if plain else schema_of(says)
        good["content"] = {endpoint.says_as: {"schema": schema, "example": says}}
    answers: dict[int | str, Any] = {endpoint.status: good}
    if isinstance(endpoint, Fixed) or (isinstance(endpoint, Endpoint) and endpoint.always):
        return answers
    for status in endpoint.failures:
        if endpoint.fails is None:
            answers |= problems(status)
        else:
            content = {"schema": schema_of(endpoint.fails), "example": endpoint.fails}
            answers[status] = {
                "description": "Not stored",
                "content": {"application/json": content},
            }
    return answers
