"""Errors as problem+json (RFC 9457): a stable `code`, what is wrong, what to do."""

from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from service.api.cors import cors_of
from service.kit.errors import Refusal, ThroughlineError, Unauthenticated, Unavailable
from service.kit.log import log

MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# The phrases of http.HTTPStatus differ between versions of Python; these codes do not.
_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
_DETAILS = {
    404: "There is nothing at this address; /docs lists what there is.",
    405: "This address does not take this method; see the Allow header.",
}


def problem(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """A problem answer; `more` are extension members such as `field`."""
    body = {
        "type": f"urn:throughline:error:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **more,
    }
    return Response(orjson.dumps(body), status, headers=headers, media_type=MEDIA_TYPE)


def problem_of(error: ThroughlineError, more_headers: dict[str, str] | None = None) -> Response:
    """The answer to one of our own errors."""
    headers = dict(more_headers or {})
    more: dict[str, Any] = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="throughline"'
    if isinstance(error, Refusal):
        more["field"] = error.field
    if error.status >= 500:
        log.error("request_failed", code=error.code, detail=error.detail)
    return problem(error.status, error.code, error.detail, headers, **more)


def install_errors(app: FastAPI) -> None:
    """Answer every error of the API in one shape."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, ThroughlineError)
        if "collect" in getattr(request.scope.get("route"), "tags", ()):
            request.app.state.parts.refused.add(error.code)
        return problem_of(error, cors_of(request))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status, headers = error.status_code, dict(error.headers or {})
        if status == 405:
            # A mounted application, of static files, says nothing.
            headers["Allow"] = ", ".join(allowed_methods(request) or ("GET", "HEAD"))
        code, detail = _CODES.get(status, f"http_{status}"), _DETAILS.get(status)
        return problem(status, code, detail or str(error.detail), headers)

    async def down(request: Request, error: Exception) -> Response:
        log.error("ledger_unavailable", error=type(error).__name__)
        return problem_of(
            Unavailable("ledger_unavailable", "The ledger cannot be reached; try again.", 2),
            cors_of(request),
        )

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return problem(422, "invalid_parameter", f"{where}: {first['msg']}", field=where)

    async def unexpected(_: Request, error: Exception) -> Response:
        log.error("request_crashed", error=type(error).__name__, exc_info=error)
        return problem(500, "internal", "Something failed here; it was logged. Try again later.")

    app.add_exception_handler(ThroughlineError, ours)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    for kind in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(kind, down)
    app.add_exception_handler(Exception, unexpected)


def allowed_methods(request: Request) -> list[str]:
    """The methods that the request's address takes: several routes may share it."""
    return [
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]
