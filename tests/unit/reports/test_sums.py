"""Sums by row are those of whole numbers, however large, and distinct numbers are found once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.reports import attribution
from service.reports.credited import exact_sums

ROWS = 5
small = st.integers(-(10**6), 10**6)
# Beyond 2**53 a float no longer knows every whole number.
large = st.integers(-(2**56), 2**56)


@given(st.lists(st.tuples(st.integers(0, ROWS - 1), small | large), max_size=40))
def test_sums_are_those_of_whole_numbers(pairs: list[tuple[int, int]]) -> None:
    rows = np.array([row for row, _ in pairs], np.int64)
    amounts = np.array([amount for _, amount in pairs], np.int64)
    expected = [sum(amount for row, amount in pairs if row == place) for place in range(ROWS)]
    assert exact_sums(rows, amounts, ROWS).tolist() == expected


def test_one_unit_is_not_lost_beside_a_large_amount() -> None:
    # Added up as floats this is 9007199254740992.
    amounts = np.array([2**53, 1], np.int64)
    assert exact_sums(np.zeros(2, np.int64), amounts, 1).tolist() == [9007199254740993]


@pytest.mark.parametrize("largest_map", [0, 2**25], ids=["sorted", "mapped"])
def test_distinct_numbers(largest_map: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "_LARGEST_MAP", largest_map)
    for numbers in ([], [0], [7, 0, 7, 3, 3, 0], list(range(9, -1, -1))):
        found = attribution._distinct(np.array(numbers, np.int64), 10)
        assert found.tolist() == sorted(set(numbers))
