"""By scope `account` an account is drawn as one: those of its people who bought, and those who did not."""

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from service.attribution.models import parse_model
from service.kit.time import Period
from service.reports.hazard import IncrementalAllocation
from service.reports.hazard_draws import groups_of_units
from service.reports.load import load
from service.reports.population_draws import People
from service.reports.question import Question
from service.reports.uncertainty import groups_of
from tests.api.harness import Json, Service, deal, event, order, touch, unique

pytestmark = pytest.mark.anyio
MARCH = {"from_": "2026-03-01", "to": "2026-04-01"}


async def tell_companies(service: Service) -> None:
    """Of ten people each, all of the same company: half of them buy."""
    for name, via in (("acme", "google/cpc"), ("bolt", "news/email"), ("coil", "bing/cpc")):
        told: list[Json] = []
        for place in range(10):
            who = unique(name)
            account = {"id": name, "domain": f"{name}.example"}
            told.append(event("group", "2026-03-01T09:00:00Z", who, account=account))
            told.append(touch(who, "2026-03-01T10:00:00Z", via))
            if place % 2:
                told.append(order(who, "2026-03-02T10:00:00Z", "10.00"))
        await service.tell(*told)


@pytest.mark.parametrize("model", ["linear", "markov"])
async def test_an_account_is_drawn_whole(fresh: Service, model: str) -> None:
    """So that its five orders come together or not at all: 0, 5, 10 of them in a draw."""
    await tell_companies(fresh)
    asked = {**MARCH, "model": model, "intervals": "true", "group_by": "source"}
    together = await fresh.ask("/v1/attribution", **asked, scope="account")
    apart = await fresh.ask("/v1/attribution", **asked, scope="person")
    assert len(together["rows"]) == len(apart["rows"]) == 3
    if model == "linear":
        for row in together["rows"]:
            assert [end % 5 for end in row["interval"]["conversions"]] == [0, 0]
    for one, other in zip(together["rows"], apart["rows"], strict=True):
        width, narrow = (
            row["interval"]["conversions"][1] - row["interval"]["conversions"][0]
            for row in (one, other)
        )
        assert width > narrow


async def test_buyers_and_the_others_of_an_account_are_in_one_group(fresh: Service) -> None:
    await tell_companies(fresh)
    await fresh.ask("/v1/roi", **MARCH)
    period = Period.from_dates(date(2026, 3, 1), date(2026, 4, 1), ZoneInfo("UTC"))
    for scope in ("account", "person"):
        question = Question(period, scope=scope)
        with fresh.parts.desk.reading(question) as mart:
            loaded = load(mart, question, ["won"])
            bought = groups_of(mart, loaded, question, ["won"])
            everybody = [n for (n,) in mart.execute("SELECT person_id FROM people").fetchall()]
            found = set(People(mart, scope).groups(everybody).tolist())
        assert set(bought.tolist()) <= found
        assert len(found) == 3 if scope == "account" else len(found) > 20


async def test_the_days_of_whoever_buys_together_are_drawn_with_the_purchase(
    fresh: Service,
) -> None:
    """Ten deals of two people each, whose touches make one history; and ten who bought nothing."""
    told: list[Json] = []
    for place in range(10):
        both = [{"email": f"{name}{place}@example.com"} for name in ("ann", "bob")]
        for who, day in zip(both, (2, 1), strict=True):
            told.append(touch(who, f"2026-03-0{day}T10:00:00Z", "google/cpc"))
        told.append(touch(unique("visitor"), "2026-03-01T10:00:00Z", "google/cpc"))
        told.append(
            deal(both[0], "2026-03-05T10:00:00Z", "won", amount="9.00", currency="EUR",
                 contacts=both)
        )  # fmt: skip
    await fresh.tell(*told)
    await fresh.ask("/v1/roi", **MARCH)
    period = Period.from_dates(date(2026, 3, 1), date(2026, 4, 1), ZoneInfo("UTC"))
    question = Question(period)
    with fresh.parts.desk.reading(question) as mart:
        loaded = load(mart, question, ["won"])
        model = parse_model("incremental:half_life=1h")
        found, _ = IncrementalAllocation(mart, loaded, question, model).fitted(0)
        groups, people = groups_of(mart, loaded, question, ["won"]), People(mart, "person")
        dealt = groups_of_units(found, groups, people)
    assert len(dealt) == 20
    assert dealt[found.unit].tolist() == groups.tolist()
    others = np.setdiff1d(np.arange(20), found.unit)
    assert dealt[others].tolist() == people.groups(found.person[others]).tolist()
    # The one who was touched first would be drawn elsewhere.
    assert dealt[found.unit].tolist() != people.groups(found.person[found.unit]).tolist()
