"""Time decay: a touch loses half of its weight in every half-life.

The weights are the only ones here that are not rational. They are powers of two computed with
additions, multiplications, divisions and square roots alone, which IEEE 754 rounds the same way on
every machine; the processor's own exp2 differs in the last bit between CPU models, and the same
ledger must give the same bytes.
"""

import math

import numpy as np
from numpy.typing import NDArray

from service.attribution.journeys import Ints, JourneyArrays

_LN2 = 0.6931471805599453
_STEPS = 32
_MOST_HALVINGS = 64


def time_decay(journeys: JourneyArrays, half_life: int) -> Ints:
    """Weights int64[m], relative to the last touch's, whole half-lives exact powers of two.

    The last touch of n gets 2**(31 - bit length of n), so a journey's sum stays below 2**31.

    Args:
        half_life: microseconds, above zero.
    """
    owner = journeys.journey
    has_touches = journeys.sizes > 0
    latest = np.zeros(journeys.journey_count, dtype=np.int64)
    latest[has_touches] = journeys.touched_at[journeys.offsets[1:][has_touches] - 1]
    whole, rest = np.divmod(latest.take(owner) - journeys.touched_at, half_life)
    bit_length = np.frexp(journeys.sizes.astype(np.float64))[1].astype(np.int64)
    exponent = (31 - bit_length).take(owner) - np.minimum(whole, _MOST_HALVINGS)
    scaled = np.ldexp(_half_to_the(rest / half_life), exponent.astype(np.int32))
    weights: Ints = np.rint(scaled).astype(np.int64)
    return weights


def _half_to_the(fraction: NDArray[np.float64]) -> NDArray[np.float64]:
    """2**-fraction for fractions in [0, 1], relative error below 4e-11.

    A table of 2**-(i/32) and a polynomial for what is left of the exponent, below 1/32:
    2**-x = 1 - u (1 - u/2 (1 - u/3 (1 - u/4))) with u = x ln 2; the next term, u^5 / 120, is below 4e-11.
    """
    step = np.floor(fraction * _STEPS)
    small = (fraction - step / _STEPS) * _LN2
    power = 1 - small / 4
    for divisor in (3, 2, 1):
        power = 1 - small / divisor * power
    power *= _TABLE.take(step.astype(np.int64))
    return power


def _table() -> NDArray[np.float64]:
    """2**-(i/32) for i = 0..32, from square roots of one half."""
    root = 0.5
    for _ in range(_STEPS.bit_length() - 1):
        root = math.sqrt(root)
    powers = [1.0]
    for _ in range(_STEPS):
        powers.append(powers[-1] * root)
    return np.array(powers)


_TABLE = _table()
