"""Identifiers and links for the tests of resolution."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from service.identity.resolve import Resolution, resolve

Link = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """Identifiers 0 … count-1 with links between them, and a small limit so that guards act."""

    count: int
    links: list[Link]
    known: list[bool]
    order: list[int]
    limit: int

    def resolve(self, links: Sequence[Link] | None = None) -> Resolution:
        ends = np.array(self.links if links is None else links, np.int64).reshape(-1, 2)
        return resolve(self.count, ends[:, 0], ends[:, 1], self.known, self.order, self.limit)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 24))
    position = st.integers(0, count - 1)
    # A few popular positions, so that some identifiers get many neighbours.
    popular = st.integers(0, min(3, count - 1))
    links = draw(st.lists(st.tuples(st.one_of(popular, position), position), max_size=60))
    known = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    order = draw(st.permutations(range(count)))
    return Case(count, links, known, order, draw(st.integers(1, 4)))


def same(one: Resolution, other: Resolution) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("person", "shared", "cluster")
    )


class Names:
    """Builds a case from names, as facts tell it: `k` a browser, `ann@` an e-mail address."""

    def __init__(self) -> None:
        self.positions: dict[str, int] = {}
        self.links: list[Link] = []

    def link(self, *names: str) -> None:
        found = [self.positions.setdefault(name, len(self.positions)) for name in names]
        self.links += [(one, two) for index, one in enumerate(found) for two in found[index + 1 :]]

    def resolve(self, limit: int = 20) -> Resolution:
        names = list(self.positions)
        known = ["@" in name for name in names]
        return Case(len(names), self.links, known, list(range(len(names))), limit).resolve()

    def shared(self, limit: int = 20) -> set[str]:
        names = list(self.positions)
        return {names[index] for index in np.flatnonzero(self.resolve(limit).shared)}

    def people(self, limit: int = 20) -> set[frozenset[str]]:
        person = self.resolve(limit).person
        names = np.array(list(self.positions))
        return {frozenset(names[person == one].tolist()) for one in set(person.tolist())}
