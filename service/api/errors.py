"""Errors as problem+json (RFC 9457): a stable `code`, what is wrong, what to do."""

from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.kit.errors import Refusal, ThroughlineError, Unauthenticated, Unavailable
from service.kit.log import log

MEDIA_TYPE = "application/problem+json"


def problem(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """A problem answer; `more` are extension members such as `field`."""
    body = {
        "type": f"/docs/errors#{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **more,
    }
    return Response(orjson.dumps(body), status, headers=headers, media_type=MEDIA_TYPE)


def problem_of(error: ThroughlineError) -> Response:
    """The answer to one of our own errors."""
    headers = {}
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

    async def ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, ThroughlineError)
        return problem_of(error)

    async def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        detail = {
            404: "There is nothing at this address; /docs lists what there is.",
            405: "This address does not take this method; see the Allow header.",
        }.get(error.status_code, str(error.detail))
        return problem(error.status_code, code, detail, dict(error.headers or {}))

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
    app.add_exception_handler(Exception, unexpected)
