"""Chains of order k: paths turned into transitions between states of k channels.

A state of order k is a window of k channels sliding over the path; a path shorter than k is one
state, and equal states in a row are one (so do Anderl et al. 2016 and the R package
ChannelAttribution count them).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from service.attribution.journeys import Bools, Ints
from service.attribution.paths import Paths, offsets_of, row_elements
from service.kit.errors import Refusal

LARGEST_CHAIN = 4_000_000
"""States times channels: a float for each is 32 MB."""


@dataclass(frozen=True, eq=False)
class Chain:
    """The walks of p paths over k-gram states, not yet counted.

    Attributes:
        offsets: int64[p + 1] and `walk` int[w]: the states of each path, equal ones collapsed.
        states: int64[states, order], the channels of each state, -1 where it is shorter.
    """

    offsets: Ints
    walk: NDArray[np.signedinteger]
    states: Ints

    @property
    def state_count(self) -> int:
        return len(self.states)

    def contains(self, channels: int) -> Bools:
        """bool[states, channels], the state holds the channel."""
        found = np.zeros((self.state_count, channels), dtype=np.bool_)
        rows, columns = np.nonzero(self.states >= 0)
        found[rows, self.states[rows, columns]] = True
        return found


def chain_of(paths: Paths, order: int) -> Chain:
    """The chain of paths that all have at least one step.

    Raises:
        Refusal: `too_many_states` where states times channels pass LARGEST_CHAIN.
    """
    base = paths.state_count + 1
    if base**order >= 2**62:
        raise _too_many(order)
    windows = np.maximum(paths.sizes - order + 1, 1)
    offsets = offsets_of(windows)
    distinct, walk = numbered(_windows(paths, offsets, order), base**order)
    if len(distinct) * paths.state_count > LARGEST_CHAIN:
        raise _too_many(order)
    powers = base ** np.arange(order - 1, -1, -1, dtype=np.int64)
    states = distinct[:, None] // powers % base - 1
    return _collapsed(offsets, walk, states)


def _windows(paths: Paths, offsets: Ints, order: int) -> NDArray[np.signedinteger]:
    """int[w], the windows of each path from one offset to the next, as numbers to the base of the
    channels plus one; a 0 for each channel that a shorter path lacks."""
    small = (paths.state_count + 1) ** order < 2**31  # half the memory to move
    codes: NDArray[np.signedinteger] = np.zeros(
        len(paths.codes) + 1, np.int32 if small else np.int64
    )
    np.add(paths.codes, 1, out=codes[:-1])
    if order == 1:
        return codes[:-1]
    starts = row_elements(paths.offsets[:-1], np.diff(offsets))
    keys = codes.take(starts)
    for place in range(1, order):
        following = codes.take(starts + place, mode="clip")
        following[offsets[:-1][paths.sizes <= place]] = 0
        keys *= paths.state_count + 1
        keys += following
    return keys


def _collapsed(offsets: Ints, walk: NDArray[np.signedinteger], states: Ints) -> Chain:
    keep = np.ones(len(walk), dtype=np.bool_)
    keep[1:] = walk[1:] != walk[:-1]
    keep[offsets[:-1]] = True
    return Chain(offsets_of(keep).take(offsets), walk.take(np.flatnonzero(keep)), states)


@dataclass(frozen=True, eq=False)
class Statistics:
    """What a chain counts, each linear in the paths' counts: rows are paths, columns counters.

    How often a state is visited and started in follows from its moves and ends.

    Attributes:
        moves: [p, e] how often a path makes each transition; `source` and `target` int64[e] are
            their states.
        ends: [p, states].
        leaving, entering: [e, states], a one for the source and the target of each transition.
    """

    moves: sparse.csr_array
    source: Ints
    target: Ints
    ends: sparse.csr_array
    leaving: sparse.csr_array
    entering: sparse.csr_array


def statistics_of(chain: Chain) -> Statistics:
    """The counters of the chain."""
    paths, states = len(chain.offsets) - 1, chain.state_count
    stays = np.ones(max(len(chain.walk) - 1, 0), dtype=np.bool_)
    stays[chain.offsets[1:-1] - 1] = False
    moved = np.flatnonzero(stays)
    here, there = chain.walk.take(moved), chain.walk[1:].take(moved)
    # A window moves on by one channel, so its last channel tells which of the next ones it is.
    last = chain.states[:, -1] + 1
    channels = int(last.max(initial=0)) + 1
    distinct, move = numbered(here * channels + last.take(there), states * channels)
    target = np.zeros(len(distinct), dtype=np.int64)
    target[move] = there
    source = distinct // channels
    each = np.arange(len(distinct) + 1)
    return Statistics(
        moves=_counter(move, chain.offsets - np.arange(paths + 1), len(distinct)),
        source=source,
        target=target,
        ends=_counter(chain.walk[chain.offsets[1:] - 1], np.arange(paths + 1), states),
        leaving=_counter(source, each, states),
        entering=_counter(target, each, states),
    )


def _counter(columns: NDArray[np.signedinteger], offsets: Ints, width: int) -> sparse.csr_array:
    """A one for each column, those of a path from one offset to the next; ones on one place add up."""
    ones = np.ones(len(columns))
    return sparse.csr_array((ones, columns, offsets), shape=(len(offsets) - 1, width))


def numbered(keys: NDArray[np.signedinteger], limit: int) -> tuple[Ints, NDArray[np.signedinteger]]:
    """The distinct keys, all from 0 to below the limit, ascending; the place of each key."""
    if limit > LARGEST_CHAIN:
        distinct, place = np.unique(keys, return_inverse=True)
        return distinct.astype(np.int64, copy=False), place
    # Looked up instead of sorted: a tenth of the time.
    seen = np.zeros(limit, dtype=np.bool_)
    keys = keys.astype(np.intp, copy=False)
    seen[keys] = True
    places = np.cumsum(seen, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(seen), places.take(keys)


def _too_many(order: int) -> Refusal:
    return Refusal(
        "too_many_states",
        "model",
        f"a chain of order {order} has too many states for this question; ask for a lower order, "
        "a coarser group_by or fewer max_steps",
    )
