"""From a fitted model to whole units at every touch; what is given out adds up to what there was.

Two ways. Inside: each conversion is divided by the weights of its own path's steps (Shapley,
fractribution), so each conversion's credit adds up to its value. Over: a state's share of the total
is divided over the converting journeys that it took part in, by what each is worth (Markov), so the
credit of each state is the model's and all of it adds up to the total; a single conversion may then
carry more or less than its own value, which is what a model of a population says.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.attribution.credit import allocate_journeys
from service.attribution.journeys import Bools, Ints
from service.attribution.paths import row_elements
from service.attribution.segments import fit as fit_weights
from service.attribution.segments import journey_of, segment_sums
from service.attribution.transforms import Steps
from service.kit.money import allocate

Floats = NDArray[np.float64]
_INSIDE_SCALE = 2**30
# Coarser than the noise of floating-point solvers, so that every machine gives the same units.
_OVER_SCALE = 2.0**40


def inside(amounts: Ints, weights: Floats, steps: Steps) -> Ints:
    """Credit int64[m]; every journey's adds up to its amount.

    Args:
        amounts: int64[n]; weights: float64[t] >= 0, in proportions that matter inside a journey
            only. A journey of nothing but zeros gives all to its last step.
    """
    offsets = steps.offsets
    owner = journey_of(np.diff(offsets))
    sums = np.bincount(owner, weights, minlength=len(amounts))
    share = np.divide(weights, sums[owner], out=np.zeros(len(weights)), where=sums[owner] > 0)
    whole = np.rint(share * _INSIDE_SCALE).astype(np.int64)
    lost = (np.diff(offsets) > 0) & (segment_sums(whole, offsets) == 0)
    whole[offsets[1:][lost] - 1] = 1
    return to_touches(allocate_journeys(amounts, whole, offsets), steps)


@dataclass(frozen=True, eq=False)
class Sharing:
    """Which converting journeys each state takes part in: pairs, by state and then by rank.

    Attributes:
        taking: int64[t], the steps of converting journeys, pair after pair.
        begins: int64[pairs + 1], where the steps of each pair begin and end there.
        states: int64[k], the states that take part; offsets: int64[k + 1] of their pairs.
        journeys: int64[pairs], the journey of each.
    """

    taking: Ints
    begins: Ints
    states: Ints
    offsets: Ints
    journeys: Ints


def sharing(steps: Steps, converting: Bools, ranked: Ints) -> Sharing:
    """The pairs of the converting journeys.

    Args: converting: bool[n]; ranked: int64[n], all journeys in the order in which left-over units
    are given.
    """
    by_rank = ranked[converting[ranked]]
    sizes = np.diff(steps.offsets)[by_rank]
    found = row_elements(steps.offsets[by_rank], sizes)
    journey = np.repeat(by_rank, sizes)
    codes = steps.codes[found]
    if len(codes) and codes.max() < 2**16:
        order = np.argsort(codes.astype(np.uint16), kind="stable")  # by counting: ten times as fast
    else:
        order = np.argsort(codes, kind="stable")
    found, journey, owner = found[order], journey[order], codes[order].astype(np.int64)
    is_new = np.ones(len(found), np.bool_)
    is_new[1:] = (owner[1:] != owner[:-1]) | (journey[1:] != journey[:-1])
    owners = owner[is_new]
    states, starts = np.unique(owners, return_index=True)
    offsets = np.append(starts, len(owners)).astype(np.int64)
    begins = np.append(np.flatnonzero(is_new), len(found))
    return Sharing(found, begins, states, offsets, journey[is_new])


def over(amounts: Ints, shares: Floats, steps: Steps, converting: Bools, found: Sharing) -> Ints:
    """Credit int64[m]; all of it adds up to the amounts of the converting journeys.

    Args:
        amounts: int64[n]; shares: float64[k] >= 0 of the total by state; converting: bool[n],
            journeys the credit is divided over; found: the `sharing` of just these.
    """
    step_credit = np.zeros(len(steps.codes), np.int64)
    if not len(found.taking):
        return to_touches(step_credit, steps)
    totals = _state_totals(int(amounts[converting].sum()), shares[found.states])
    worth = _worth(amounts[found.journeys], found.offsets)
    pair_credit = allocate_journeys(totals, worth, found.offsets)
    ones = np.ones(len(found.taking), np.int64)
    step_credit[found.taking] = allocate_journeys(pair_credit, ones, found.begins)
    return to_touches(step_credit, steps)


def to_touches(step_credit: Ints, steps: Steps) -> Ints:
    """Each step's credit divided equally over its touches; int64[m], 0 where dropped."""
    if np.array_equal(steps.step_of, np.arange(len(step_credit))):  # every touch is a step
        return step_credit
    credit = np.zeros(len(steps.step_of), np.int64)
    kept = np.flatnonzero(steps.step_of >= 0)
    credit[kept] = _equally(step_credit, steps.step_of[kept])
    return credit


def _equally(totals: Ints, owner: Ints) -> Ints:
    """int64 by member: each owner's total divided equally over its members, the first served first."""
    order = np.argsort(owner, kind="stable")
    sizes = np.bincount(owner, minlength=len(totals))
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    parts = np.empty(len(owner), np.int64)
    parts[order] = allocate_journeys(totals, np.ones(len(owner), np.int64), offsets)
    return parts


def _state_totals(total: int, shares: Floats) -> Ints:
    top = float(shares.max(initial=0.0))
    if top <= 0:
        weights = [1] * len(shares)
    else:
        weights = np.rint(np.maximum(shares, 0) / top * _OVER_SCALE).astype(np.int64).tolist()
    return np.asarray(allocate(total, weights), np.int64)


def _worth(amounts: Ints, offsets: Ints) -> Ints:
    """Weights of the journeys of each state: what they are worth, equal where that is nothing."""
    worth = np.abs(amounts)
    if worth.min() == worth.max():
        return np.ones_like(worth)
    # Shifted until a sum of all of them fits in 63 bits.
    spare = int(float(worth.max(initial=0)) * len(worth)).bit_length() - 62
    if spare > 0:
        worth = worth >> spare
    sums = segment_sums(worth, offsets)
    if not sums.all():
        worth = np.where(np.repeat(sums == 0, np.diff(offsets)), 1, worth)
        sums = segment_sums(worth, offsets)
    return fit_weights(worth, offsets, sums)
