"""Posting from pages of other sites: what browsers ask and must be told.

Any site may post with its key: the key decides, not the origin. No cookie is ever read there.
"""

from fastapi import Request
from starlette.responses import Response

HEADERS = "authorization, content-type, anonymousid, sentat, x-write-key"
# Where Segment's clients post they are answered by `segment`, errors included.
NATIVE = "/v1/events"


def cors(request: Request) -> dict[str, str]:
    """Headers of an answer that a page of any site may read."""
    return {
        "Access-Control-Allow-Origin": request.headers.get("origin", "*"),
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": request.headers.get(
            "access-control-request-headers", HEADERS
        ),
        "Access-Control-Max-Age": "86400",
        "Vary": "Origin, Access-Control-Request-Headers",
    }


def cors_of(request: Request) -> dict[str, str]:
    """The same where browsers post natively and one does; else nothing."""
    if "origin" in request.headers and request.url.path == NATIVE:
        return cors(request)
    return {}


async def preflight(request: Request) -> Response:
    """The answer to a browser that asks whether it may post."""
    return Response(status_code=204, headers=cors(request))
