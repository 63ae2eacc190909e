"""The demo world has a past: its last closed month as it was reported then, and what moved it."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from service import loading
from service.demo import build_world
from service.ledger.read import last_seq, received_by_seq
from tests.api.harness import NOW, Service, by, running

pytestmark = pytest.mark.anyio
CLOSED = "2026-03-01T00:00:00Z"
FEBRUARY = {"from_": "2026-02-01", "to": "2026-03-01", "model": "last_non_direct"}


@pytest.fixture(scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with running(tmp_path_factory.mktemp("past")) as service:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loading, "build_world", lambda until: build_world(until, scale=0.05))
            loading.load_demo(service.parts.engine, service.parts.reader, NOW)
        service.watermark = last_seq(service.parts.engine)
        yield service


async def credited(service: Service, conversion: str, **asked: str) -> dict[str, float]:
    """The channels that earned a conversion, and what."""
    answer = await service.ask(f"/v1/journeys/{conversion}", **FEBRUARY, **asked)
    found: dict[str, float] = {}
    for touchpoint in answer["touchpoints"]:
        earned = touchpoint["credit"]["last_non_direct"]["value"]
        if earned:
            found[touchpoint["channel"]] = found.get(touchpoint["channel"], 0) + earned
    return found


@pytest.mark.parametrize(
    ("conversion", "then", "now"),
    [
        ("won:deal:D-story-discount", {"paid_search": 16800}, {"paid_search": 15600}),
        ("won:order:O-story-returned", {"paid_shopping": 247}, {}),
        ("won:order:O-story-login", {"direct": 247}, {"paid_social": 247}),
        ("won:order:O-story-clicked", {"direct": 247}, {"email": 247}),
    ],
)
async def test_what_was_told_later_moves_the_credit(
    demo: Service, conversion: str, then: dict[str, float], now: dict[str, float]
) -> None:
    assert await credited(demo, conversion, as_of=CLOSED) == then
    assert await credited(demo, conversion) == now


async def test_the_difference_is_told_cause_by_cause(demo: Service) -> None:
    then = await demo.ask("/v1/roi", **FEBRUARY, as_of=CLOSED)
    now = await demo.ask("/v1/roi", **FEBRUARY)
    assert then["meta"]["watermark"] < now["meta"]["watermark"]
    for figure in ("revenue", "spend"):
        asked = {**FEBRUARY, "report": "roi", "measure": figure, "from_as_of": CLOSED}
        causes = (await demo.ask("/v1/changes", **asked))["causes"]
        parts = {cause["cause"]: Decimal(str(cause["difference"])) for cause in causes}
        was, is_now = (Decimal(str(answer["totals"][figure])) for answer in (then, now))
        assert sum(parts.values()) == is_now - was
        moved = {cause for cause, part in parts.items() if part}
        assert moved == ({"deals_changed"} if figure == "revenue" else {"late_facts"})


async def test_a_login_and_a_late_click_move_credit_between_channels(demo: Service) -> None:
    changes = await demo.ask("/v1/changes", report="roi", **FEBRUARY, from_as_of=CLOSED)
    rows = by(changes["rows"], "channel")
    assert rows["paid_social"]["causes"]["identity"] == 247
    assert rows["email"]["causes"]["late_facts"] == 247
    assert rows["direct"]["causes"]["identity"] == rows["direct"]["causes"]["late_facts"] == -247


async def test_a_ledger_of_a_year_has_its_arrivals(demo: Service) -> None:
    engine = demo.parts.engine
    first, last = received_by_seq(engine, 1), received_by_seq(engine, demo.watermark)
    assert first is not None
    assert last is not None
    assert (NOW - first).days >= 364
    assert 0 <= (NOW - last).days < 2
    items = (await demo.ask("/v1/sources"))["items"]
    assert {item["name"] for item in items} >= {"website", "crm", "google_ads", "exchange-rates"}
    assert by(items, "name")["website"]["last_at"] < "2026-03-31"
