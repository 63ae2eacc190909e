"""What all parts of the demo world share: the book of facts, quotas, and known people.

Chance decides *when* and *who*; quotas decide *how many*. With plain chance twenty deals would
make a channel's ROI swing by half from one `until` to the next, and the demo's story with it.
"""

import math
import random
from collections import Counter
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

from service.demo.days import DAY, LENGTH, Rhythm, Year

Fact = dict[str, Any]
PREFIXES = {"website": "web", "crm": "crm", "shop": "shp", "email": "eml", "calls": "cal"}
SENDERS = tuple(PREFIXES)
_GOLDEN = 0.618_033_988_749_894_9


class Book:
    """Collects the facts of each sender; what would happen after the year is left out."""

    def __init__(self, year: Year) -> None:
        self._year = year
        self._pages: dict[str, list[tuple[int, int, Fact]]] = {name: [] for name in SENDERS}
        self._written = 0

    def add(
        self, sender: str, second: int, kind: str, identifiers: dict[str, str], **parts: Any
    ) -> bool:
        """Writes one fact of the native format; False when its moment is still to come.

        `kind` is the fact's `type`; `parts` are its other members (`page`, `touch`, `account` …).
        Raises ValueError for a moment before the year: that is a fault of the generator.
        """
        if second < 0:
            raise ValueError(f"a {kind} of {sender} lies {-second} s before the demo year")
        if second >= LENGTH:
            return False
        fact: Fact = {
            "id": "",
            "type": kind,
            "occurred_at": self._year.stamp(second),
            "identifiers": identifiers,
            **parts,
        }
        self._written += 1
        self._pages[sender].append((second, self._written, fact))
        return True

    def close(self) -> dict[str, list[Fact]]:
        """All facts by sender, oldest first, each with its id."""
        closed: dict[str, list[Fact]] = {}
        for sender, rows in self._pages.items():
            rows.sort(key=lambda row: row[:2])
            for number, (_, _, fact) in enumerate(rows, start=1):
                fact["id"] = f"{PREFIXES[sender]}-{number:06d}"
            closed[sender] = [fact for _, _, fact in rows]
        return closed


class Quotas:
    """Evenly spread yes/no answers and sizes: after n questions at rate r, n*r ± 1 are yes."""

    def __init__(self) -> None:
        self._owed: dict[tuple[str, ...], float] = {}
        self._asked: Counter[tuple[str, ...]] = Counter()

    def take(self, rate: float, *key: str) -> bool:
        """Whether this one counts, for a rate between 0 and 1."""
        owed = self._owed.get(key, 0.5) + rate
        self._owed[key] = owed - 1 if owed >= 1 else owed
        return owed >= 1

    def size(self, median: int, spread: float, *key: str) -> int:
        """The next of a log-normal family of sizes (golden-ratio sequence through its quantiles).

        `median` in whole units, `spread` the standard deviation of the logarithm.
        """
        self._asked[key] += 1
        share = (0.5 + self._asked[key] * _GOLDEN) % 1
        z = NormalDist().inv_cdf(min(max(share, 0.01), 0.99))
        return round(median * math.exp(spread * z))


@dataclass
class Visitor:
    """One browser."""

    anonymous_id: str
    user_agent: str


@dataclass
class Known:
    """A person with an e-mail address, from the second `since` on."""

    email: str
    since: int
    visitor: Visitor
    identifiers: dict[str, str] = field(default_factory=dict)


@dataclass
class Scene:
    """One run of the generator."""

    year: Year
    seed: int
    scale: float
    book: Book
    quotas: Quotas = field(default_factory=Quotas)
    known: list[Known] = field(default_factory=list)
    clicks: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    """Visits seen per (campaign key, variant index, day): what spend is derived from."""

    def rng(self, part: str) -> random.Random:
        """A stream of its own for each part: a change in one leaves the others as they were."""
        return random.Random(f"{self.seed}/{part}")

    def rhythm(self, rng: random.Random) -> Rhythm:
        return Rhythm(self.year, rng)

    def count(self, at_scale_one: int) -> int:
        return round(at_scale_one * self.scale)


def money(cents: int) -> str:
    """Cents as a decimal text with two places; money is never a float on its way."""
    return f"{cents // 100}.{cents % 100:02d}"


def at(day: int, hour: int, minute: int = 0) -> int:
    """The second of a clock time on a day of the year."""
    return day * DAY + hour * 3_600 + minute * 60
