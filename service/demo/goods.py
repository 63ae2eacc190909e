"""What Lumenforge sells: lines of projects for companies, and the shelf of the shop.

The `amount` of a line is the total of the line, so that the lines add up to the deal or order.
"""

import random
from dataclasses import dataclass

from service.demo.scene import money

# SKU, name, and the range of the unit cost as a percentage of the price.
_SYSTEMS = (
    ("LF-CTRL", "Lighting controller set", (46, 56)),
    ("LF-PANEL", "High bay panels", (52, 62)),
    ("LF-GATE", "Gateway and licences", (18, 30)),
)
# Subcontracted commissioning is invoiced months later: until then its cost is not known.
_COST_UNKNOWN = 0.1

# SKU, name, price and unit cost in cents, and how often it is put into a basket.
_SHELF = (
    ("SEN-MO", "Motion sensor", 4_900, 2_150, 30),
    ("SEN-DL", "Daylight sensor", 6_400, 2_900, 20),
    ("LMP-PN", "LED panel 60x60", 8_900, 5_100, 22),
    ("LMP-HB", "High bay lamp", 14_900, 9_300, 8),
    ("CTL-DM", "Dimmer module", 3_900, 1_500, 24),
    ("GTW-01", "Gateway", 19_900, 8_700, 4),
)
_MOST = 40_000


@dataclass(frozen=True)
class Line:
    """`cents` and `cost` are totals of the line in cents; a cost of None is unknown."""

    sku: str
    name: str
    quantity: int
    cents: int
    cost: int | None

    @property
    def item(self) -> dict[str, str | int]:
        """The line as a member of `items`; an unknown cost is left out."""
        item: dict[str, str | int] = {
            "sku": self.sku,
            "name": self.name,
            "quantity": self.quantity,
            "amount": money(self.cents),
        }
        if self.cost is not None:
            item["cost"] = money(self.cost)
        return item


def project_lines(rng: random.Random, cents: int) -> list[Line]:
    """Goods and service of a project, adding up to `cents` exactly."""
    sku, name, shares = rng.choice(_SYSTEMS)
    goods = cents * rng.randrange(62, 78) // 100
    service = cents - goods
    service_cost = None if rng.random() < _COST_UNKNOWN else service * rng.randrange(38, 55) // 100
    return [
        Line(sku, name, rng.randrange(2, 25), goods, goods * rng.randrange(*shares) // 100),
        Line("LF-SERV", "Planning and commissioning", 1, service, service_cost),
    ]


def basket(rng: random.Random) -> list[Line]:
    """One to three articles of the shop worth 39 to 400 euros together."""
    lines: list[Line] = []
    wanted = rng.choices((1, 2, 3), (56, 32, 12))[0]
    chosen = rng.choices(_SHELF, [row[-1] for row in _SHELF], k=wanted)
    for sku, name, price, cost, _ in dict.fromkeys(chosen):
        quantity = rng.choices((1, 2, 3), (62, 28, 10))[0]
        room = (_MOST - sum(line.cents for line in lines)) // price
        if quantity := min(quantity, room):
            lines.append(Line(sku, name, quantity, quantity * price, quantity * cost))
    return lines
