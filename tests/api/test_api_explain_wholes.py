"""Explanations by models of all journeys, one after the other: what is kept of one serves the next,
and never where the question, the facts or the rules are others."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service.reports.population import PopulationAllocation
from tests.api.harness import Json, Service, order, running, touch
from tests.api.test_api_configuration import draft, publish

pytestmark = pytest.mark.anyio
MARCH = {"from_": "2026-03-01", "to": "2026-04-01"}
MODELS = ("markov", "incremental")


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Service]:
    """Ann buys for 100 after email and search, Bob for 300 after search; Cay and Dan buy nothing."""
    async with running(tmp_path) as service:
        await service.tell(
            touch("ann", "2026-03-01T10:00:00Z", channel="email", campaign="spring"),
            touch("ann", "2026-03-04T22:00:00Z", channel="paid_search"),
            order("ann", "2026-03-08T10:00:00Z", "100.00", id="A1"),
            touch("bob", "2026-03-05T10:00:00Z", channel="paid_search"),
            order("bob", "2026-03-06T10:00:00Z", "300.00", id="B1"),
            touch("cay", "2026-03-05T10:00:00Z", channel="email"),
            touch("dan", "2026-03-12T10:00:00Z", channel="sms"),
        )
        yield service


async def explained(shop: Service, model: str, name: str = "A1", **asked: Any) -> Json:
    """The answer, which is the one of somebody who remembers nothing."""
    where = f"/v1/conversions/won:order:{name}/explain"
    found = await shop.ask(where, model=model, **MARCH | asked)
    shop.parts.desk.forget()
    assert await shop.ask(where, model=model, **MARCH | asked) == found
    return found


async def others(shop: Service, model: str, **asked: Any) -> int:
    (found,) = (await explained(shop, model, **asked))["models"]
    count: int = found["population"]["other_journeys"]
    return count


@pytest.mark.parametrize("model", MODELS)
async def test_one_after_the_other(shop: Service, model: str) -> None:
    for asked in (
        {"group_by": "channel"},
        {"group_by": "campaign"},
        {"group_by": "campaign", "lookback": "5d"},
        {"scope": "account"},
        {"basis": "touch"},
        {"to": "2026-03-10"},
    ):
        await explained(shop, model, **asked)
        await explained(shop, model, "B1", **asked)
    await explained(shop, model, as_of="4")


async def test_all_journeys_are_gone_through_once(
    shop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, fitted = [], PopulationAllocation.fitted

    def counting(allocation: PopulationAllocation, amounts: Any) -> Any:
        asked.append(amounts)
        return fitted(allocation, amounts)

    monkeypatch.setattr(PopulationAllocation, "fitted", counting)
    for name in ("A1", "B1"):
        where = f"/v1/conversions/won:order:{name}/explain"
        await shop.ask(where, model="markov", **MARCH)
    assert len(asked) == 2  # of conversions and of value


async def test_facts_that_come_count_in_the_next(shop: Service) -> None:
    assert await others(shop, "markov", to="2026-03-10") == 1
    assert await others(shop, "markov") == 2
    await shop.tell(touch("eve", "2026-03-12T10:00:00Z", channel="sms"))
    assert await others(shop, "markov") == 3


@pytest.mark.parametrize("model", MODELS)
async def test_rules_that_are_published_hold_in_the_next(shop: Service, model: str) -> None:
    before = await explained(shop, model)
    await draft(shop, exclusions=[{"match": {"channel": "email"}}])
    await publish(shop)
    after = await explained(shop, model)
    assert [len(found["touchpoints"]) for found in (before, after)] == [2, 1]
