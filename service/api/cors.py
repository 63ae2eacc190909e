"""Posting from pages of other sites: what browsers ask and must be told.

Any site may post with its key: the key decides, not the origin. No cookie is ever read there.
"""

from fastapi import Request
from starlette.responses import Response

HEADERS = "authorization, content-type, anonymousid, sentat, x-write-key, x-umami-cache"
# Other formats' clients are answered by `senders`, errors included.
NATIVE = "/v1/events"


def cors(request: Request, credentials: bool = False) -> dict[str, str]:
    """Headers of an answer that a page of any site may read; `credentials`: also one whose client
    insists on sending its cookies, which are not looked at."""
    allowed = {"Access-Control-Allow-Credentials": "true"} if credentials else {}
    return {
        **allowed,
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
    """The answer to a browser that asks whether it may post, with its cookies too: some clients
    send them and would be kept from posting otherwise."""
    return Response(status_code=204, headers=cors(request, request.url.path != NATIVE))
