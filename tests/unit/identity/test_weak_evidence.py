"""What a public key says of identities: it joins nobody whom servers know apart, in any order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.identity.resolve import Evidence, Resolution, resolve
from tests.unit.identity.cases import same

FAR = st.just(1_000)
FEW = st.integers(1, 4)


@dataclass(frozen=True)
class Case:
    """Links as (one, other, trusted, first_at)."""

    count: int
    links: list[tuple[int, int, bool, int]]
    known: list[bool]
    vouched: list[bool]
    order: list[int]
    limit: int

    def resolve(self, links: Sequence[tuple[int, int, bool, int]] | None = None) -> Resolution:
        rows = self.links if links is None else links
        left, right, trusted, first_at = zip(*rows, strict=True) if rows else ((), (), (), ())
        evidence = Evidence(trusted, first_at, self.vouched)
        return resolve(
            self.count, left, right, self.known, self.order, self.limit, evidence=evidence
        )


@st.composite
def cases(draw: st.DrawFn, limit: st.SearchStrategy[int] = FEW) -> Case:
    count = draw(st.integers(1, 14))
    position = st.integers(0, count - 1)
    link = st.tuples(position, position, st.booleans(), st.integers(0, 5))
    links = draw(st.lists(link, max_size=40))
    known = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    named = {end for one, other, trusted, _ in links if trusted for end in (one, other)}
    vouched = [k and (p in named or draw(st.booleans())) for p, k in enumerate(known)]
    order = draw(st.permutations(range(count)))
    return Case(count, links, known, vouched, order, draw(limit))


@given(cases())
def test_nobody_vouched_for_is_joined_by_a_public_key(case: Case) -> None:
    person = case.resolve().person
    alone = case.resolve([link for link in case.links if link[2]]).person
    vouched = np.flatnonzero(case.vouched)
    for one in vouched:
        for other in vouched:
            assert (person[one] == person[other]) == (alone[one] == alone[other])


@given(cases(), st.randoms(use_true_random=False))
def test_order_direction_and_repetition_change_nothing(case: Case, random: Any) -> None:
    links = [
        (b, a, t, at) if random.random() < 0.5 else (a, b, t, at) for a, b, t, at in case.links
    ]
    links += random.sample(links, len(links) // 2)
    random.shuffle(links)
    assert same(case.resolve(), case.resolve(links))


@given(cases())
def test_clusters_apart_give_the_same_people(case: Case) -> None:
    whole = case.resolve()
    for cluster in set(whole.cluster.tolist()):
        inside = np.flatnonzero(whole.cluster == cluster)
        places = {int(position): place for place, position in enumerate(inside)}
        part = replace(
            case,
            count=len(inside),
            links=[
                (places[a], places[b], t, at) for a, b, t, at in case.links if a in places
            ],
            known=[case.known[i] for i in inside],
            vouched=[case.vouched[i] for i in inside],
            order=[case.order[i] for i in inside],
        ).resolve()  # fmt: skip
        assert inside[part.person].tolist() == whole.person[inside].tolist()
        assert part.shared.tolist() == whole.shared[inside].tolist()


@given(cases(FAR))
def test_it_is_kruskals_algorithm(case: Case) -> None:
    group = list(range(case.count))

    def join(one: int, other: int) -> None:
        group[:] = [group[one] if g == group[other] else g for g in group]

    for one, other, trusted, _ in case.links:
        if trusted:
            join(one, other)

    def said(link: tuple[int, int, bool, int]) -> tuple[int, int, int]:
        ends = case.order[link[0]], case.order[link[1]]
        return link[3], min(ends), max(ends)

    for one, other, _, _ in sorted((link for link in case.links if not link[2]), key=said):
        sides = [
            any(case.vouched[p] for p in range(case.count) if group[p] == group[end])
            for end in (one, other)
        ]
        if not all(sides):
            join(one, other)
    person = case.resolve().person
    for one in range(case.count):
        for other in range(case.count):
            assert (person[one] == person[other]) == (group[one] == group[other])


def test_forged_links_do_not_take_a_servers_apart() -> None:
    """0 is an address that the CRM linked to contact 1; 2 … 41 are forged user ids beside it."""
    forged = [(0, position, False, 9) for position in range(2, 42)]
    case = Case(42, [(0, 1, True, 5), *forged], [True] * 42, [True] * 2 + [False] * 40,
                list(range(42)), 20)  # fmt: skip
    found = case.resolve()
    assert found.person[1] == found.person[0]
    assert not found.shared[0]
    assert len(set(found.person[2:].tolist()) - {0}) == 40


@pytest.mark.parametrize("name", ["trusted", "first_at", "vouched"])
def test_evidence_of_other_links_is_refused(name: str) -> None:
    evidence: dict[str, Any] = {"trusted": [True], "first_at": [0], "vouched": [True, True]}
    evidence[name] = []
    with pytest.raises(ValueError, match="evidence"):
        resolve(2, [0], [1], [True, True], [0, 1], 20, evidence=Evidence(**evidence))
