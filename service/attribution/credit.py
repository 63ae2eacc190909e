"""Credit: a journey's value given to its touches by their weights, to the last minor unit.

For each journey the credits are those of `service.kit.money.allocate`: parts rounded down, then one
unit each to the largest remainders, ties from the front, negative values mirrored. Here it is done
for all journeys at once in 64-bit integers. With W the sum of a journey's weights (below 2**31) and
V = q W + r, the rounded-down part of weight w is q w + floor(r w / W), and r w stays below 2**62.
"""

import numpy as np

from service.attribution.journeys import Ints
from service.attribution.segments import WEIGHT_LIMIT, blocks, journey_of, segment_sums

_REMAINDER_BITS = 31
_LOWEST = np.iinfo(np.int64).min


def allocate_journeys(totals: Ints, weights: Ints, offsets: Ints) -> Ints:
    """Credit of every touch; in each journey it adds up to the journey's total.

    Args:
        totals: int64[n], minor units or millionths of a count, either sign.
        weights: int64[m] >= 0, each journey's sum below 2**31.
        offsets: int64[n + 1] from 0 to m.
    Returns:
        int64[m]. A journey whose weights are all zero (nothing eligible) gets no credit at all: its
        total is unattributed.
    Raises:
        ValueError: lengths that do not belong together, a negative weight, a sum of 2**31 or more.
    """
    _check(totals, weights, offsets)
    credit = np.empty(len(weights), dtype=np.int64)
    for first, end in blocks(offsets):
        start, stop = offsets[first], offsets[end]
        inside = offsets[first : end + 1] - start
        part = weights[start:stop]
        divide = _equally if part.max(initial=0) <= 1 else _by_weight
        credit[start:stop] = divide(totals[first:end], part, inside)
    return credit


def _check(totals: Ints, weights: Ints, offsets: Ints) -> None:
    if len(offsets) != len(totals) + 1 or offsets[0] != 0 or offsets[-1] != len(weights):
        raise ValueError("offsets must run from 0 to the number of weights, one more than totals")
    if np.any(offsets[1:] < offsets[:-1]):
        raise ValueError("offsets must not fall")
    if len(weights) and weights.min() < 0:
        raise ValueError("a weight is negative")
    if len(totals) and totals.min() == _LOWEST:
        raise ValueError("a total has no mirror in 64 bits")


def _equally(totals: Ints, weights: Ints, offsets: Ints) -> Ints:
    """Credit of weights that are all 0 or 1: touches of weight 1 get the same, and one unit more as
    long as there are any left, from the front. Where each journey has one such touch, there is
    nothing to divide."""
    running = np.zeros(len(weights) + 1, dtype=np.int64)
    np.cumsum(weights, out=running[1:])
    before = running.take(offsets)
    counts, sizes = np.diff(before), np.diff(offsets)
    if counts.max() <= 1:
        return np.repeat(totals, sizes) * weights
    quotients, rests = np.divmod(np.abs(totals), np.maximum(counts, 1))
    parts = np.repeat(quotients, sizes)
    parts += running[1:] <= np.repeat(before[:-1] + rests, sizes)
    parts *= weights
    return _mirrored(parts, totals, sizes)


def _by_weight(totals: Ints, weights: Ints, offsets: Ints) -> Ints:
    sums = segment_sums(weights, offsets)
    if sums.max() >= WEIGHT_LIMIT:
        raise ValueError("the weights of a journey add up to 2**31 or more")
    divisors = np.maximum(sums, 1)
    quotients, rests = np.divmod(np.abs(totals), divisors)
    owner = journey_of(np.diff(offsets))
    products = rests.take(owner) * weights
    divisor = divisors.take(owner)
    parts = products // divisor
    leftovers = rests - segment_sums(parts, offsets)
    products -= parts * divisor
    parts += quotients.take(owner) * weights
    # A weight sum of zero makes its whole total a quotient, spread over weights of zero: no credit.
    if np.any(leftovers):
        parts[_served(leftovers, products, owner)] += 1
    return _mirrored(parts, totals, np.diff(offsets))


def _mirrored(parts: Ints, totals: Ints, sizes: Ints) -> Ints:
    """The parts of the totals without a sign, with it."""
    if totals.min() < 0:
        parts *= np.repeat(np.where(totals < 0, -1, 1), sizes)
    return parts


def _served(leftovers: Ints, remainders: Ints, owner: Ints) -> Ints:
    """Indices of the touches that get one of their journey's leftover units.

    Only touches with a remainder compete: theirs add up to the leftovers, so there are always more
    of them. Sorting unique keys (journey, largest remainder first, position) by value is several
    times faster than sorting indices by three columns. The key fits in 63 bits: a block has at most
    2**14 journeys and touches, and a longer journey is alone in its block.
    """
    touches = np.flatnonzero(remainders)
    journeys = owner.take(touches)
    position_bits = len(remainders).bit_length()
    keys = journeys << _REMAINDER_BITS
    keys += WEIGHT_LIMIT - 1 - remainders.take(touches)
    keys <<= position_bits
    keys += touches
    keys.sort()
    competing = np.bincount(journeys, minlength=len(leftovers))
    first_unserved = (np.cumsum(competing) - competing + leftovers).take(journeys)
    served: Ints = np.compress(np.arange(len(keys)) < first_unserved, keys)
    served &= (1 << position_bits) - 1
    return served
