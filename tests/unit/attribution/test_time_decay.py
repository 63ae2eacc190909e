"""Time decay: continuous, exact at whole half-lives, the same bits on every machine."""

from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.attribution.decay import time_decay
from service.attribution.journeys import JourneyArrays
from service.attribution.segments import WEIGHT_LIMIT

HOUR = 3_600_000_000


def journey(gaps: list[int]) -> JourneyArrays:
    """One journey whose touches lie so many microseconds before its last one."""
    count = len(gaps)
    return JourneyArrays(
        offsets=np.array([0, count]),
        touched_at=1_767_225_600_000_000 - np.array(sorted(gaps, reverse=True)),
        channel=np.zeros(count, dtype=np.int32),
        is_direct=np.zeros(count, dtype=np.bool_),
        channel_class=np.zeros(count, dtype=np.int8),
        converted_at=np.array([1_767_225_600_000_000]),
    )


@settings(deadline=None)
@given(st.lists(st.integers(0, 90 * 24 * HOUR), max_size=9), st.integers(1, 30 * 24 * HOUR))
def test_weights_are_the_powers_of_two_of_the_definition(gaps: list[int], half_life: int) -> None:
    weights = time_decay(journey([0, *gaps]), half_life)
    largest = 1 << (31 - (len(gaps) + 1).bit_length())
    with localcontext(prec=40):
        for gap, weight in zip(sorted([0, *gaps], reverse=True), weights.tolist(), strict=True):
            exact = largest * Decimal(2) ** (-Decimal(gap) / half_life)
            # Rounded to a whole number after a relative error below 4e-11.
            assert abs(weight - exact) <= Decimal("0.5") + exact * Decimal("4e-11")
    assert weights.sum() < WEIGHT_LIMIT


def test_whole_half_lives_are_exact_halves() -> None:
    weights = time_decay(journey([HOUR * step for step in range(12)]), HOUR)
    assert weights.tolist() == [(1 << 27) >> step for step in range(11, -1, -1)]


def test_decay_is_continuous_and_not_by_whole_days() -> None:
    noon, midnight = time_decay(journey([12 * HOUR, 0]), 24 * HOUR).tolist()
    assert (noon, midnight) == (round((1 << 29) / 2**0.5), 1 << 29)


def test_the_bits_do_not_depend_on_the_machine() -> None:
    gaps = [step * step * 1_234_567_891 for step in range(39)]
    weights = time_decay(journey(gaps), 168 * HOUR)
    assert int(np.bitwise_xor.reduce(weights * np.arange(1, 40))) == FINGERPRINT


def test_touches_of_one_instant_weigh_the_same_and_stay_below_the_limit() -> None:
    for count in (1, 2, 3, 4, 1000, 1024):
        weights = time_decay(journey([0] * count), HOUR)
        assert len(set(weights.tolist())) == 1
        assert WEIGHT_LIMIT // 4 <= weights.sum() < WEIGHT_LIMIT


def test_a_touch_of_long_ago_gets_nothing_and_raises_nothing(
    journeys: Callable[..., JourneyArrays],
) -> None:
    assert time_decay(journeys("email@30000 email@1"), HOUR).tolist() == [0, 1 << 29]


FINGERPRINT = 972_367_345
"""From a machine with AVX-512; the same without AVX2 and AVX-512."""
