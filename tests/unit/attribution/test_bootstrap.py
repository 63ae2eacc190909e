"""Laws of the group bootstrap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.attribution.bootstrap import (
    DRAWS,
    GROUPS,
    bounds,
    draw_weights,
    intervals,
    quotients,
    redraw,
)


def test_a_draw_takes_as_many_groups_as_there_are() -> None:
    weights = draw_weights()
    assert weights.shape == (DRAWS, GROUPS)
    assert (weights.sum(axis=1) == GROUPS).all()
    assert weights.mean() == 1


def test_the_seed_fixes_the_draws() -> None:
    # The first groups of the first draw, so that another stream of numbers is seen.
    assert draw_weights()[0, :12].tolist() == [
        0.0,
        2.0,
        1.0,
        0.0,
        1.0,
        0.0,
        1.0,
        1.0,
        0.0,
        1.0,
        1.0,
        2.0,
    ]
    assert (draw_weights() == draw_weights.__wrapped__()).all()
    assert not (draw_weights() == draw_weights(seed=1)).all()


@given(
    arrays(np.int64, (GROUPS, 2), elements=st.integers(-(10**9), 10**12), fill=st.just(0)),
)
def test_an_interval_of_sums_holds_the_sum(sums: np.ndarray) -> None:
    low, high = intervals(sums)
    point = sums.sum(axis=0)
    assert (low <= point).all()
    assert (point <= high).all()


def test_no_credit_has_no_width() -> None:
    assert intervals(np.zeros((GROUPS, 1), np.int64)).tolist() == [[0], [0]]


def test_the_same_in_every_group_has_no_width() -> None:
    sums = np.full((GROUPS, 1), 7, np.int64)
    assert intervals(sums).tolist() == [[1400], [1400]]


def test_great_amounts_are_added_in_halves() -> None:
    sums = np.full((GROUPS, 1), 10**15, np.int64)
    assert redraw(sums).tolist() == [[2e17]] * DRAWS


def test_draws_without_a_base_are_left_out() -> None:
    draws = np.arange(DRAWS, dtype=float)[:, None]
    assert bounds(draws).tolist() == [[24], [975]]
    known = np.concatenate([draws[:500], np.full((500, 1), np.nan)])
    assert bounds(known).tolist() == [[12], [487]]
    assert np.isnan(bounds(np.full((DRAWS, 1), np.nan))).all()


@pytest.mark.parametrize(("above", "below", "found"), [(1, 2, 0.5), (-1, 2, -0.5), (3, -1, -3)])
def test_quotients(above: float, below: float, found: float) -> None:
    assert quotients(np.array([[above]]), np.array([[below]])).tolist() == [[found]]


def test_a_quotient_without_a_base_is_undefined() -> None:
    assert np.isnan(quotients(np.array([[1.0]]), np.array([[0.0]]))).all()
