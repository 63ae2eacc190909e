"""Where somebody who was erased could still be found, or come back from."""

from urllib.parse import quote

import pytest

from service.ledger.tasks import NewTask, enqueue
from tests.api.harness import Json, Service, order, page, touch
from tests.api.test_api_erasures import erased

pytestmark = pytest.mark.anyio
MARCH = {"from_": "2026-03-01", "to": "2026-04-01", "model": "linear"}
EMAIL = "ann.canary@example.com"


def held(service: Service, *tables: str) -> str:
    """All that the tables hold, as one text."""
    with service.parts.engine.connect() as connection:
        return repr([connection.exec_driver_sql(f"SELECT * FROM {t}").fetchall() for t in tables])


async def test_a_conflict_in_the_quarantine_names_her_too(fresh: Service) -> None:
    """It rests there as a fact, with its identifiers as they are stored."""
    first = touch({"email": EMAIL, "anonymous_id": "canary-1"}, "2026-03-01T10:00:00Z")
    other = {**first, "occurred_at": "2026-03-02T10:00:00Z"}
    await fresh.tell(first)
    assert (await fresh.post([other])).json()["rejected"][0]["code"] == "conflict"
    assert (await erased(fresh, email=EMAIL))["quarantined"] == 1
    assert "canary" not in held(fresh, "quarantine")


async def test_a_conflict_names_her_by_a_short_id_too(fresh: Service) -> None:
    first = touch({"user_id": "42"}, "2026-03-01T10:00:00Z")
    await fresh.tell(first)
    await fresh.post([{**first, "occurred_at": "2026-03-02T10:00:00Z"}])
    assert (await erased(fresh, user_id="42"))["quarantined"] == 1


async def test_an_address_in_the_id_of_a_fact_goes(fresh: Service) -> None:
    await fresh.tell(
        {**touch({"email": EMAIL}, "2026-03-01T10:00:00Z"), "id": f"signup:{EMAIL.upper()}"},
        {**touch({"email": EMAIL}, "2026-03-01T10:00:00Z"), "id": "zz"},
    )
    await erased(fresh, email=EMAIL)
    facts = held(fresh, "facts").lower()
    assert "ann.canary" not in facts
    assert "'zz'" in facts


async def test_a_refused_address_inside_of_an_address_of_a_page(fresh: Service) -> None:
    await fresh.tell(touch({"email": EMAIL}, "2026-03-01T10:00:00Z"))
    bad = [
        page("c-1", "nonsense", f"https://shop.test/u/{EMAIL}?x=1"),
        page("c-2", "nonsense", f"https://shop.test/?to=mailto:{EMAIL}#top"),
        {"id": f"lead:{EMAIL}", "type": "touch"},
    ]
    await fresh.post(bad)
    assert (await erased(fresh, email=EMAIL))["quarantined"] == 3
    assert "ann.canary" not in held(fresh, "quarantine")


async def test_a_referrer_keeps_its_site(fresh: Service) -> None:
    def visit(n: int, referrer: str) -> Json:
        view = page(f"c-{n}", "2026-03-02T10:00:00Z", "https://shop.test/")
        view["page"]["referrer"] = referrer
        return view

    sites = ("//www.google.com/search?q=x", "x/y/www.bing.com/z", "https://m@www.bing.com/#a", "a")
    for n, site in enumerate(sites):
        await fresh.tell(visit(n, site), order(f"c-{n}", "2026-03-03T10:00:00Z", "10.00"))
    before = (await fresh.ask("/v1/roi", **MARCH))["rows"]
    for n in range(len(sites)):
        await erased(fresh, anonymous_id=f"c-{n}")
    assert (await fresh.ask("/v1/roi", **MARCH))["rows"] == before


async def test_a_text_beside_the_refused_item_names_her(fresh: Service) -> None:
    """A task that failed says so of her; and values may hold what elsewhere ends a word."""
    spaced, short = "GA1.2:canary=7#x", "4711"
    known = {"email": EMAIL, "anonymous_id": spaced, "user_id": short}
    await fresh.tell(touch(known, "2026-03-01T10:00:00Z"))
    engine, now = fresh.parts.engine, fresh.clock.now
    (source,) = [s["id"] for s in (await fresh.ask("/v1/sources"))["items"] if s["name"] == "facts"]
    named = [NewTask("fetch", EMAIL, source, {}), NewTask("fetch", "of nobody", source, {})]
    assert enqueue(engine, named, now) == 2
    bad = {"type": "touch", "occurred_at": "nonsense"}
    await fresh.post(
        [
            {**bad, "id": "q1", "context": {"note": f"it was {spaced}, again"}},
            {**bad, "id": "q2", "note": f"id%3D{quote(spaced)}"},
            {**bad, "id": "q3", "traits": {"userId": short}},
            {**bad, "id": "q4", "traits": {"rows": short}},
        ]
    )
    receipt = await erased(fresh, email=EMAIL)
    assert (receipt["tasks"], receipt["quarantined"]) == (1, 3)
    left = held(fresh, "quarantine", "tasks")
    assert "canary" not in left
    assert "q4" in left
    assert "of nobody" in left
