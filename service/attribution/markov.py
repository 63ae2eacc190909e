"""Markov chains and the removal effect (Anderl, Becker, von Wangenheim, Schumann 2016, IJRM 33).

Counts of the paths: T_ab moves, s_a starts, r_a ends in a conversion, d_a ends in none, n_a visits.
With Q = T / n, r_a / n_a the chance to convert now, and p0 = s / N: N = (I - Q)^-1, h = N r, u = p0 N
and P = p0 h. Taking out channel c leads every state that contains c to nothing:
RE_c = 1 - P(without c) / P, and c's share is RE_c over their sum. For a measure of value a
converting state pays the mean value of the conversions that end there: the same solve with another
right-hand side. Exact, never simulated: the simulation elsewhere moves 3 to 5 % of all credit
between two runs.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from service.attribution.chains import Chain, Statistics, chain_of, statistics_of
from service.attribution.definitions import ModelDefinition
from service.attribution.fitted import Fit
from service.attribution.journeys import Bools
from service.attribution.parameters import Parameter
from service.attribution.paths import Floats, Paths
from service.attribution.shapley import shared
from service.attribution.transforms import STEP_PARAMETERS
from service.attribution.working import number
from service.kit.errors import Refusal

MOST_STATES = 2_000
"""States of a chain of order 1: its inverse takes 32 MB and a second."""

DENSE_STATES = 200
"""Up to here one inverse is faster than iterating."""

LEAST_MASS = 1e-12
"""Iteration ends when this part of a journey is still on its way."""

MOST_WORK = 2_000_000_000
"""Cells moved on in all of an iteration: five seconds. A journey of thousands of touches, such as a
robot's, lets go of so little of its mass at a step that iteration hardly ends."""

LITTLE_WORK = 50_000_000
"""The same where one inverse can take over, half a second."""

MARKOV = ModelDefinition(
    name="markov",
    title="Markov chain, removal effect",
    formula="RE_c = 1 - P(without c) / P; share_c = RE_c / sum of RE",
    description=(
        "A chain is fitted on all journeys, and each channel's share is by how much the conversion "
        "rate falls when the channel leads nowhere. The channel's share of the total is divided "
        "over the converting journeys it took part in: it speaks of the population, not of one "
        "journey. Attributed, not incremental."
    ),
    edge_cases=(
        "A journey shorter than the order is one state; equal states in a row are one.",
        "Value: a converting state pays the mean value of the conversions that end there.",
        "Worth less than nothing counts as nothing; if none is worth more, shares of conversions.",
        "One touch in every journey: the same as last touch.",
        "No conversion: no shares.",
        "More than 2,000 channels, or at a higher order 4,000,000 states times channels: refused.",
        "So are journeys of thousands of touches at a higher order; max_steps makes them shorter.",
    ),
    source="Anderl, Becker, von Wangenheim, Schumann (2016), Mapping the customer journey, IJRM 33",
    parameters=(
        Parameter("order", "count", 1, "channels of a state", least=1, most=4),
        Parameter("null", "flag", True, "journeys without a conversion are counted too"),
        *STEP_PARAMETERS,
    ),
    kind="population",
)


@dataclass(frozen=True, eq=False)
class _Solved:
    """Of one count of the paths: conversion rate, mean value of a journey, and per channel what is
    lost without it."""

    rate: float
    value_rate: float
    lost: Floats
    lost_value: Floats
    visits: Floats
    converts: Floats
    iterations: int


def fit_markov(paths: Paths, order: int, *, null: bool) -> Fit:
    """Shares of the measure by removal effect.

    Raises:
        Refusal: `too_many_states`.
    """
    nulls = paths.nulls if null else np.zeros_like(paths.nulls)
    paths = paths.select((paths.sizes > 0) & (paths.conversions + nulls > 0))
    zeros = np.zeros(paths.state_count)
    if not paths.conversions.any():
        return Fit(shares=zeros, details={"removal_effect": zeros}, facts=_facts(0.0, 0))
    chain = chain_within(paths, order)
    nulls = paths.nulls if null else np.zeros_like(paths.nulls)
    statistics = statistics_of(chain)
    journeys = (paths.conversions + nulls).astype(np.float64)
    won, worth = paths.conversions @ statistics.ends, paths.values @ statistics.ends
    moves, ends = journeys @ statistics.moves, journeys @ statistics.ends
    sums = _Sums.of(moves, ends, won, worth, statistics)
    solved = _solve(_Counts.of(sums, statistics), chain, chain.contains(paths.state_count))
    paid = solved.lost_value if paths.values.sum() > 0 else solved.lost
    details = {"removal_effect": _clean(solved.lost / solved.rate)}
    if solved.value_rate > 0:
        details["value_effect"] = _clean(solved.lost_value / solved.value_rate)
    if order == 1:
        for name, column in (
            ("visits_per_journey", "visits"),
            ("conversion_probability", "converts"),
        ):
            details[name] = zeros.copy()
            details[name][chain.states[:, 0]] = getattr(solved, column)
    return Fit(shares=shared(paid), details=details, facts=_facts(solved.rate, solved.iterations))


def _facts(rate: float, iterations: int) -> dict[str, object]:
    return {"conversion_rate": rate, "iterations": iterations, "warnings": []}


def chain_within(paths: Paths, order: int) -> Chain:
    chain = chain_of(paths, order)
    if order == 1 and chain.state_count > MOST_STATES:
        raise Refusal(
            "too_many_states",
            "group_by",
            f"a Markov chain takes up to {MOST_STATES} channels, these journeys have "
            f"{chain.state_count}; ask for a coarser group_by",
        )
    return chain


@dataclass(frozen=True, eq=False)
class _Sums:
    """What a chain counts, of one count of the paths or, with a first dimension d, of many.

    Attributes:
        moves: float64[…, e]; visits, starts, won, worth: float64[…, states], the last two what ends
            in a state, in conversions and in value.
    """

    moves: Floats
    visits: Floats
    starts: Floats
    won: Floats
    worth: Floats

    @classmethod
    def of(
        cls, moves: Floats, ends: Floats, won: Floats, worth: Floats, statistics: Statistics
    ) -> "_Sums":
        """Every visit is left by a move or is the last; what is not entered by a move is a start."""
        visits = moves @ statistics.leaving + ends
        return cls(moves, visits, visits - moves @ statistics.entering, won, worth)


@dataclass(frozen=True, eq=False)
class _Counts:
    """The chain's probabilities under one count of the paths.

    Attributes:
        moves: [states, states], Q.
        starts: float64[states], p0.
        pays: float64[states, 2], what a visit pays: conversions, value.
    """

    moves: sparse.csr_array
    starts: Floats
    pays: Floats

    @classmethod
    def of(cls, sums: _Sums, statistics: Statistics) -> "_Counts":
        per_visit = 1 / np.where(sums.visits > 0, sums.visits, 1)
        moves = sums.moves * per_visit[statistics.source]
        states = len(per_visit)
        return cls(
            sparse.csr_array((moves, (statistics.source, statistics.target)), (states, states)),
            sums.starts / sums.starts.sum(),
            np.column_stack([sums.won, sums.worth]) * per_visit[:, None],
        )


def _solve(counts: _Counts, chain: Chain, members: Bools) -> _Solved:
    if chain.state_count <= DENSE_STATES or chain.states.shape[1] == 1:
        return _by_inverse(counts, chain, members)
    has_inverse = chain.state_count <= MOST_STATES
    found = _by_iteration(counts, members, LITTLE_WORK if has_inverse else MOST_WORK)
    if found is None and not has_inverse:
        order = chain.states.shape[1]
        raise Refusal(
            "too_many_states",
            "model",
            f"journeys as long as these take a chain of order {order} too long; ask for max_steps, a "
            "lower order or a coarser group_by",
        )
    return found or _by_inverse(counts, chain, members)


def _by_inverse(counts: _Counts, chain: Chain, members: Bools) -> _Solved:
    """Taking out the states D costs u_D (N_DD)^-1 g_D with g = N r, by the block inverse of N; where
    D is one state c, as at order 1, that is u_c g_c / N_cc."""
    inverse = np.linalg.inv(np.eye(chain.state_count) - counts.moves.toarray())
    visits, expected = counts.starts @ inverse, inverse @ counts.pays
    lost = np.zeros((members.shape[1], 2))
    if chain.states.shape[1] == 1:
        lost[chain.states[:, 0]] = (visits / np.diag(inverse))[:, None] * expected
    else:
        for channel in np.flatnonzero(members.any(axis=0)):
            inside = np.flatnonzero(members[:, channel])
            block = inverse[np.ix_(inside, inside)]
            lost[channel] = visits[inside] @ np.linalg.solve(block, expected[inside])
    rate, value_rate = (float(part) for part in counts.starts @ expected)
    return _Solved(rate, value_rate, lost[:, 0], lost[:, 1], visits, expected[:, 0], 0)


def _by_iteration(counts: _Counts, members: Bools, work: int) -> _Solved | None:
    """All removals at once: a column for each channel and one for none, moved on step by step; None
    where so much work is not enough."""
    allowed = np.column_stack([~members, np.ones(len(members), dtype=np.bool_)])
    mass = counts.starts[:, None] * allowed
    onwards = counts.moves.T.tocsr()
    visits, iterations = mass.copy(), 0
    while mass[:, -1].sum() >= LEAST_MASS:
        if iterations * mass.size > work:
            return None
        mass = (onwards @ mass) * allowed
        visits += mass
        iterations += 1
    paid = visits.T @ counts.pays
    lost = paid[-1] - paid[:-1]
    converts = np.zeros(0)
    rate, value_rate = float(paid[-1, 0]), float(paid[-1, 1])
    return _Solved(rate, value_rate, lost[:, 0], lost[:, 1], visits[:, -1], converts, iterations)


def _clean(effects: Floats) -> Floats:
    """Rounding may leave a little below zero or above one."""
    return np.clip(effects, 0.0, 1.0)


def work_markov(found: Fit, state: int) -> str:
    """How the state's share comes about: its removal effect on what is credited, over all of them.

    Where every conversion is worth the same, or conversions are counted, the effect on the value is
    that on the conversion rate.
    """
    effects = found.details["removal_effect"]
    paid = found.details.get("value_effect", effects)
    effect, total = float(paid[state]), float(paid.sum())
    if np.allclose(paid, effects, rtol=0, atol=1e-9):
        rate = found.facts["conversion_rate"]
        assert isinstance(rate, float)
        without = number(rate * (1 - effect))
        text = f"1 - P(without) / P = 1 - {without} / {number(rate)} = {number(effect)}"
    else:
        text = f"1 - V(without) / V = {number(effect)}, V the mean value of a journey"
    if total <= 0:
        return text
    return f"{text}; divided by the sum of all effects {number(total)} = {number(effect / total)}"
