"""How a page is made: templates, the headers every page carries, and what an error looks like."""

import re
import uuid
from collections.abc import Callable, Coroutine
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

import orjson
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from service.kit.errors import Forbidden, Refusal, ThroughlineError, Unauthenticated, Unavailable
from service.kit.log import log
from service.web import charts, words
from service.web.asking import usual_shown
from service.web.assets import asset
from service.web.format import Formatter
from service.web.parts import parts_of
from service.web.session import session_of
from service.web.state import State, defaults_under

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    # Stricter values make browsers send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "private, no-store",
    "vary": "Cookie",
}
THEMES = ("system", "light", "dark")
THEME_COOKIE = "throughline_theme"


def json_island(data: Any) -> Markup:
    """JSON for a <script type="application/json">; no text in it can end the element."""
    text = orjson.dumps(data).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def web_link(address: str | None) -> str | None:
    """The address when it is a plain http or https one, else None: only such become links."""
    if not address or re.search(r"[\s\x00-\x1f\\]", address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.hostname else None


def moment_field(text: str) -> str:
    """The type of a field that shows a moment of the address: one for local moments shows no other."""
    local = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", text)
    return "datetime-local" if local or not text else "text"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        asset=asset, words=words, charts=charts, json_island=json_island, web_link=web_link
    )
    environment.filters["moment_field"] = moment_field
    environment.filters["segment"] = lambda text: quote(str(text), safe="")
    environment.filters["span"] = lambda days: timedelta(days=float(days))
    return environment


TEMPLATES = _environment()


def formatter_of(request: Request, currency: str | None = None) -> Formatter:
    """The reader's conventions for a report in a currency, else in the reporting currency."""
    settings = parts_of(request).settings
    return Formatter(currency or settings.currency, ZoneInfo(settings.timezone))


def render(
    request: Request,
    template: str,
    code: int = 200,
    formatter: Formatter | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page from a template, with the headers every page carries."""
    theme = request.cookies.get(THEME_COOKIE, "system")
    text = TEMPLATES.get_template(template).render(
        request=request,
        path=request.url.path,
        here=request.url.path + ("?" + request.url.query if request.url.query else ""),
        theme=theme if theme in THEMES else "system",
        session=session_of(request),
        f=formatter or formatter_of(request),
        now=parts_of(request).clock(),
        **values,
    )
    response = HTMLResponse(text, code, HEADERS)
    if "hx-boosted" in request.headers and "state" in values:
        # A form sends every choice; the address keeps only those that are not the default.
        response.headers["hx-push-url"] = values["state"].url(quote(request.url.path))
    return response


def request_id_of(request: Request) -> str:
    """The id under which the log tells about this request."""
    known = getattr(request.state, "request_id", None) or request.headers.get("x-request-id", "")
    return known if re.fullmatch(r"[\w.:-]{1,128}", known) else uuid.uuid4().hex


def error_page(request: Request, error: Exception) -> Response:
    """The page of an error: what is wrong, what to do, and the id to ask about."""
    request_id = request_id_of(request)
    status, heading, detail = _told(error)
    if status == HTTPStatus.UNAUTHORIZED:
        return render(request, "sign_in.html", status, state_of_link="none", token="")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, Unavailable):
        log.error("page_failed", request_id=request_id, path=request.url.path, exc_info=error)
    response = render(
        request,
        "error.html",
        status,
        status=status,
        heading=heading,
        detail=detail,
        request_id=request_id,
    )
    response.headers["x-request-id"] = request_id
    if isinstance(error, Unavailable):
        response.headers["retry-after"] = str(error.retry_after)
    return response


def _told(error: Exception) -> tuple[int, str, str]:
    if isinstance(error, ThroughlineError) and error.status < 500:
        heading = {404: "Not found", 422: "This cannot be shown"}.get(error.status)
        return error.status, heading or HTTPStatus(error.status).phrase, error.detail
    if isinstance(error, Unavailable):
        return (
            error.status,
            "One moment, please",
            "The numbers cannot be read right now. Nothing is lost; try again shortly.",
        )
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.NOT_FOUND:
        return 404, "Not found", "There is no page at this address."
    if isinstance(error, HTTPException):
        return error.status_code, HTTPStatus(error.status_code).phrase, str(error.detail)
    return (
        500,
        "Something went wrong on our side",
        (
            "The page could not be made. No data was changed. If it happens again, pass on the id "
            "below: the log tells under it what went wrong."
        ),
    )


class PageRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            if shorter := _shorter_address(request):
                return RedirectResponse(shorter, 303, HEADERS)
            try:
                return await inner(request)
            except Exception as error:
                return error_page(request, error)

        return handler


def _shorter_address(request: Request) -> str | None:
    """The address of the same page without the choices that are the default.

    A form that the browser sends by itself (no script, or a key pressed while the page is being
    exchanged) names every choice; what stands in the address bar is what readers pass on.
    """
    query = request.query_params
    if request.method != "GET" or "hx-boosted" in request.headers or not query:
        return None
    try:
        usual = usual_shown(parts_of(request), query)
    except Refusal:
        return None  # the page itself says what is wrong
    if not any(query.get(name) == default for name, default in defaults_under(usual).items()):
        return None
    try:
        state = State.read(query, {"columns": query.getlist("columns")}, usual)
    except Refusal:
        return None  # the page itself says what is wrong
    return state.url(quote(request.url.path))


def require_session(request: Request) -> None:
    """Raises Unauthenticated without a dashboard session."""
    if session_of(request) is None:
        raise Unauthenticated("not_signed_in", "Sign in to see this page.")


def require_admin(request: Request) -> None:
    """Raises Unauthenticated without a session, Forbidden without an administrator's."""
    require_session(request)
    session = session_of(request)
    if session is None or not session.admin:
        raise Forbidden(
            "not_an_admin",
            "This shows what senders sent, or changes what is kept: it needs a sign-in link "
            "for administrators. Whoever runs the service makes one: throughline sign-in --admin",
        )


def wants_page(request: Request) -> bool:
    """Whether a browser asks for a page, rather than a program for data."""
    path = request.url.path
    machine = path.startswith(("/v1/", "/static/")) or path in ("/livez", "/readyz", "/metrics")
    return not machine and "text/html" in request.headers.get("accept", "")
