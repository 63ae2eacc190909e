"""The addresses of the dashboard.

`mount_web(app)` adds the pages, the static files and the page for unknown addresses to an
application whose `state.parts` holds the parts named in `parts.py`.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.kit.errors import BadRequest
from service.web.assets import Assets
from service.web.forms import read_form
from service.web.pages import (
    HEADERS,
    THEME_COOKIE,
    THEMES,
    PageRoute,
    error_page,
    render,
    require_admin,
    require_session,
    wants_page,
)
from service.web.parts import parts_of
from service.web.session import (
    clear_session,
    is_https,
    session_of,
    set_session,
)
from service.web.views_changes import CARD, CHANGES, show_card, show_changes
from service.web.views_compare import show_compare
from service.web.views_configuration import (
    CONFIGURATION,
    discard_draft,
    go_back,
    publish_draft,
    show_configuration,
)
from service.web.views_explain import show_explanation
from service.web.views_incremental import INCREMENTAL, show_incremental
from service.web.views_journeys import show_journey, show_journeys
from service.web.views_overview import show_channel, show_overview
from service.web.views_quarantine import (
    LIST,
    dismiss_item,
    map_status,
    replay_item,
    replay_list,
    show_item,
    show_quarantine,
)
from service.web.views_setup import make_key, show_arrival, show_setup
from service.web.views_sources import show_sources
from service.web.why import EXPLAIN

_YEAR = 365 * 86_400


def create_web() -> APIRouter:
    """The pages, none of them in the OpenAPI description."""
    router = APIRouter(include_in_schema=False, route_class=PageRoute)
    private = APIRouter(
        include_in_schema=False, route_class=PageRoute, dependencies=[Depends(require_session)]
    )
    private.add_api_route("/", show_overview)
    private.add_api_route("/channels/{channel:path}", show_channel)
    private.add_api_route(CHANGES, show_changes)
    private.add_api_route(CARD, show_card)
    private.add_api_route("/compare", show_compare)
    private.add_api_route(INCREMENTAL, show_incremental)
    private.add_api_route("/journeys", show_journeys)
    private.add_api_route("/journeys/{conversion_id:path}", show_journey)
    private.add_api_route(EXPLAIN, show_explanation)
    private.add_api_route(CONFIGURATION, show_configuration)
    private.add_api_route("/sources", show_sources)
    private.add_api_route("/setup", show_setup)
    private.add_api_route("/setup", make_key, methods=["POST"])
    router.add_api_route("/setup/arrival", show_arrival)
    router.add_api_route("/sign-in", ask_to_sign_in)
    router.add_api_route("/sign-in", sign_in, methods=["POST"])
    router.add_api_route("/sign-out", sign_out, methods=["POST"])
    router.add_api_route("/theme", choose_theme, methods=["POST"])
    router.include_router(private)
    router.include_router(_for_admins())
    return router


def _for_admins() -> APIRouter:
    """The pages that change what is kept."""
    router = APIRouter(
        include_in_schema=False, route_class=PageRoute, dependencies=[Depends(require_admin)]
    )
    router.add_api_route(LIST, show_quarantine)
    router.add_api_route(f"{LIST}/replay", replay_list, methods=["POST"])
    router.add_api_route(f"{LIST}/{{item_id:int}}", show_item)
    router.add_api_route(f"{LIST}/{{item_id:int}}/replay", replay_item, methods=["POST"])
    router.add_api_route(f"{LIST}/{{item_id:int}}/dismiss", dismiss_item, methods=["POST"])
    router.add_api_route(f"{LIST}/{{item_id:int}}/stage", map_status, methods=["POST"])
    router.add_api_route(f"{CONFIGURATION}/publish", publish_draft, methods=["POST"])
    router.add_api_route(f"{CONFIGURATION}/discard", discard_draft, methods=["POST"])
    router.add_api_route(f"{CONFIGURATION}/back", go_back, methods=["POST"])
    return router


def mount_web(app: FastAPI) -> None:
    """Add the dashboard to an application; call it after the API has set its error handlers."""
    app.include_router(create_web())
    app.mount("/static", Assets(), name="static")
    answer: Callable[..., Awaitable[Response] | Response] | None
    answer = app.exception_handlers.get(HTTPException)

    async def page_or_problem(request: Request, error: Any) -> Response:
        if answer is None or wants_page(request):
            return error_page(request, error)
        made = answer(request, error)
        return made if isinstance(made, Response) else await made

    app.exception_handlers[HTTPException] = page_or_problem


def ask_to_sign_in(request: Request, token: str = "") -> Response:
    """A button, not a sign-in: programs that preview links open addresses, but press nothing."""
    if session_of(request) is not None and not token:
        return RedirectResponse("/", 303, HEADERS)
    state = "none"
    if token:
        state = "open" if parts_of(request).signin.is_open(token) else "spent"
    status = 200 if state != "spent" else 410
    return render(request, "sign_in.html", status, state_of_link=state, token=token)


async def sign_in(request: Request) -> Response:
    """Spend the link and open a session."""
    form = await read_form(request)
    session = parts_of(request).signin.open(form.get("token", ""))
    if session is None:
        return render(request, "sign_in.html", 410, state_of_link="spent", token="")
    response = RedirectResponse("/", 303, HEADERS)
    set_session(request, response, session)
    return response


async def sign_out(request: Request) -> Response:
    """Close the session everywhere and forget the cookie."""
    await read_form(request)
    session = session_of(request)
    if session is not None:
        parts_of(request).signin.close(session)
    response = RedirectResponse("/sign-in", 303, HEADERS)
    clear_session(request, response)
    return response


async def choose_theme(request: Request) -> Response:
    """Remember light, dark or the system's choice; a cookie, so that no page flashes."""
    form = await read_form(request)
    theme = form.get("theme", "")
    if theme not in THEMES:
        raise BadRequest("unknown_theme", f"The theme is one of {', '.join(THEMES)}.")
    response = RedirectResponse(own_path(form.get("next", "")), 303, HEADERS)
    response.set_cookie(
        THEME_COOKIE, theme, max_age=_YEAR, path="/", samesite="lax", secure=is_https(request)
    )
    return response


def own_path(address: str) -> str:
    """The address when it is a path of this dashboard, else the overview; no way out of here."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    plain = address.startswith("/") and not address.startswith("//") and address.isprintable()
    return address if plain and not parts.scheme and "\\" not in address else "/"
