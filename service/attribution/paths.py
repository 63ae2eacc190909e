"""Distinct paths: what the models of the whole population are fitted on.

Rows lie in compressed form as in JourneyArrays. Most journeys of a million are one of a few
thousand paths, so a path is found once and counted.
"""

from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from service.attribution.journeys import Bools, Ints

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
Hashes = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, eq=False)
class Paths:
    """p distinct paths with s steps in all, and how often each ended in a conversion and in none.

    Attributes:
        offsets: int64[p + 1], from 0 to s.
        codes: int32[s], states 0 to state_count - 1, oldest first.
        conversions, nulls: int64[p], journeys of the path with and without a conversion.
        values: float64[p], the measure (minor units, say) summed over the path's conversions.
    """

    offsets: Ints
    codes: Codes
    state_count: int
    conversions: Ints
    nulls: Ints
    values: Floats

    @property
    def path_count(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> Ints:
        """int64[p], steps of each path."""
        return np.diff(self.offsets)

    @property
    def path(self) -> Ints:
        """int64[s], the path of each step."""
        return np.repeat(np.arange(self.path_count), self.sizes)

    def counted(self, path_of: Ints, conversions: Ints, nulls: Ints, values: Floats) -> "Paths":
        """The same paths with the counts and values of journeys summed: all four are [n]."""
        length = self.path_count
        return replace(
            self,
            conversions=_sums(path_of, conversions, length),
            nulls=_sums(path_of, nulls, length),
            values=np.bincount(path_of, values, length).astype(np.float64),
        )

    def select(self, keep: Bools) -> "Paths":
        """Only the paths where keep[p] holds."""
        if keep.all():
            return self
        sizes = self.sizes
        return Paths(
            offsets=offsets_of(sizes[keep]),
            codes=self.codes[np.repeat(keep, sizes)],
            state_count=self.state_count,
            conversions=self.conversions[keep],
            nulls=self.nulls[keep],
            values=self.values[keep],
        )


def offsets_of(sizes: Ints | Bools) -> Ints:
    """int64[n + 1], where rows of these sizes begin and end."""
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


def collect_paths(codes: Codes, offsets: Ints, state_count: int) -> tuple[Paths, Ints]:
    """The distinct paths of n journeys, counts all zero, and int64[n], the path of each journey.

    Journeys are grouped by a hash of 64 bits, then every journey is compared with the first of its
    group, code by code; should two differ, another seed is taken. So the answer is exact.
    """
    sizes = np.diff(offsets)
    for seed in count():
        _, first, path_of = np.unique(
            _hashes(codes, offsets, seed), return_index=True, return_inverse=True
        )
        if _same(codes, offsets, sizes, first.take(path_of)):
            break
    steps = row_elements(offsets.take(first), sizes.take(first))
    zeros = np.zeros(len(first), dtype=np.int64)
    paths = Paths(
        offsets=offsets_of(sizes.take(first)),
        codes=codes.take(steps).astype(np.int32, copy=False),
        state_count=state_count,
        conversions=zeros,
        nulls=zeros,
        values=np.zeros(len(first)),
    )
    return paths, path_of.astype(np.int64, copy=False)


def row_elements(starts: Ints, sizes: Ints) -> Ints:
    """int64[sum of sizes], the indices of rows that start at `starts`, row after row."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    elements: Ints = np.arange(total) + np.repeat(starts - (ends - sizes), sizes)
    return elements


def _sums(path_of: Ints, counts: Ints, length: int) -> Ints:
    # Whole numbers below 2**53 come out of floats unharmed.
    sums: Ints = np.bincount(path_of, counts, length).astype(np.int64)
    return sums


def _hashes(codes: Codes, offsets: Ints, seed: int) -> Hashes:
    """uint64[n]: the sum, modulo 2**64, of a mixed word for each code at its position, and of the
    length. The mixing function is that of SplitMix64 (Steele, Lea and Flood 2014)."""
    sizes = np.diff(offsets)
    positions = np.arange(len(codes)) - np.repeat(offsets[:-1], sizes)
    words = (positions.astype(np.uint64) << np.uint64(32)) + codes.astype(np.uint64)
    running = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum(_mixed(words, seed), out=running[1:])
    hashes: Hashes = np.diff(running.take(offsets)) + _mixed(sizes.astype(np.uint64), seed + 1)
    return hashes


def _mixed(words: Hashes, seed: int) -> Hashes:
    mixed: Hashes = (words + np.uint64(2 * seed + 1)) * _GOLDEN
    mixed ^= mixed >> np.uint64(30)
    mixed *= _MIX[0]
    mixed ^= mixed >> np.uint64(27)
    mixed *= _MIX[1]
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _same(codes: Codes, offsets: Ints, sizes: Ints, model: Ints) -> bool:
    """Whether every journey equals the journey model[n]."""
    if not np.array_equal(sizes, sizes.take(model)):
        return False
    like = row_elements(offsets.take(model), sizes)
    return bool(np.array_equal(codes, codes.take(like)))
