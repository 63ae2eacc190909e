"""When this reader was here last, kept in a cookie of the browser."""

from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from service.web.parts import parts_of
from service.web.session import is_https

COOKIE = "throughline_visits"
PAUSE = timedelta(minutes=30)
"""A visit ends after so long without a page, as it does for the visitors of websites."""
_YEAR = 365 * 86_400


def last_visit(request: Request) -> datetime | None:
    """When the visit before this one ended; None on the first one, or where the cookie is not ours."""
    before, seen = _read(request)
    now = parts_of(request).clock()
    return seen if seen is not None and now - seen > PAUSE else before


def note_visit(request: Request, response: Response) -> None:
    """Remember that the reader has seen the numbers now."""
    now = parts_of(request).clock()
    before = last_visit(request)
    text = f"{'' if before is None else int(before.timestamp())}.{int(now.timestamp())}"
    response.set_cookie(
        COOKIE,
        text,
        max_age=_YEAR,
        path="/",
        httponly=True,
        samesite="lax",
        secure=is_https(request),
    )


def _read(request: Request) -> tuple[datetime | None, datetime | None]:
    """The end of the visit before, and the last page of this one; a moment to come is none."""
    texts = request.cookies.get(COOKIE, "").split(".")
    if len(texts) != 2:
        return None, None
    now = parts_of(request).clock()
    before, seen = (
        datetime.fromtimestamp(int(text), UTC)
        if text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= now.timestamp()
        else None
        for text in texts
    )
    return before, seen
