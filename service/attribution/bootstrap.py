"""Group bootstrap: how far a report's numbers would move had other people come by.

People are dealt into G groups by a stable hash, each measure is summed by group and row in one pass,
and one draw takes G groups with replacement: group g counts w_g times, (w_1 … w_G) multinomial with
equal chances. A draw's report is a product of weights and sums, so a thousand draws cost one matrix
product whatever the number of journeys. The interval between the 2.5th and 97.5th hundredth of the
draws is Efron's percentile interval (Efron and Tibshirani 1993, An Introduction to the Bootstrap,
chapter 13); whole people are drawn, never their single conversions, since one person's conversions
are not independent of each other (Field and Welsh 2007, Bootstrapping clustered data).

The draws come from a seed and from raw words of PCG64, whose stream is the same on every machine and
in every release of NumPy; sums and weights are whole numbers: the same question, the same bytes.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from service.attribution.journeys import Ints

GROUPS = 200
DRAWS = 1_000
SEED = 20_260_301
LEVEL = 0.95
_LOWEST = round(DRAWS * (1 - LEVEL) / 2) - 1
_HIGHEST = DRAWS - 1 - _LOWEST
_HALF_BITS = 26
_EXACT = 2**53
_AT_ONCE = 512
Floats = NDArray[np.float64]


@cache
def draw_weights(groups: int = GROUPS, draws: int = DRAWS, seed: int = SEED) -> Floats:
    """float64[draws, groups]: how often each draw takes each group; every row adds up to `groups`."""
    raw = np.random.PCG64(seed).random_raw(draws * groups)
    # The upper half of a word times `groups`, halved away again: below `groups`, evenly to 2**-32.
    taken = ((raw >> np.uint64(32)) * np.uint64(groups)) >> np.uint64(32)
    place = np.repeat(np.arange(draws), groups) * groups + taken.astype(np.int64)
    weights = np.bincount(place, minlength=draws * groups).reshape(draws, groups)
    numbers = weights.astype(np.float64)
    numbers.flags.writeable = False
    return numbers


def redraw(sums: Ints) -> Floats:
    """The sums of every draw.

    Args: sums: int64[GROUPS, rows], whole numbers of either sign.
    Returns: float64[DRAWS, rows], exact below 2**53. Beyond it halves are multiplied apart and added
    with one rounding: in neither case does the order of additions, which differs between machines,
    show in the result.
    """
    weights = draw_weights()
    if float(np.abs(sums).max(initial=0)) * GROUPS < _EXACT:
        return np.asarray(weights @ sums.astype(np.float64))
    low = weights @ (sums & ((1 << _HALF_BITS) - 1)).astype(np.float64)
    high = weights @ (sums >> _HALF_BITS).astype(np.float64)
    return np.asarray(high * float(1 << _HALF_BITS) + low)


def bounds(draws: Floats) -> Floats:
    """float64[2, rows]: the 25th smallest and 25th largest of a thousand draws, columns apart.

    They are draws themselves, not means of two, so whole numbers stay whole. A draw that is NaN (a
    quotient without a base) says nothing and is left out, the places moving with what remains; a
    column without any other is NaN.
    """
    found = np.full((2, draws.shape[1]), np.nan)
    for first in range(0, draws.shape[1], _AT_ONCE):
        part = draws[:, first : first + _AT_ONCE]
        ordered = np.partition(part, (_LOWEST, _HIGHEST), axis=0)  # NaN stands last
        found[:, first : first + _AT_ONCE] = ordered[[_LOWEST, _HIGHEST]]
        for column in np.flatnonzero(np.isnan(part).any(axis=0)):
            known = np.sort(part[~np.isnan(part[:, column]), column])
            if len(known):
                low = (len(known) + 39) // 40 - 1  # one in forty at either end
                found[:, first + column] = known[low], known[len(known) - 1 - low]
            else:
                found[:, first + column] = np.nan
    return found


def intervals(sums: Ints) -> Floats:
    """float64[2, rows]: the interval of each row's sum; [0, 0] for a row without any credit."""
    return bounds(redraw(sums))


def quotients(above: Floats, below: Floats) -> Floats:
    """above ÷ below, NaN where there is nothing to divide by; shapes as NumPy broadcasts them."""
    shape = np.broadcast_shapes(above.shape, below.shape)
    whole = np.broadcast_to(below, shape)
    found = np.full(shape, np.nan)
    np.divide(above, whole, out=found, where=whole != 0)
    return found
