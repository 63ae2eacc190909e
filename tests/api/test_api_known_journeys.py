"""Journeys that a well-known open product answers wrongly, asked for over HTTP.

Each test lives in a year of its own, so that all share one service.
"""

import pytest

from tests.api.harness import Json, Service, by, event, order, page, touch, unique

pytestmark = pytest.mark.anyio
SITE = "https://shop.example/"
GOOGLE = f"{SITE}?utm_source=google&utm_medium=cpc"
NEWSLETTER = f"{SITE}?utm_source=newsletter&utm_medium=email"


async def sources(service: Service, year: int, model: str, **more: str) -> dict[str | None, Json]:
    """What each source earned in a year, where it earned something; nothing may be unattributed."""
    period = {"from_": f"{year}-01-01", "to": f"{year + 1}-01-01", **more}
    answer = await service.ask("/v1/attribution", group_by="source", model=model, **period)
    assert answer["unattributed"]["conversions"] == 0
    return {
        source: {name: row[name] for name in ("conversions", "value")}
        for source, row in by(answer["rows"], "source").items()
        if row["conversions"] or row["value"]
    }


ONE_SALE = {"conversions": 1, "value": 100}


@pytest.mark.parametrize(
    ("year", "internal"),
    [pytest.param(2001, False, id="at_once"), pytest.param(2002, True, id="after_another_page")],
)
async def test_search_then_newsletter_then_purchase(
    service: Service, year: int, internal: bool
) -> None:
    # An internal page view before the purchase made the last touch "direct".
    who = unique("visitor")
    seen = [
        page(who, f"{year}-03-01T10:00:00Z", GOOGLE, referrer="https://www.google.com/"),
        page(who, f"{year}-03-03T10:00:00Z", NEWSLETTER),
    ]
    if internal:
        seen.append(page(who, f"{year}-03-03T10:00:30Z", f"{SITE}basket", referrer=NEWSLETTER))
    await service.tell(*seen, order(who, f"{year}-03-03T10:01:00Z"))
    assert await sources(service, year, "first_touch") == {"google": ONE_SALE}
    assert await sources(service, year, "last_touch") == {"newsletter": ONE_SALE}


async def test_two_purchases_of_one_person(service: Service) -> None:
    # Last touch saw the last purchase only: reddit went without.
    who = unique("visitor")
    await service.tell(
        page(who, "2003-03-01T10:00:00Z", f"{SITE}?utm_source=reddit&utm_medium=social"),
        order(who, "2003-03-01T10:10:00Z"),
        page(who, "2003-03-05T10:00:00Z", f"{SITE}?utm_source=instagram&utm_medium=social"),
        order(who, "2003-03-05T10:10:00Z"),
    )
    assert await sources(service, 2003, "last_touch") == {
        "reddit": ONE_SALE,
        "instagram": ONE_SALE,
    }


async def test_a_visit_over_midnight_of_the_month(service: Service) -> None:
    who = unique("visitor")
    await service.tell(
        page(who, "2004-04-30T23:50:00Z", GOOGLE), order(who, "2004-05-01T00:10:00Z")
    )
    may = {"from_": "2004-05-01", "to": "2004-06-01"}
    answer = await service.ask("/v1/attribution", group_by="source", model="last_touch", **may)
    assert [(row["source"], row["value"]) for row in answer["rows"]] == [("google", 100)]


async def test_anonymous_landing_then_login_and_purchase(service: Service) -> None:
    browser, user = unique("browser"), unique("user")
    await service.tell(
        page(browser, "2005-03-01T10:00:00Z", GOOGLE),
        event("identify", "2005-03-01T10:05:00Z", {"anonymous_id": browser, "user_id": user}),
        order({"user_id": user}, "2005-03-01T10:10:00Z"),
    )
    for model in ("first_touch", "last_touch"):
        assert await sources(service, 2005, model) == {"google": ONE_SALE}


async def test_the_first_touch_lies_a_day_before_the_period(service: Service) -> None:
    # The period of the report was taken for the lookback: the first touch came out as "direct".
    who = unique("visitor")
    await service.tell(
        page(who, "2005-12-31T10:00:00Z", GOOGLE),
        page(who, "2006-01-01T10:00:00Z", NEWSLETTER),
        order(who, "2006-01-02T10:00:00Z"),
    )
    assert await sources(service, 2006, "first_touch") == {"google": ONE_SALE}


async def test_landing_and_purchase_in_the_same_second(service: Service) -> None:
    # Joined by time, the purchase met itself twice.
    who = unique("visitor")
    await service.tell(
        page(who, "2007-03-01T10:00:00Z", GOOGLE), order(who, "2007-03-01T10:00:00Z")
    )
    for model in ("first_touch", "last_touch", "linear"):
        assert await sources(service, 2007, model) == {"google": ONE_SALE}


async def test_landing_and_purchase_delivered_twice(service: Service) -> None:
    who = unique("visitor")
    seen = [page(who, "2008-03-01T10:00:00Z", GOOGLE), order(who, "2008-03-01T10:10:00Z")]
    await service.tell(*seen)
    again = await service.post(seen)
    assert again.status_code == 200
    assert again.json()["duplicates"] == 2
    assert await sources(service, 2008, "last_touch") == {"google": ONE_SALE}


async def test_a_purchase_out_of_nowhere_is_nobodys(service: Service) -> None:
    who = unique("visitor")
    await service.tell(
        order(who, "2009-03-01T10:00:00Z"), touch(who, "2009-03-02T10:00:00Z", "google/cpc")
    )
    year = {"from_": "2009-01-01", "to": "2010-01-01"}
    answer = await service.ask("/v1/attribution", **year)
    assert answer["rows"] == []
    assert answer["unattributed"] == {
        "conversions": 1,
        "value": 100,
        "share": 1.0,
        "reasons": [
            {"reason": "first_touchpoint_after_conversion", "conversions": 1, "value": 100}
        ],
    }
