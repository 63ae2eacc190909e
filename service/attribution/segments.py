"""Sums over the journeys of a flat array, and the bound that keeps credit in 64 bits."""

from collections.abc import Iterator

import numpy as np

from service.attribution.journeys import Bools, Ints

WEIGHT_LIMIT = 2**31
"""The weights of a journey add up to less than this, so remainder x weight fits in 63 bits."""

BLOCK = 1 << 14
"""Touches (and journeys) worked on at once: a column of 128 KiB stays in the cache and on the heap;
at 256 KiB the same work takes twice as long."""


def blocks(offsets: Ints) -> Iterator[tuple[int, int]]:
    """Journey ranges [first, end) of at most BLOCK touches; a longer journey stands alone."""
    first, journeys = 0, len(offsets) - 1
    while first < journeys:
        reach = int(np.searchsorted(offsets, offsets[first] + BLOCK, side="right")) - 1
        end = min(max(reach, first + 1), first + BLOCK, journeys)
        yield first, end
        first = end


def journey_of(sizes: Ints) -> Ints:
    """int64[m], the journey of each touch."""
    return np.repeat(np.arange(len(sizes)), sizes)


def segment_sums(values: Ints | Bools, offsets: Ints) -> Ints:
    """int64[n], the sum of each journey's values; 0 for a journey without touches."""
    running = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=running[1:], dtype=np.int64)
    return np.diff(running.take(offsets))


def last_where(mask: Bools, offsets: Ints) -> Ints:
    """int64[n], index of the last touch of each journey where mask holds; -1 where none does."""
    latest = np.zeros(len(mask) + 1, dtype=np.int64)
    np.maximum.accumulate(np.where(mask, np.arange(1, len(mask) + 1), 0), out=latest[1:])
    found = latest.take(offsets[1:]) - 1
    return np.where(found >= offsets[:-1], found, -1)


def fit(weights: Ints, offsets: Ints, sums: Ints) -> Ints:
    """Weights in the same proportions with every journey's sum below WEIGHT_LIMIT.

    Journeys already below it come back untouched, so rational models stay exact. A larger one is
    scaled to the limit and rounded down, a weight above zero staying above zero; only division,
    multiplication and floor are used, which IEEE 754 makes the same on every machine.

    Args:
        sums: int64[n], the segment sums of the weights.
    """
    if len(sums) == 0 or sums.max() < WEIGHT_LIMIT:
        return weights
    sizes, large = np.diff(offsets), sums >= WEIGHT_LIMIT
    share = weights / np.repeat(np.where(large, sums, 1), sizes)
    share *= np.repeat(WEIGHT_LIMIT - 1 - sizes, sizes)
    scaled = np.maximum(np.floor(share, out=share).astype(np.int64), weights > 0)
    return scaled if large.all() else np.where(np.repeat(large, sizes), scaled, weights)
