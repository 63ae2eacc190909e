"""An unlink withdraws what was said before it, whatever order facts arrive in."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.identity.resolve import surviving_links

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
