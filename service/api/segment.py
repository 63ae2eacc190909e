"""The Segment HTTP Tracking API: server and browser SDKs, unchanged, pointed at this service.

Whatever was durably judged is answered 200, also where single messages were refused (they are in
the quarantine): clients drop a whole batch on 4xx.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from service.api.auth import demand
from service.api.cors import cors, preflight
from service.api.ingest import sender_of, store
from service.api.parts import parts_of
from service.api.schemas import body_of, described, schema_of
from service.collect.body import parse_json, read_body
from service.collect.segment import read_segment
from service.collect.segment_http import (
    KINDS,
    MAX_BODY_BYTES,
    MAX_MESSAGE_BYTES,
    messages_of,
    settings_body,
    write_key_of,
)
from service.kit.errors import BadRequest, Forbidden, Unauthenticated

router = APIRouter(tags=["collect"])
WriteKey = Annotated[
    str, Path(description="The browser's key, which is public.", examples=["pk_WRITE_KEY"])
]


def failure(request: Request, status: int, code: str, message: str) -> Response:
    """An error as Segment's clients read it."""
    body = {"success": False, "code": code, "message": message}
    return Response(orjson.dumps(body), status, cors(request), "application/json")


async def post_messages(request: Request, kind: str) -> Response:
    """Store the messages of one request. 400 only for what cannot be read at all."""
    parts = parts_of(request)
    try:
        body = parse_json(
            await read_body(
                request.stream(),
                request.headers.get("content-encoding", ""),
                min(MAX_BODY_BYTES, parts.settings.max_body_bytes),
                request.headers.get("content-length"),
            )
        )
        key = write_key_of(request.headers, body)
        if key is None:
            return failure(
                request, 401, "no_key", "Send the write key as the user name of HTTP Basic."
            )
        caller = demand(parts.keys.caller(key), "collect", "facts")
        messages_of(body, kind)  # what makes no sense as a whole is refused as a whole
    except Unauthenticated as error:
        return failure(request, 401, error.code, error.detail)
    except Forbidden as error:
        return failure(request, 403, error.code, error.detail)
    except BadRequest as error:  # too large as well: the protocol knows 400 for both
        return failure(request, 400, error.code, error.detail)
    batch = read_segment(
        body,
        kind,
        sender_of(caller, parts),
        min(parts.settings.max_event_bytes, MAX_MESSAGE_BYTES),
    )
    await store(parts, batch)
    return Response(b'{"success":true}', headers=cors(request), media_type="application/json")


def _poster(kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def post(request: Request) -> Response:
        return await post_messages(request, kind)

    return post


def example_of(kind: str) -> Any:
    """A message of the Segment API, or a batch of one."""
    page = {"url": "https://example.com/?utm_source=google&utm_medium=cpc"}
    message: dict[str, Any] = {
        "messageId": "m-1",
        "anonymousId": "a-1",
        "timestamp": "2026-03-01T10:00:00Z",
    }
    more: dict[str, dict[str, Any]] = {
        "identify": {"userId": "u-1", "traits": {"email": "ann@example.com"}},
        "track": {
            "userId": "u-1",
            "event": "Order Completed",
            "properties": {"order_id": "O1", "revenue": 80, "currency": "EUR"},
        },
        "page": {"properties": page},
        "screen": {"name": "Home"},
        "group": {"userId": "u-1", "groupId": "acme", "traits": {"domain": "acme.com"}},
        "alias": {"previousId": "a-1", "userId": "u-1"},
    }
    if kind in more:
        return {**message, **more[kind]}
    return {
        "batch": [{"type": "page", **message, "properties": page}],
        "sentAt": "2026-03-01T10:00:01Z",
    }


def responses() -> dict[int | str, dict[str, Any]]:
    failed = {"success": False, "code": "unknown_key", "message": "This key is not known."}
    answers = {200: {"success": True}, 400: failed, 401: failed, 403: failed}
    return {
        status: {
            "description": "Stored" if status == 200 else "Not stored",
            "content": {"application/json": {"schema": schema_of(body), "example": body}},
        }
        for status, body in answers.items()
    }


for _kind in KINDS:
    for _path in (f"/v1/{_kind}", f"/v1/{_kind}/"):
        _shown: dict[str, Any] = {"include_in_schema": len(_kind) > 1 and not _path.endswith("/")}
        router.add_api_route(
            _path,
            _poster(_kind),
            methods=["POST"],
            summary=f"Segment: {_kind}",
            description="The Segment HTTP Tracking API; the write key is a key with scope `collect` "
            "or `facts`. Refused messages are quarantined.",
            openapi_extra=body_of(example_of(_kind), "application/json"),
            responses=responses(),
            operation_id=f"segment_{_kind}",
            **_shown,
        )
        router.add_api_route(_path, preflight, methods=["OPTIONS"], include_in_schema=False)


@router.get(
    "/v1/projects/{write_key}/settings",
    summary="Segment: settings of the browser client",
    responses=described(settings_body("WRITE_KEY")),
)
async def get_settings(request: Request, write_key: WriteKey) -> Response:
    """What the browser client fetches before it sends; holds nothing secret."""
    body = orjson.dumps(settings_body(write_key))
    return Response(body, headers=cors(request), media_type="application/json")


@router.options("/v1/projects/{write_key}/settings", include_in_schema=False)
async def settings_preflight(request: Request, write_key: str) -> Response:
    return await preflight(request)
