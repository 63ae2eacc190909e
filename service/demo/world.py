"""Puts the demo world together: a year of facts, spend and rates of a made-up company.

The world is a pure function of its arguments: no clock, no network, no global state. The same
arguments give the same bytes, and nothing in it lies at or after `until`.
"""

from dataclasses import dataclass, field
from datetime import date

from service.demo.days import Year
from service.demo.deals import Deals
from service.demo.leads import Leads
from service.demo.mail import Mail
from service.demo.people import Census
from service.demo.scenarios import SCENARIOS, Scenario
from service.demo.scene import Book, Fact, Scene
from service.demo.shop import Shop
from service.demo.spending import SpendLine, exchange_rates, spend_lines
from service.demo.stories import Teller
from service.demo.stories_closing import tell as tell_closing
from service.demo.stories_deals import tell as tell_deals
from service.demo.stories_people import tell as tell_people
from service.demo.traffic import Traffic


@dataclass(frozen=True)
class World:
    """A demo world.

    `sources`: facts of the native event format by sender (`website`, `crm`, `shop`, `email`,
    `calls`), each oldest first with ids unique within the sender.
    `spend`: lines of `POST /v1/spend` by sending account, in the order they were stated; a later
    line with the same key (all members but amount, impressions, clicks and stated_at) restates.
    `rates`: `{date, base, quote, rate}`, US dollar to euro for each of the 365 days.
    """

    until: date
    sources: dict[str, list[Fact]] = field(repr=False)
    spend: dict[str, list[SpendLine]] = field(repr=False)
    rates: list[dict[str, str]] = field(repr=False)
    scenarios: tuple[Scenario, ...] = field(repr=False)

    @property
    def events(self) -> list[Fact]:
        """The facts of all senders, oldest first; ids are unique only within a sender."""
        together = [fact for facts in self.sources.values() for fact in facts]
        return sorted(together, key=lambda fact: str(fact["occurred_at"]))


def build_world(until: date, seed: int = 7, scale: float = 1.0) -> World:
    """The world of the 365 days before `until` (exclusive, UTC).

    At scale 1 it holds about 65,000 facts and 6,000 spend lines; visitors, deals, orders and
    budgets grow with `scale`, the hand-made stories do not. Raises ValueError unless
    0 < scale <= 10.
    """
    if not 0 < scale <= 10:
        raise ValueError("scale must lie above 0 and at most at 10")
    year = Year(until)
    scene = Scene(year, seed, scale, Book(year))
    census = Census(scene.rng("census"))
    traffic = Traffic(scene, scene.rng("traffic"))
    mail = Mail(scene, traffic)
    shop = Shop(scene, census, traffic)
    Leads(scene, census, traffic, mail, Deals(scene, census, traffic)).run()
    shop.run()
    mail.newsletters()
    teller = Teller(scene)
    tell_deals(teller)
    tell_people(teller, shop)
    tell_closing(teller, shop)
    return World(
        until=until,
        sources=scene.book.close(),
        spend=spend_lines(scene),
        rates=exchange_rates(scene),
        scenarios=SCENARIOS,
    )
