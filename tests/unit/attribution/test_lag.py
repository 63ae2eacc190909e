"""Lags: exact small worlds, the laws of a distribution, and bounds against SciPy's own."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom

from service.attribution.lag import LagDistribution, eventual_interval, lag_distribution

Touch = tuple[int, int, int]
TOUCHES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 60), st.integers(1, 5)).map(
        lambda t: (t[0], t[0] + t[1], t[2])
    ),
    min_size=1,
    max_size=40,
)


def of(touches: list[Touch], enough: int = 1) -> LagDistribution:
    """Of (lag, age, weight)."""
    columns = np.array(touches, np.int64).reshape(-1, 3)
    found = lag_distribution(columns[:, 0], columns[:, 1], columns[:, 2], enough)
    assert found is not None
    return found


def shares(found: LagDistribution, *ages: int) -> list[float]:
    return found.share_by(np.array(ages, np.int64)).tolist()


def test_only_touches_old_enough_tell_of_long_lags() -> None:
    """Of the two touches of age 10 one took 5: half. The young third one cannot have taken 5, so
    two of three, as they were seen, would be too many."""
    found = of([(1, 10, 1), (5, 10, 1), (1, 3, 1)])
    assert shares(found, -1, 0, 1, 4, 5, 99) == [0, 0, 0.5, 0.5, 1, 1]


def test_the_chain_ladder_by_hand() -> None:
    """Of lags up to 7 (ages from 7: 4 touches) 1 took 7; of lags up to 3 (ages from 3, 5 touches) 2."""
    found = of([(0, 9, 1), (3, 9, 1), (7, 9, 1), (0, 8, 1), (3, 4, 1), (0, 4, 1), (0, 1, 2)])
    assert shares(found, 0, 3, 7) == pytest.approx([0.75 * 3 / 5, 0.75, 1])


def test_weights_are_touches() -> None:
    several = of([(1, 10, 1)] * 3 + [(5, 10, 1)] * 2 + [(2, 4, 1)])
    assert (
        several.cumulative.tolist() == of([(1, 10, 3), (5, 10, 2), (2, 4, 1)]).cumulative.tolist()
    )


def test_what_too_few_are_old_enough_to_tell_is_not_told() -> None:
    """One touch alone is older than 10: it tells of nothing, and its lag of 30 is left out."""
    found = of([(1, 10, 1), (4, 10, 1), (2, 10, 1), (30, 40, 1)], enough=2)
    assert found.horizon == 10
    assert found.lags.tolist() == [1, 2, 4]
    assert found.weight == 3


def test_with_few_touches_half_of_them_are_enough() -> None:
    assert of([(1, 10, 1), (4, 10, 1)], enough=10).lags.tolist() == [1, 4]


def test_what_cannot_have_been_seen_is_left_out() -> None:
    lags, ages = np.array([5, 1]), np.array([3, 3])
    found = lag_distribution(lags, ages, np.array([1, 1]), 1)
    assert found is not None
    assert found.lags.tolist() == [1]
    assert lag_distribution(lags[:1], ages[:1], np.array([1]), 1) is None
    assert lag_distribution(lags, ages, np.array([0, 0]), 1) is None


def test_quantiles_and_histogram() -> None:
    found = of([(1, 99, 2), (2, 99, 6), (25, 99, 2)])
    assert [found.quantile(q) for q in (0.1, 0.2, 0.21, 0.5, 0.8, 0.9, 1.0)] == [
        1, 1, 2, 2, 2, 25, 25,
    ]  # fmt: skip
    assert found.histogram(10) == pytest.approx([0.8, 0, 0.2])


@given(TOUCHES, st.integers(1, 30))
def test_it_is_a_distribution(touches: list[Touch], enough: int) -> None:
    """Between 0 and 1, never falling with age, 1 from the longest lag on."""
    columns = np.array(touches, np.int64)
    found = lag_distribution(columns[:, 0], columns[:, 1], columns[:, 2], enough)
    if found is None:
        return
    by_age = found.share_by(np.arange(-2, 110))
    assert by_age[0] == 0
    assert by_age[-1] == 1
    assert bool(np.all(np.diff(by_age) >= 0))
    assert found.share_by(found.lags[-1:]).tolist() == [1]
    assert found.histogram(7).sum() == pytest.approx(1)


@given(TOUCHES, st.randoms())
def test_order_changes_nothing(touches: list[Touch], chance: Random) -> None:
    mixed = list(touches)
    chance.shuffle(mixed)
    for enough in (1, 10):
        columns, others = np.array(touches), np.array(mixed)
        one = lag_distribution(columns[:, 0], columns[:, 1], columns[:, 2], enough)
        two = lag_distribution(others[:, 0], others[:, 1], others[:, 2], enough)
        if one is None or two is None:
            assert one is two
            continue
        assert one.lags.tolist() == two.lags.tolist()
        assert one.cumulative.tolist() == two.cumulative.tolist()


def test_without_a_horizon_it_is_what_was_seen() -> None:
    """Where all touches are older than any lag, the estimate is the plain distribution."""
    lags = np.random.default_rng(5).integers(0, 30, 500)
    found = of([(int(lag), 100, 1) for lag in lags])
    plain = np.searchsorted(np.sort(lags), found.lags, side="right") / 500
    assert found.cumulative == pytest.approx(plain)


def test_young_touches_do_not_shorten_the_lags() -> None:
    """A known truth: geometric lags, touches evenly over 200 days, those of the future unseen. The
    plain histogram is off by several hundredths, the estimate by less than one."""
    chance = np.random.default_rng(7)
    lags, ages = chance.geometric(0.05, 60_000), chance.integers(0, 200, 60_000)
    seen = lags <= ages
    found = lag_distribution(lags, ages, seen.astype(np.int64), 10)
    assert found is not None
    truth = 1 - 0.95**20
    assert abs(float(np.mean(lags[seen] <= 20)) - truth) > 0.03
    assert float(found.share_by(np.array([20]))[0]) == pytest.approx(truth, abs=0.01)


@given(
    st.lists(st.tuples(st.floats(0, 500), st.floats(0.01, 1)), min_size=1, max_size=20),
    st.sampled_from((0.5, 0.8, 0.9)),
)
def test_bounds_are_those_of_the_negative_binomial(
    cohorts: list[tuple[float, float]], level: float
) -> None:
    """And hold what has come and what is expected."""
    observed, maturity = np.array(cohorts).T
    low, high = eventual_interval(observed, maturity, level)
    expected = observed / maturity
    of_scipy = nbinom(observed + 0.5, maturity)
    tail = (1 - level) / 2
    assert low == pytest.approx(np.minimum(observed + of_scipy.ppf(tail), expected))
    assert high == pytest.approx(np.maximum(observed + of_scipy.ppf(1 - tail), expected))
    assert bool(np.all((observed <= low + 1e-9) & (low <= expected) & (expected <= high)))


def test_nothing_is_left_to_come_of_what_is_ripe() -> None:
    low, high = eventual_interval(np.array([3.5, 0.0]), np.array([1.0, 1.0]), 0.9)
    assert (low.tolist(), high.tolist()) == ([3.5, 0.0], [3.5, 0.0])
