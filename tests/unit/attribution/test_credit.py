"""Credit of many journeys at once is `allocate` of each, and adds up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.attribution.credit import allocate_journeys
from service.attribution.segments import BLOCK, WEIGHT_LIMIT, blocks
from service.kit.money import allocate


def offsets_of(sizes: list[int]) -> np.ndarray:
    return np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))).astype(np.int64)


def expected(total: int, weights: list[int]) -> list[int]:
    return allocate(total, weights) if any(weights) else [0] * len(weights)


small_weights = st.lists(st.integers(0, 4), max_size=6)
large_weights = st.lists(st.integers(0, (WEIGHT_LIMIT - 1) // 6), max_size=6)
totals = st.integers(-200, 200) | st.integers(-(2**62), 2**62)


def are_allocated(rows: list[tuple[int, list[int]]]) -> None:
    flat = np.array([weight for _, weights in rows for weight in weights], dtype=np.int64)
    offsets = offsets_of([len(weights) for _, weights in rows])
    given_totals = np.array([total for total, _ in rows], dtype=np.int64)
    credit = allocate_journeys(given_totals, flat, offsets)
    for index, (total, weights) in enumerate(rows):
        part = credit[offsets[index] : offsets[index + 1]].tolist()
        assert part == expected(total, weights)
        assert sum(part) == (total if any(weights) else 0)


@settings(deadline=None)
@given(st.lists(st.tuples(totals, small_weights | large_weights), max_size=12))
def test_credit_of_many_is_allocate_of_each(rows: list[tuple[int, list[int]]]) -> None:
    are_allocated(rows)


@settings(deadline=None)
@given(st.lists(st.tuples(totals, st.lists(st.integers(0, 1), max_size=6)), max_size=12))
def test_touches_that_count_alike_are_served_from_the_front(
    rows: list[tuple[int, list[int]]],
) -> None:
    are_allocated(rows)


@settings(deadline=None)
@given(st.lists(st.tuples(totals, st.integers(0, 5)), max_size=12))
def test_one_touch_of_each_journey_has_all(rows: list[tuple[int, int]]) -> None:
    are_allocated([(total, [0, 1, 0, 0, 0][place:]) for total, place in rows])


def test_credit_of_several_blocks_is_allocate_of_each() -> None:
    random = np.random.default_rng(20260101)
    sizes = random.integers(0, 7, 20_000)
    offsets = offsets_of(sizes.tolist())
    assert len(list(blocks(offsets))) > 3
    weights = random.integers(0, 5, offsets[-1])
    given_totals = random.integers(-500, 500, len(sizes))
    credit = allocate_journeys(given_totals, weights, offsets)
    for index, total in enumerate(given_totals.tolist()):
        rows = slice(offsets[index], offsets[index + 1])
        assert credit[rows].tolist() == expected(total, weights[rows].tolist())


def test_a_journey_longer_than_a_block_keeps_its_neighbours_apart() -> None:
    sizes = [2, BLOCK * 3 + 1, 0, 3]
    offsets = offsets_of(sizes)
    weights = np.ones(offsets[-1], dtype=np.int64)
    given_totals = np.array([101, 10**15 + 7, 5, -100], dtype=np.int64)
    credit = allocate_journeys(given_totals, weights, offsets)
    assert credit[:2].tolist() == [51, 50]
    assert credit[offsets[1] : offsets[2]].tolist() == allocate(10**15 + 7, [1] * sizes[1])
    assert credit[-3:].tolist() == [-34, -33, -33]


@settings(deadline=None)
@given(st.lists(st.integers(0, 3 * BLOCK), max_size=8))
def test_blocks_cover_every_journey_once(sizes: list[int]) -> None:
    offsets = offsets_of(sizes)
    ranges = list(blocks(offsets))
    assert [first for first, _ in ranges] == [0, *(end for _, end in ranges)][: len(ranges)]
    assert (ranges[-1][1] if ranges else 0) == len(sizes)
    for first, end in ranges:
        assert end == first + 1 or offsets[end] - offsets[first] <= BLOCK


def test_empty_journeys_do_not_make_a_block_too_long_for_its_keys() -> None:
    offsets = np.zeros(BLOCK * 2 + 2, dtype=np.int64)
    offsets[-1] = 2
    assert max(end - first for first, end in blocks(offsets)) <= BLOCK
    given_totals = np.full(len(offsets) - 1, 5, dtype=np.int64)
    assert allocate_journeys(given_totals, np.ones(2, np.int64), offsets).tolist() == [3, 2]


def test_nothing_eligible_is_no_credit_and_not_an_error() -> None:
    credit = allocate_journeys(np.array([100, 7]), np.array([0, 0, 1]), np.array([0, 2, 3]))
    assert credit.tolist() == [0, 0, 7]


def test_no_journeys_and_no_touches() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert allocate_journeys(nothing, nothing, np.zeros(1, np.int64)).tolist() == []
    assert allocate_journeys(np.array([5]), nothing, np.zeros(2, np.int64)).tolist() == []


def test_the_inputs_are_left_as_they_were() -> None:
    columns = (np.array([-100, 55]), np.array([1, 1, 1, 2]), np.array([0, 3, 4]))
    for column in columns:
        column.flags.writeable = False
    assert allocate_journeys(*columns).tolist() == [-34, -33, -33, 55]


@pytest.mark.parametrize(
    ("given_totals", "weights", "offsets", "says"),
    [
        pytest.param([1], [1, -1], [0, 2], "negative", id="negative weight"),
        pytest.param([1], [2**30, 2**30], [0, 2], "2\\*\\*31", id="sum too large"),
        pytest.param([1], [1, 1], [0, 1], "offsets", id="a touch of no journey"),
        pytest.param([1], [1, 1], [1, 2], "offsets", id="offsets not from zero"),
        pytest.param([1, 2], [1, 1], [0, 2], "offsets", id="a total too many"),
        pytest.param([1, 2], [1, 1], [0, 3, 2], "fall", id="falling offsets"),
        pytest.param([-(2**63)], [1], [0, 1], "mirror", id="a total without a mirror"),
    ],
)
def test_columns_that_do_not_belong_together(
    given_totals: list[int], weights: list[int], offsets: list[int], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        allocate_journeys(np.array(given_totals), np.array(weights), np.array(offsets))
