"""By scope `account` an account is drawn as one: those of its people who bought, and those who did not."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from service.kit.time import Period
from service.reports.load import load
from service.reports.population_draws import People
from service.reports.question import Question
from service.reports.uncertainty import groups_of
from tests.api.harness import Json, Service, event, order, touch, unique

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
