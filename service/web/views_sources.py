"""The page of the sources: who sends, how much, how fresh, and what of it was not taken."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.ledger.counting import ENDED
from service.ledger.intake import HOURS, list_sources
from service.web.pages import render
from service.web.parts import parts_of
from service.web.session import session_of


def show_sources(request: Request) -> Response:
    """Every source with its counts, its last day and, where it is fetched, its pull."""
    parts = parts_of(request)
    session = session_of(request)
    sources = [told(source) for source in list_sources(parts.engine, parts.clock())]
    waiting = sum(source["waiting"] for source in sources)
    return render(
        request,
        "sources.html",
        sources=sources,
        waiting=waiting,
        hours=HOURS,
        admin=session is not None and session.admin,
    )


def told(source: dict[str, Any]) -> dict[str, Any]:
    """A source as the page tells of it: what waits in the quarantine, by reason, most first."""
    outcomes = source["outcomes"]
    reasons = sorted(
        ((code, count) for code, count in outcomes.items() if code not in ENDED),
        key=lambda reason: (-reason[1], reason[0]),
    )
    return source | {
        "accepted": outcomes.get("accepted", 0),
        "duplicates": outcomes.get("duplicate", 0),
        "dismissed": outcomes.get("dismissed", 0),
        "reasons": reasons,
        "waiting": sum(count for _, count in reasons),
        "quiet": source["received"] > 0 and not any(source["per_hour"]),
    }
