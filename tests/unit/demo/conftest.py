"""One full-size world for all tests of the demo: building it takes more than a second.

`seen` looks at the full world; `told` looks at it and at small worlds that end on awkward dates,
for stories must be there in any of them.
"""

from collections import defaultdict
from datetime import date
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from service.demo import World, build_world
from service.demo.days import Year

Fact = dict[str, Any]
Entry = tuple[Fact, dict[str, str], str]


class Seen:
    """The world's facts by what they are about."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.year = Year(world.until)
        self.events = world.events
        self.lines = [line for lines in world.spend.values() for line in lines]
        self._of: dict[str, list[Fact]] = defaultdict(list)
        self._by: dict[tuple[str, str, str], list[Fact]] = defaultdict(list)
        for fact in self.events:
            self._of[fact["type"]].append(fact)
            for kind, value in fact["identifiers"].items():
                self._by[kind, value, fact["type"]].append(fact)

    def of(self, fact_type: str) -> list[Fact]:
        return self._of[fact_type]

    def by(self, kind: str, value: str, fact_type: str) -> list[Fact]:
        """Facts of a type that carry this identifier."""
        return self._by[kind, value, fact_type]

    def day(self, fact: Fact) -> int:
        """The index of a fact's day in the year."""
        return (date.fromisoformat(fact["occurred_at"][:10]) - self.year.start).days

    def deal(self, deal_id: str) -> list[tuple[str, str]]:
        """Stages and amounts of a deal, oldest first."""
        deals = (fact["deal"] for fact in self.of("deal"))
        return [(deal["stage"], deal["amount"]) for deal in deals if deal["id"] == deal_id]

    def order(self, order_id: str) -> list[tuple[str, str]]:
        """Statuses and amounts of an order, oldest first."""
        orders = (fact["order"] for fact in self.of("order"))
        return [(order["status"], order["amount"]) for order in orders if order["id"] == order_id]

    @cached_property
    def entries(self) -> list[Entry]:
        """Pages that do not come from the own site: fact, query, host of the referrer."""
        found = []
        for fact in self.of("page"):
            page = fact["page"]
            referrer = urlsplit(page.get("referrer", "")).hostname or ""
            if not referrer.endswith("lumenforge.example"):
                query = parse_qs(urlsplit(page["url"]).query)
                found.append((fact, {name: v[0] for name, v in query.items()}, referrer))
        return found

    def campaign(self, *names: str) -> list[Fact]:
        """Landing pages of the campaigns."""
        return [fact for fact, query, _ in self.entries if query.get("utm_campaign") in names]

    def emails_of(self, pages: list[Fact]) -> set[str]:
        """Addresses that became known in the browsers of these pages."""
        browsers = {page["identifiers"]["anonymous_id"] for page in pages}
        known = (fact["identifiers"] for fact in self.of("identify"))
        return {who["email"] for who in known if who["anonymous_id"] in browsers and "email" in who}

    def leads(self, stage: str) -> list[Fact]:
        return [fact for fact in self.of("lead") if fact["lead"]["stage"] == stage]


@pytest.fixture(scope="session")
def world() -> World:
    return build_world(date(2026, 11, 22))


@pytest.fixture(scope="session")
def seen(world: World) -> Seen:
    return Seen(world)


@pytest.fixture(
    scope="session",
    params=[None, date(2026, 1, 1), date(2028, 2, 29), date(2026, 4, 16), date(2026, 8, 3)],
    ids=["full", "new year", "leap day", "spring", "summer"],
)
def told(request: pytest.FixtureRequest) -> Seen:
    if request.param is None:
        full: Seen = request.getfixturevalue("seen")
        return full
    return Seen(build_world(request.param, scale=0.02))
