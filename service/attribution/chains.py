"""Chains of order k: paths turned into transitions between states of k channels.

A state of order k is a window of k channels sliding over the path; a path shorter than k is one
state, and equal states in a row are one (so do Anderl et al. 2016 and the R package
ChannelAttribution count them).
"""

from dataclasses import dataclass

import numpy as np
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
        offsets: int64[p + 1] and `walk` int64[w]: the states of each path, equal ones collapsed.
        states: int64[states, order], the channels of each state, -1 where it is shorter.
    """

    offsets: Ints
    walk: Ints
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
    sizes = paths.sizes
    windows = np.maximum(sizes - order + 1, 1)
    starts = row_elements(paths.offsets[:-1], windows)
    length = np.repeat(np.minimum(sizes, order), windows)
    keys = np.zeros(len(starts), dtype=np.int64)
    last = max(len(paths.codes) - 1, 0)
    for place in range(order):
        inside = place < length
        codes = paths.codes.take(np.minimum(starts + place, last)).astype(np.int64) + 1
        keys = keys * base + np.where(inside, codes, 0)
    distinct, walk = np.unique(keys, return_inverse=True)
    if len(distinct) * paths.state_count > LARGEST_CHAIN:
        raise _too_many(order)
    powers = base ** np.arange(order - 1, -1, -1, dtype=np.int64)
    states = distinct[:, None] // powers % base - 1
    return _collapsed(offsets_of(windows), walk.astype(np.int64), states)


def _collapsed(offsets: Ints, walk: Ints, states: Ints) -> Chain:
    keep = np.ones(len(walk), dtype=np.bool_)
    keep[1:] = walk[1:] != walk[:-1]
    keep[offsets[:-1]] = True
    running = np.concatenate(([0], np.cumsum(keep)))
    return Chain(running.take(offsets), walk[keep], states)


@dataclass(frozen=True, eq=False)
class Statistics:
    """What a chain counts, each linear in the paths' counts: rows are paths, columns counters.

    Attributes:
        moves: [p, e] how often a path makes each transition; `source` and `target` int64[e] are
            their states.
        visits, starts, ends: [p, states].
    """

    moves: sparse.csr_array
    source: Ints
    target: Ints
    visits: sparse.csr_array
    starts: sparse.csr_array
    ends: sparse.csr_array


def statistics_of(chain: Chain) -> Statistics:
    """The counters of the chain."""
    paths, states = len(chain.offsets) - 1, chain.state_count
    path = np.repeat(np.arange(paths), np.diff(chain.offsets))
    stays = path[1:] == path[:-1]
    keys = (chain.walk[:-1] * states + chain.walk[1:])[stays]
    distinct, move = np.unique(keys, return_inverse=True)
    return Statistics(
        moves=_counter(path[1:][stays], move, (paths, len(distinct))),
        source=distinct // states,
        target=distinct % states,
        visits=_counter(path, chain.walk, (paths, states)),
        starts=_counter(np.arange(paths), chain.walk[chain.offsets[:-1]], (paths, states)),
        ends=_counter(np.arange(paths), chain.walk[chain.offsets[1:] - 1], (paths, states)),
    )


def _counter(rows: Ints, columns: Ints, shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)


def _too_many(order: int) -> Refusal:
    return Refusal(
        "too_many_states",
        "model",
        f"a chain of order {order} has too many states for this question; ask for a lower order, "
        "a coarser group_by or fewer max_steps",
    )
