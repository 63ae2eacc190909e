"""People are a function of the set of links, and guards keep strangers apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.identity.resolve import ROUNDS, Resolution, resolve, surviving_links

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


# Definition, once more with sets


def reference_groups(nodes: Iterable[int], links: Iterable[Link]) -> dict[int, int]:
    label = {node: node for node in nodes}
    changed = True
    links = [(a, b) for a, b in links if a in label and b in label]
    while changed:
        changed = False
        for a, b in links:
            low = min(label[a], label[b])
            changed |= label[a] != low or label[b] != low
            label[a] = label[b] = low
    return label


def reference_shared(case: Case) -> set[int]:
    everyone = range(case.count)
    neighbours = {
        one: {b for a, b in case.links if a == one} | {a for a, b in case.links if b == one}
        for one in everyone
    }
    for one in everyone:
        neighbours[one].discard(one)
    held = {one for one in everyone if len(neighbours[one]) > case.limit}
    for turn in range(3):
        for _ in range(ROUNDS):
            group = reference_groups(set(everyone) - held, case.links)
            known_groups = {group[one] for one in group if case.known[one]}
            joined = {
                one: {group[n] for n in neighbours[one] if n in group and group[n] in known_groups}
                | {-1 - n for n in neighbours[one] & held if case.known[n]}
                for one in held
            }
            back = {
                one
                for one in held
                if len(joined[one]) <= case.limit
                and (case.known[one] or (turn == 1 and joined[one]) or turn == 2)
            }
            if not back:
                break
            held -= back
    return held


@given(cases())
def test_shared_is_what_the_definition_says(case: Case) -> None:
    assert set(np.flatnonzero(case.resolve().shared).tolist()) == reference_shared(case)


@given(cases())
def test_people_are_components_without_shared_and_clusters_with(case: Case) -> None:
    found = case.resolve()
    shared = set(np.flatnonzero(found.shared).tolist())
    kept = [(a, b) for a, b in case.links if not {a, b} & shared]
    for links, result in ((kept, found.person), (case.links, found.cluster)):
        group = reference_groups(range(case.count), links)
        for one in range(case.count):
            members = [other for other in group if group[other] == group[one]]
            assert result[one] == min(members, key=lambda member: case.order[member])


# Laws


@given(cases(), st.data())
def test_order_direction_and_repetition_of_links_change_nothing(
    case: Case, data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(case.links), max_size=10)) if case.links else []
    links = data.draw(st.permutations(case.links + again))
    flips = data.draw(st.lists(st.booleans(), min_size=len(links), max_size=len(links)))
    turned = [(b, a) if flip else (a, b) for (a, b), flip in zip(links, flips, strict=True)]
    assert same(case.resolve(turned), case.resolve())


@given(cases(), st.data())
def test_names_of_positions_change_nothing(case: Case, data: st.DataObject) -> None:
    place = data.draw(st.permutations(range(case.count)))
    renamed = Case(
        case.count,
        [(place[a], place[b]) for a, b in case.links],
        [case.known[place.index(one)] for one in range(case.count)],
        [case.order[place.index(one)] for one in range(case.count)],
        case.limit,
    ).resolve()
    found = case.resolve()
    assert [place[one] for one in found.person] == renamed.person[list(place)].tolist()
    assert [place[one] for one in found.cluster] == renamed.cluster[list(place)].tolist()
    assert found.shared.tolist() == renamed.shared[list(place)].tolist()


@given(cases())
def test_clusters_resolved_apart_are_as_all_at_once(case: Case) -> None:
    whole = case.resolve()
    for cluster in set(whole.cluster.tolist()):
        members = np.flatnonzero(whole.cluster == cluster)
        place = {int(member): index for index, member in enumerate(members)}
        apart = Case(
            members.size,
            [(place[a], place[b]) for a, b in case.links if a in place],
            [case.known[member] for member in members],
            [case.order[member] for member in members],
            case.limit,
        ).resolve()
        assert members[apart.person].tolist() == whole.person[members].tolist()
        assert members[apart.cluster].tolist() == whole.cluster[members].tolist()
        assert apart.shared.tolist() == whole.shared[members].tolist()


@given(cases(), cases())
def test_clusters_do_not_see_each_other(one: Case, two: Case) -> None:
    """Also when one of them needs more rounds than the other."""
    both = Case(
        one.count + two.count,
        one.links + [(a + one.count, b + one.count) for a, b in two.links],
        one.known + two.known,
        one.order + [rank + one.count for rank in two.order],
        one.limit,
    ).resolve()
    second = Case(two.count, two.links, two.known, two.order, one.limit).resolve()
    assert both.person[: one.count].tolist() == one.resolve().person.tolist()
    assert (both.person[one.count :] - one.count).tolist() == second.person.tolist()


@given(cases(), st.data())
def test_touched_clusters_alone_need_resolving_after_new_links(
    case: Case, data: st.DataObject
) -> None:
    """The incremental run: keep what was, resolve again only where the new links reach."""
    position = st.integers(0, case.count - 1)
    new = data.draw(st.lists(st.tuples(position, position), max_size=5))
    before, after = case.resolve(), case.resolve(case.links + new)
    touched = {int(before.cluster[end]) for link in new for end in link}
    untouched = ~np.isin(before.cluster, list(touched))
    assert after.person[untouched].tolist() == before.person[untouched].tolist()
    assert after.shared[untouched].tolist() == before.shared[untouched].tolist()


@given(cases(), st.data())
def test_withdrawn_links_shape_clusters_only(case: Case, data: st.DataObject) -> None:
    size = len(case.links)
    holds = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    ends = np.array(case.links, np.int64).reshape(-1, 2)
    found = resolve(case.count, ends[:, 0], ends[:, 1], case.known, case.order, case.limit, holds)
    held = case.resolve([link for link, one in zip(case.links, holds, strict=True) if one])
    assert found.person.tolist() == held.person.tolist()
    assert found.shared.tolist() == held.shared.tolist()
    assert found.cluster.tolist() == case.resolve().cluster.tolist()


# Guards


def kiosk(people: int) -> Names:
    names = Names()
    for index in range(people):
        names.link("kiosk", f"person{index}@")
    return names


@pytest.mark.parametrize(
    ("people", "shared"),
    [
        pytest.param(20, set(), id="at the limit all are one"),
        pytest.param(21, {"kiosk"}, id="above it the kiosk is out"),
        pytest.param(25, {"kiosk"}, id="far above"),
    ],
)
def test_a_kiosk_is_shared_above_the_limit(people: int, shared: set[str]) -> None:
    assert kiosk(people).shared() == shared
    assert len(kiosk(people).people()) == (people + 1 if shared else 1)


def test_people_at_a_kiosk_keep_what_else_they_have() -> None:
    names = kiosk(25)
    names.link("person3@", "own browser")
    assert frozenset({"person3@", "own browser"}) in names.people()
    assert frozenset({"kiosk"}) in names.people()


def test_somebody_with_many_browsers_is_one_person() -> None:
    names = Names()
    for index in range(30):
        names.link("ann@", f"browser{index}")
    assert names.shared() == set()
    assert len(names.people()) == 1


def test_somebody_with_many_browsers_and_two_names_is_one_person() -> None:
    """Both names have many neighbours, and neither may count the other's browsers as strangers."""
    names = Names()
    for index in range(30):
        names.link("ann@", "user-ann@", f"browser{index}")
    assert names.shared() == set()
    assert len(names.people()) == 1


def test_many_known_identifiers_of_one_person_are_not_unrelated() -> None:
    names = Names()
    own = [f"alias{index}@" for index in range(25)]
    for one, two in pairwise(own):
        names.link(one, two)
    for one in own:
        names.link("browser", one)
    assert names.shared() == set()


def test_two_browsers_at_the_same_counter_are_both_shared() -> None:
    names = Names()
    for index in range(21):
        names.link("kiosk one", f"person{index}@")
        names.link("kiosk two", f"person{index}@")
    assert names.shared() == {"kiosk one", "kiosk two"}


def test_a_call_centre_telephone_is_shared_though_it_is_known() -> None:
    names = Names()
    for index in range(21):
        names.link("telephone@", f"person{index}@")
    assert names.shared() == {"telephone@"}


def test_regulars_of_a_kiosk_who_have_many_browsers_count_once_each() -> None:
    """Twelve people with two names each are 12, not 24, though each name is held at first."""
    names = Names()
    for person in range(12):
        for index in range(21):
            names.link(f"ann{person}@", f"user{person}@", f"browser{person}-{index}")
        names.link("kiosk", f"ann{person}@", f"user{person}@")
    assert names.shared() == set()


def test_a_device_is_shared_when_the_owners_of_its_browsers_are_many() -> None:
    """The browsers name nobody before their owners, who have many others, are let back."""
    names = Names()
    for person in range(21):
        names.link("device", f"browser{person}")
        for index in range(21):
            names.link(f"person{person}@", f"browser{person}-{index}")
        names.link(f"person{person}@", f"browser{person}")
    assert names.shared() == {"device"}


def test_a_router_of_many_devices_waits_until_it_is_seen_whose_they_are() -> None:
    names = Names()
    for person in range(21):
        names.link("router", f"device{person}")
        names.link(f"device{person}", f"person{person}@")
        for index in range(21):
            names.link(f"device{person}", f"browser{person}-{index}")
    assert names.shared() == {"router"}


def test_many_links_into_one_group_are_one_link() -> None:
    names = Names()
    for index in range(255):
        names.link(f"browser{index}", f"browser{index + 1}")
    for index in range(256):
        names.link("ann@", f"browser{index}")
    for index in range(21):
        names.link("kiosk", f"person{index}@")
    names.link("ann@", "kiosk")
    assert names.shared() == {"kiosk"}
    assert len(names.people()) == 23


@pytest.mark.parametrize(
    ("length", "shared"),
    [
        pytest.param(2 * ROUNDS, set(), id="all come back"),
        pytest.param(2 * ROUNDS + 1, {f"hub{2 * ROUNDS}"}, id="the last does not"),
    ],
)
def test_a_chain_let_back_one_by_one_ends_after_two_kinds_of_rounds(
    length: int, shared: set[str]
) -> None:
    """Hub k joins groups 2k … 2k+3, one too many until hub k-1 has made one of the first two."""
    names = Names()
    for group in range(2 * length + 2):
        for part in range(4):
            names.link(f"group{group}-{part}", f"group{group}-{part + 1}")
        names.link(f"group{group}-4", f"person{group}@")
    for hub in range(length):
        for part in range(4):
            names.link(f"hub{hub}", f"group{2 * hub + part}-{part}")
    names.link("group0-4", "group1-4")
    assert names.shared(limit=3) == shared


def test_a_limit_of_one_keeps_two_people_apart() -> None:
    names = Names()
    names.link("browser", "ann@")
    names.link("browser", "bob@")
    assert names.shared(limit=1) == {"browser"}
    assert names.shared(limit=2) == set()


# Edges


def test_nobody() -> None:
    found = resolve(0, [], [], [], [], 20)
    assert found.person.size == found.shared.size == found.cluster.size == 0


def test_without_links_each_is_alone() -> None:
    assert resolve(3, [], [], [True] * 3, [2, 1, 0], 20).person.tolist() == [0, 1, 2]


def test_the_earliest_identifier_names_the_person_and_the_cluster() -> None:
    found = resolve(4, [0, 1], [1, 2], [False] * 4, [30, 20, 10, 40], 20)
    assert found.person.tolist() == found.cluster.tolist() == [2, 2, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param((2, [0], [2], [True] * 2, [0, 1], 20), "not below", id="too large"),
        pytest.param((2, [-1], [0], [True] * 2, [0, 1], 20), "negative", id="negative"),
        pytest.param((2, [0], [], [True] * 2, [0, 1], 20), "left and a right", id="one end"),
        pytest.param((2, [0], [1], [True], [0, 1], 20), "known and order", id="known"),
        pytest.param((2, [0], [1], [True] * 2, [0], 20), "known and order", id="order"),
        pytest.param((2, [0], [1], [True] * 2, [0, 1], 0), "at least 1", id="limit"),
        pytest.param((2, [0], [1], [True] * 2, [0, 1], 9, []), "each link", id="holds"),
    ],
)
def test_impossible_arguments_are_refused(arguments: tuple[object, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        resolve(*arguments)  # type: ignore[arg-type]


def test_a_million_identifiers() -> None:
    count = 1_000_000
    random = np.random.default_rng(7)
    left, right = random.integers(0, count, (2, count))
    left[:100_000] = 5
    found = resolve(count, left, right, np.arange(count) % 5 == 0, np.arange(count), 20)
    assert found.shared[5]
    assert found.person[5] == 5
    assert np.all(found.person <= np.arange(count))
    assert np.array_equal(found.person[found.person], found.person)
    kept = ~(found.shared[left] | found.shared[right])
    assert np.array_equal(found.person[left[kept]], found.person[right[kept]])


# Unlinks

timed = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 6))


def survivors(links: Sequence[tuple[int, int, int]], cuts: Sequence[tuple[int, int, int]]) -> list:
    columns = np.array(links, np.int64).reshape(-1, 3), np.array(cuts, np.int64).reshape(-1, 3)
    return surviving_links(*columns[0].T, *columns[1].T).tolist()


@pytest.mark.parametrize(
    ("link", "cut", "holds"),
    [
        pytest.param((1, 2, 10), (1, 2, 9), True, id="evidence after it links again"),
        pytest.param((1, 2, 10), (1, 2, 10), False, id="evidence at its instant goes"),
        pytest.param((1, 2, 10), (1, 2, 11), False, id="evidence before it goes"),
        pytest.param((1, 2, 10), (2, 1, 11), False, id="either direction"),
        pytest.param((1, 2, 10), (1, 3, 11), True, id="another pair"),
        pytest.param((1, 2, 10), (0, 3, 11), True, id="another pair, sorted before"),
    ],
)
def test_an_unlink(link: tuple[int, int, int], cut: tuple[int, int, int], holds: bool) -> None:
    assert survivors([link], [cut]) == [holds]


def test_without_unlinks_all_links_hold() -> None:
    assert survivors([(1, 2, 10)], []) == [True]
    assert survivors([], [(1, 2, 10)]) == []


@given(st.lists(timed, max_size=20), st.lists(timed, max_size=20), st.randoms())
@example([(0, 1, 3)], [(0, 1, 2), (1, 0, 4), (0, 1, 1)], None)
def test_unlinks_are_a_function_of_their_set(links, cuts, random) -> None:
    expected = [
        not any({a, b} == {c, d} and at <= cut_at for c, d, cut_at in cuts) for a, b, at in links
    ]
    assert survivors(links, cuts) == expected
    again = cuts + cuts[:3]
    if random is not None:
        random.shuffle(again)
    assert survivors(links, again) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(([0], [1], [], [], [], []), id="link without time"),
        pytest.param(([0], [1], [5], [0], [1], []), id="unlink without time"),
        pytest.param(([0], [1], [5], [0], [-1], [5]), id="negative"),
    ],
)
def test_impossible_unlinks_are_refused(arguments: tuple[list[int], ...]) -> None:
    with pytest.raises(ValueError, match=r"time each|negative"):
        surviving_links(*arguments)
