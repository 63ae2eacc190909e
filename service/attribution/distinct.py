"""Distinct channels in a journey: linear by channel, and participation.

Linear by channel is what Zhao, Mahboobi and Bagheri (2018, arXiv:1804.05327) show to be the Shapley
value of the game v(S) = conversions of journeys whose channels all lie in S.
"""

from dataclasses import dataclass

import numpy as np

from service.attribution.journeys import Bools, Ints, JourneyArrays
from service.attribution.segments import WEIGHT_LIMIT, segment_sums

_ALWAYS_FITS = 250
"""The least common multiple of counts that add up to at most this is below 2**62 (Landau's
function with the bound of Massias)."""


@dataclass(frozen=True)
class _Groups:
    """Touches of one channel in one journey.

    Attributes:
        size: int64[m], touches in the touch's group.
        is_first: int64[m], 1 on the first touch of each group, else 0.
    """

    size: Ints
    is_first: Ints


def _group(journeys: JourneyArrays) -> _Groups:
    owner = journeys.journey
    keys = (owner << 32) + (journeys.channel.astype(np.int64) & 0xFFFFFFFF)
    order = np.argsort(keys)
    ordered = keys.take(order)
    begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    sizes = np.diff(np.append(begins, len(keys)))
    size = np.empty(len(keys), dtype=np.int64)
    size[order] = np.repeat(sizes, sizes)
    is_first = np.zeros(len(keys), dtype=np.int64)
    is_first[np.minimum.reduceat(order, begins)] = 1
    return _Groups(size, is_first)


def participation(journeys: JourneyArrays) -> Ints:
    """int64[m], 1 on the first touch of each distinct channel of a journey, else 0.

    Adds up to the number of distinct channels, so it is never part of a total.
    """
    if journeys.touch_count == 0:
        return np.zeros(0, dtype=np.int64)
    return _group(journeys).is_first


def linear_by_channel(journeys: JourneyArrays) -> Ints:
    """Weights int64[m]: every distinct channel the same share, divided equally over its touches.

    Weight 1/k for a channel with k touches, as an integer: L/k with L the least common multiple of
    the journey's counts. Where L would be too large (hundreds of touches with incommensurable
    counts) the shares are those of a fixed scale, rounded down. Either way the weights of a channel
    add up to at most its share, or its number of touches, and the journey's to less than 2**31.
    """
    if journeys.touch_count == 0:
        return np.zeros(0, dtype=np.int64)
    groups = _group(journeys)
    offsets, owner = journeys.offsets, journeys.journey
    channels = segment_sums(groups.is_first, offsets)
    multiple = np.ones(journeys.journey_count, dtype=np.int64)
    filled = np.flatnonzero(journeys.sizes)
    fits = _multiple_fits(journeys, groups)
    counts = np.where(fits.take(owner), groups.size, 1)
    multiple[filled] = np.lcm.reduceat(counts, offsets[:-1][filled])
    # Divided before it is compared: multiple x channels could pass 63 bits.
    fits &= multiple <= (WEIGHT_LIMIT - 1) // np.maximum(channels, 1)
    scale = (WEIGHT_LIMIT - 1 - journeys.sizes) // np.maximum(channels, 1)
    share = np.where(fits, multiple, scale)
    weights: Ints = np.maximum(share.take(owner) // groups.size, 1)
    return weights


def _multiple_fits(journeys: JourneyArrays, groups: _Groups) -> Bools:
    """bool[n], the least common multiple of the journey's counts surely fits in 63 bits."""
    bits = np.where(groups.is_first == 1, np.frexp(groups.size.astype(np.float64))[1], 0)
    product_bits = segment_sums(bits.astype(np.int64), journeys.offsets)
    fits: Bools = (journeys.sizes <= _ALWAYS_FITS) | (product_bits <= 62)
    return fits
