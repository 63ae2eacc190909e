"""The story that every client tells here, and what must come of it."""

from typing import Any

QUERY = "?utm_source=google&utm_medium=cpc&utm_campaign=spring&gclid=abc"
LANDING = f"https://shop.example.com/{QUERY}"


def check_journey(running: Any, *kinds: str, after_the_page: bool = True) -> None:
    """The order's journey begins with the channel of the anonymous page, ROI has the order, and the
    identifiers are one person's: of these kinds, and no others. Not `after_the_page`: the client
    may have told of the page too late for the journey."""
    journey = running.report("/v1/journeys/won:order:O1")
    assert journey["conversion"]["value"] == 99.5
    found = sorted(i["kind"] for i in journey["identifiers"])
    assert found == sorted(kinds or ("anonymous_id", "email", "user_id"))
    if not after_the_page:
        return
    assert journey["conversion"]["first_channel"] == "paid_search"
    roi = running.ask("/v1/roi", model="first_touch")
    assert [(r["channel"], r["won"], r["revenue"]) for r in roi["rows"]] == [
        ("paid_search", 1, 99.5)
    ]
