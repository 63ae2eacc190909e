"""People are a function of the set of links, and guards keep strangers apart."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.identity.resolve import ROUNDS, resolve
from tests.unit.identity.cases import Case, Link, cases, same

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
