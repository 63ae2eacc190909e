"""The shop: browsing, orders, refunds, further orders, reviews and text-message sales."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.demo.campaigns import BY_KEY, CAMPAIGNS, Campaign
from service.demo.days import DAY, DAYS, Year
from service.demo.goods import Line, basket
from service.demo.people import Census
from service.demo.scene import Known, Scene, at, money
from service.demo.traffic import Traffic

_RETURN_RATE = 0.28
_REPEAT_RATE = 0.36
_REFUND_RATE = 0.045
_PARTIAL_RATE = 0.03
_REVIEW_RATE = 0.08
_SMS_WAVES = 5
_SMS_CLICK_RATE = 0.12
_SMS_ORDER_RATE = 0.3
_RATINGS = {5: 46, 4: 28, 3: 12, 2: 8, 1: 6}
_TEXTS = {
    5: "Works from the first minute.", 4: "Good, the manual could be longer.",
    3: "Does what it should.", 2: "Arrived late.", 1: "Stopped after a week.",
}  # fmt: skip


@dataclass
class Buyer:
    """A customer of the shop; `identifiers` are those that the shop itself knows."""

    person: Known
    user_id: str

    @property
    def identifiers(self) -> dict[str, str]:
        return {"user_id": self.user_id, "email": self.person.email}


class Shop:
    """Plays the year of the shop's visitors and writes the facts of the sender `shop`."""

    def __init__(self, scene: Scene, census: Census, traffic: Traffic) -> None:
        self._scene = scene
        self._census = census
        self._traffic = traffic
        self._rng = scene.rng("shop")
        self._rhythm = scene.rhythm(self._rng)
        self._orders = 0
        self.buyers: list[Buyer] = []

    def run(self) -> None:
        for campaign in CAMPAIGNS:
            visitors = self._scene.count(campaign.shoppers)
            for second in self._rhythm.moments(visitors, "shoppers", campaign.season):
                self._visitor(campaign, second)
        self._text_messages()

    def _visitor(self, campaign: Campaign, second: int) -> None:
        visitor = self._census.visitor()
        buys = self._scene.quotas.take(campaign.order_rate, campaign.key, "order")
        way = campaign
        while self._rng.random() < _RETURN_RATE:
            self._traffic.visit(second, visitor, way, "shoppers")
            second = self._rhythm.later(second, 0, 9, "shoppers")
            way = self._traffic.way_back("buyer")
        if not buys:
            self._traffic.visit(second, visitor, way, "shoppers")
            return
        email = self._census.buyer_email()
        person = Known(email, second, visitor)
        buyer = Buyer(person, f"u-{len(self.buyers) + 1:05d}")
        self.buyers.append(buyer)
        self.buy(second, buyer, way)
        if second // DAY < DAYS:
            self._scene.known.append(person)
        while self._scene.quotas.take(_REPEAT_RATE, "repeat"):
            second = self._rhythm.later(second, 15, 120, "shoppers")
            self.buy(second, buyer, self._traffic.way_back("buyer"))

    def buy(self, second: int, buyer: Buyer, way: Campaign) -> None:
        """A visit that ends with an order, and what may follow it."""
        visitor = buyer.person.visitor
        ending = ("/cart", "/checkout", "/order-confirmed")
        second = self._traffic.visit(second, visitor, way, "shoppers", ending, buyer.user_id)
        known = {"anonymous_id": visitor.anonymous_id, **buyer.identifiers}
        self._scene.book.add("website", second, "identify", known)
        self._orders += 1
        order_id = f"O-{self._orders:05d}"
        lines = basket(self._rng)
        self.order(second + 1, buyer, order_id, "completed", total(lines), lines)
        self._afterwards(second, buyer, order_id, total(lines))

    def order(
        self,
        second: int,
        buyer: Buyer,
        order_id: str,
        status: str,
        cents: int,
        lines: Sequence[Line] = (),
    ) -> None:
        """One order fact; `cents` of a refund is what was paid back, a positive number."""
        body: dict[str, Any] = {"id": order_id, "status": status}
        body |= {"amount": money(cents), "currency": "EUR"}
        if status == "refunded":
            body["refund_id"] = f"{order_id}-back"
        if lines:
            body["items"] = [line.item for line in lines]
        self._scene.book.add("shop", second, "order", buyer.identifiers, order=body)

    def review(self, second: int, buyer: Buyer, rating: int, text: str) -> None:
        """`rating` is 1 to 5 stars."""
        body = {"rating": rating, "text": text}
        self._scene.book.add("shop", second, "review", buyer.identifiers, review=body)

    def _afterwards(self, second: int, buyer: Buyer, order_id: str, cents: int) -> None:
        quotas = self._scene.quotas
        if quotas.take(_REFUND_RATE, "refund"):
            back = self._rhythm.later(second, 4, 20, "shoppers")
            self.order(back, buyer, order_id, "refunded", cents)
        elif quotas.take(_PARTIAL_RATE, "partial refund"):
            back = self._rhythm.later(second, 4, 20, "shoppers")
            self.order(back, buyer, order_id, "refunded", cents * 3 // 10)
        elif self._rng.random() < _REVIEW_RATE:
            rating = self._rng.choices(list(_RATINGS), list(_RATINGS.values()))[0]
            told = self._rhythm.later(second, 6, 30, "shoppers")
            self.review(told, buyer, rating, _TEXTS[rating])

    def _text_messages(self) -> None:
        """A sale by text message, a few times a year, to everybody who has bought before."""
        campaign = BY_KEY["sms"]
        for day in sms_days(self._scene.year):
            for buyer in list(self.buyers):
                if buyer.person.since >= at(day, 9) or self._rng.random() > _SMS_CLICK_RATE:
                    continue
                second = at(day, 10) + self._rng.randrange(0, 9 * 3_600)
                if self._rng.random() < _SMS_ORDER_RATE:
                    self.buy(second, buyer, campaign)
                else:
                    self._traffic.visit(second, buyer.person.visitor, campaign, "shoppers")


def sms_days(year: Year) -> list[int]:
    """The days of the text-message sales: Fridays, evenly over the year."""
    waves = (wave * DAYS // (_SMS_WAVES + 1) for wave in range(1, _SMS_WAVES + 1))
    return [day + 4 - year.date_of(day).weekday() for day in waves]


def total(lines: Sequence[Line]) -> int:
    """Cents of all lines together."""
    return sum(line.cents for line in lines)
