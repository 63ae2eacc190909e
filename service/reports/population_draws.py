"""The credit of a model of the population drawn again: the model is fitted anew in every draw.

Journeys are counted by the group of their person, converting ones and the others, so a draw has its
own counts of every path and with them its own shares of the states. A state's credit of a draw is
divided over the rows as its credit by group was, drawn with the same weights.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from service.attribution.bootstrap import GROUPS, Floats, draw_weights, quotients, redraw
from service.attribution.paths import Paths
from service.attribution.population import fit_draws
from service.kit.duck import Columns, fetch_columns
from service.reports.credited import exact_sums
from service.reports.population import ACCOUNTS, Population, PopulationAllocation, worth_of

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_FINENESS = 2.0**40
_MOST_PAIRS = 2**25


def dealt(identity: str) -> str:
    """SQL: the group that an identity is dealt into, by a hash of it."""
    return f"CAST(CAST('0x' || SUBSTR(MD5({identity}), 1, 8) AS BIGINT) % {GROUPS} AS BIGINT)"


_OWN = "COALESCE(CASE WHEN $scope = 'account' THEN a.account_key END, people.public_id)"
_PEOPLE = f"""
SELECT people.person_id, {dealt(_OWN)} AS dealt
FROM people LEFT JOIN ({ACCOUNTS}) AS a ON a.person_id = people.person_id
ORDER BY people.person_id
"""


class People:
    """The group of every person, by scope `account` of his account."""

    def __init__(self, mart: duckdb.DuckDBPyConnection, scope: str) -> None:
        self._mart, self._scope = mart, scope

    @cached_property
    def _known(self) -> Columns:
        return fetch_columns(self._mart, _PEOPLE, {"scope": self._scope})

    def groups(self, people: Ints) -> Ints:
        """int64[n] of known people."""
        if not len(people):  # dealing all there are takes a while
            return np.zeros(0, np.int64)
        place = np.searchsorted(self._known["person_id"], people)
        return np.asarray(self._known["dealt"][place], np.int64)


def draw_credit(
    allocation: PopulationAllocation,
    stage: int,
    amounts: Ints,
    credit: Ints,
    rows: Ints,
    row_count: int,
    groups: Ints,
    people: People,
) -> Floats:
    """float64[DRAWS, row_count], whole numbers: the credit of each row in each draw.

    Args:
        stage: the stage (its place among those loaded) that all amounts int64[n] are of.
        credit: int64[m], the amounts' credit; rows: int64[m], -1 where none shows it.
        groups: int64[n], of each loaded conversion.
    Raises: Refusal as `fit_draws`.
    """
    population, converting, fit = allocation.fitted_on(stage, amounts)
    pairs = _pairs(population, credit, rows, row_count)
    owner = groups.take(allocation.loaded.journeys.journey)[pairs.touches]
    cells = owner * pairs.count + pairs.pair
    by_group = exact_sums(cells, credit[pairs.touches], GROUPS * pairs.count)
    drawn = redraw(by_group.reshape(GROUPS, pairs.count))
    others = allocation.led_to_none(converting, amounts)
    led = converting & ~others
    counted = allocation.shared(
        stage,
        f"tables {others.any()}",
        lambda: _Counted.of(population, groups, led, others, people),
    )
    tables = _Tables(population, counted, groups[led], led, amounts[led])
    shares = fit_draws(*tables.counts, allocation.model, draw_weights())
    # Coarser than the noise of floating-point solvers, so that every machine gives the same units.
    shares = np.rint(shares * _FINENESS) / _FINENESS
    if fit.step_weights is None:
        factors = _given(shares, tables, drawn, pairs)
    else:
        factors = _replaced(shares, tables, fit.step_weights)
    drawn *= factors[:, pairs.states]
    shown = np.flatnonzero(pairs.rows >= 0)
    into = sparse.csr_array(
        (np.ones(len(shown)), (shown, pairs.rows[shown])), shape=(pairs.count, row_count)
    )
    found: Floats = np.rint(np.asarray(drawn @ into))
    return found


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The pairs of a state and a row that credit falls in.

    Attributes: touches int64[t] with credit and `pair` int64[t] of each; states and rows int64[k].
    """

    touches: Ints
    pair: Ints
    states: Ints
    rows: Ints

    @property
    def count(self) -> int:
        return len(self.states)


def _pairs(population: Population, credit: Ints, rows: Ints, row_count: int) -> _Pairs:
    steps = population.steps
    touches = np.flatnonzero(credit)
    state = steps.codes[steps.step_of[touches]].astype(np.int64)
    keys = state * (row_count + 1) + rows[touches] + 1
    limit = population.paths.state_count * (row_count + 1)
    if limit <= _MOST_PAIRS:
        seen = np.zeros(limit, bool)
        seen[keys] = True
        known = np.flatnonzero(seen)
        pair = (np.cumsum(seen) - 1)[keys]
    else:
        known, pair = np.unique(keys, return_inverse=True)
    return _Pairs(touches, pair, known // (row_count + 1), known % (row_count + 1) - 1)


@dataclass(frozen=True, eq=False)
class _Counted:
    """The journeys of a population counted by group and path, converting ones and the others:
    sparse [GROUPS, p]."""

    won: Any
    lost: Any

    @classmethod
    def of(
        cls, population: Population, groups: Ints, led: Bools, others: Bools, people: People
    ) -> "_Counted":
        paths, path = population.paths, population.path_of[led]
        null_groups = np.concatenate((people.groups(population.null_person), groups[others]))
        null_path = np.concatenate((population.null_path, population.path_of[others]))
        return cls(
            _table(paths, groups[led], path, np.ones_like(path)),
            _table(paths, null_groups, null_path, np.ones_like(null_path)),
        )


def _table(paths: Paths, groups: Ints, path: Ints, counted: Ints) -> Any:
    cells = (counted.astype(np.float64), (groups, path))
    return sparse.csr_array(cells, (GROUPS, paths.path_count))


class _Tables:
    """One measure of the converting journeys, int64[n] their groups and amounts, by group and path."""

    def __init__(
        self,
        population: Population,
        counted: _Counted,
        groups: Ints,
        converting: Bools,
        amounts: Ints,
    ) -> None:
        self.paths, self.groups, self.amounts = population.paths, groups, amounts
        self.counted = counted
        self.worth = _table(self.paths, groups, population.path_of[converting], worth_of(amounts))

    @property
    def counts(self) -> tuple[Paths, Any, Any, Any]:
        """The paths; converting journeys, others, and worth, sparse [GROUPS, p]."""
        return self.paths, self.counted.won, self.counted.lost, self.worth


def _given(shares: Floats, tables: _Tables, drawn: Floats, pairs: _Pairs) -> Floats:
    """float64[DRAWS, states]: what makes the credit drawn of each state its share of all there is in
    the draw; 0 for a state that the draw gave no credit to divide."""
    totals = redraw(exact_sums(tables.groups, tables.amounts, GROUPS)[:, None])
    by_state = _by_state(drawn, pairs, tables.paths.state_count)
    return np.nan_to_num(quotients(totals * shares, by_state))


def _replaced(shares: Floats, tables: _Tables, weights: Floats) -> Floats:
    """float64[DRAWS, states]: what replaces the shares that the weights of the one fit have in the
    draw by those of the draw's own weights."""
    paths = tables.paths
    before = draw_weights() @ (tables.worth @ _parts(paths, weights))
    before = np.nan_to_num(quotients(before, before.sum(axis=1, keepdims=True)))
    return np.nan_to_num(quotients(shares, before))


def _by_state(drawn: Floats, pairs: _Pairs, state_count: int) -> Floats:
    of_state = sparse.csr_array(
        (np.ones(pairs.count), (np.arange(pairs.count), pairs.states)),
        shape=(pairs.count, state_count),
    )
    found: Floats = np.asarray(drawn @ of_state)
    return found


def _parts(paths: Paths, weights: Floats) -> Any:
    """[p, states], sparse: the part of a path's conversion that each state has; the last step has all
    where no step weighs anything."""
    path = paths.path
    sums = np.bincount(path, weights, paths.path_count)
    last = paths.offsets[1:] - 1
    parts = np.divide(weights, sums[path], out=np.zeros(len(weights)), where=sums[path] > 0)
    empty = (paths.sizes > 0) & (sums == 0)
    parts[last[empty]] = 1.0
    shape = (paths.path_count, paths.state_count)
    return sparse.csr_array((parts, (path, paths.codes)), shape)
