"""Markov shares drawn again: the same chain under many counts of its paths.

A chain's counters (moves, visits, starts, ends) are linear in the counts of paths: groups of
journeys are counted once, a draw is a weighted sum of groups, and one stacked inverse solves many
draws at once. The formulas are those of `service.attribution.markov`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from service.attribution.chains import Chain, Statistics, statistics_of
from service.attribution.draws import Draws
from service.attribution.journeys import Bools
from service.attribution.markov import chain_within
from service.attribution.paths import Floats, Paths
from service.kit.errors import Refusal

Table = Any
"""Counts in two dimensions, dense or sparse; SciPy has no types of its own."""

MOST_DRAWN_STATES = 96
"""A thousand inverses take a third of a second. Beyond a hundred states OpenBLAS divides each of them
among threads, which takes forty times as long."""

_CELLS = 1_000_000
"""Draws times cells of a matrix worked on at once: 8 MB a copy."""


def draw_markov(
    paths: Paths,
    conversions: Table,
    nulls: Table,
    values: Table,
    order: int,
    *,
    null: bool,
    draws: Floats | None = None,
) -> Floats:
    """float64[d, state_count], the shares under d counts of the paths.

    Args:
        conversions, nulls, values: [d, p]; or with `draws` [g, p], those of groups of journeys.
        draws: [d, g], how often each draw holds each group.
    Raises:
        Refusal: `too_many_states`, of which fewer can be drawn than fitted.
    """
    nonempty = paths.sizes > 0
    count = conversions.shape[0] if draws is None else len(draws)
    shares = np.zeros((count, paths.state_count))
    if not nonempty.any():
        return shares
    chain = chain_within(paths.select(nonempty), order)
    if chain.state_count > MOST_DRAWN_STATES:
        raise Refusal(
            "too_many_states",
            "group_by",
            f"a Markov chain is drawn again for up to {MOST_DRAWN_STATES} states, these journeys "
            f"have {chain.state_count}; ask for a coarser group_by, or without intervals",
        )
    statistics, members = statistics_of(chain), chain.contains(paths.state_count)
    kept = Draws(conversions, nulls, values).of_paths(nonempty)
    lost = kept.nulls if null else kept.nulls * 0
    groups = _Counted.of(statistics, kept.conversions, lost, kept.values)
    at_once = max(_CELLS // chain.state_count**2, 1)
    for first in range(0, count, at_once):
        rows = slice(first, min(first + at_once, count))
        part = groups.rows(rows) if draws is None else groups.drawn(draws[rows])
        shares[rows] = _shares(part, statistics, chain, members)
    return shares


@dataclass(frozen=True, eq=False)
class _Counted:
    """The chain's counters, a row for each group or draw.

    Attributes:
        moves: float64[d, e], starts, visits, ends, worth: float64[d, states]; `worth` is the measure
            of the conversions that end in a state.
    """

    moves: Floats
    starts: Floats
    visits: Floats
    ends: Floats
    worth: Floats

    @classmethod
    def of(cls, statistics: Statistics, won: Table, lost: Table, worth: Table) -> "_Counted":
        moves, ends = (_product(won + lost, c) for c in (statistics.moves, statistics.ends))
        visits = moves @ statistics.leaving + ends
        return cls(
            moves,
            visits - moves @ statistics.entering,
            visits,
            _product(won, statistics.ends),
            _product(worth, statistics.ends),
        )

    def rows(self, rows: slice) -> "_Counted":
        return _Counted(
            self.moves[rows],
            self.starts[rows],
            self.visits[rows],
            self.ends[rows],
            self.worth[rows],
        )

    def drawn(self, draws: Floats) -> "_Counted":
        """Of draws float64[d, g] of groups; exact, as all are whole numbers."""
        return _Counted(
            draws @ self.moves,
            draws @ self.starts,
            draws @ self.visits,
            draws @ self.ends,
            draws @ self.worth,
        )


def _product(table: Table, counters: sparse.csr_array) -> Floats:
    found = table @ counters
    return np.asarray(found.toarray() if sparse.issparse(found) else found, dtype=np.float64)


def _shares(counted: _Counted, statistics: Statistics, chain: Chain, members: Bools) -> Floats:
    """float64[d, channels]; zero in a draw that nobody converted in."""
    states = chain.state_count
    per_visit = 1 / np.where(counted.visits > 0, counted.visits, 1)
    system = np.zeros((len(per_visit), states, states))
    system[:, statistics.source, statistics.target] = -(
        counted.moves * per_visit[:, statistics.source]
    )
    system[:, np.arange(states), np.arange(states)] += 1
    inverse = np.linalg.inv(system)
    pays = np.stack([counted.ends, counted.worth], axis=2) * per_visit[:, :, None]
    # The number of journeys is the same for all channels of a draw, so shares need no division by it.
    visits, expected = (counted.starts[:, None] @ inverse)[:, 0], inverse @ pays
    lost = np.zeros((len(per_visit), members.shape[1], 2))
    if chain.states.shape[1] == 1:
        stays = np.diagonal(inverse, axis1=1, axis2=2)
        lost[:, chain.states[:, 0]] = (visits / stays)[:, :, None] * expected
    else:
        for channel in np.flatnonzero(members.any(axis=0)).tolist():
            inside = np.flatnonzero(members[:, channel])
            block = inverse[:, inside[:, None], inside]
            solved = np.linalg.solve(block, expected[:, inside])
            lost[:, channel] = (visits[:, None, inside] @ solved)[:, 0]
    valued, converted = counted.worth.sum(axis=1) > 0, counted.ends.sum(axis=1) > 0
    lost[valued, :, 0] = lost[valued, :, 1]
    positive = np.maximum(lost[:, :, 0], 0.0) * converted[:, None]
    totals = positive.sum(axis=1, keepdims=True)
    shares: Floats = positive / np.where(totals > 0, totals, 1.0)
    return shares
