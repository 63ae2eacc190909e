"""The hazard model drawn again: its rates, and what they say of each conversion, in every draw.

A draw takes group g of the people w_g times. Its log-likelihood is sum_g w_g l_g, and to fit it anew
a thousand times over would take a thousand fits. Near the fit theta (all weights 1) it is a parabola,

    l_w(t) = l_w(theta) + s_w' (t - theta) - (t - theta)' H (t - theta) / 2,    s_w = sum_g w_g s_g,

with the groups' scores s_g and the observed information H at the fit, whose maximum without bounds is
theta + H^-1 sum_g w_g s_g: the infinitesimal jackknife's refit (Efron 1982, The Jackknife, the
Bootstrap and Other Resampling Plans, chapter 6; Giordano, Stephenson, Liu, Jordan, Broderick 2019, A
Swiss Army Infinitesimal Jackknife, AISTATS, eq. 4). No rate is below zero, so the maximum over t >= 0
is taken, the projection of that refit in the metric H (Andrews 1999, Estimation when a parameter is
on a boundary, Econometrica 67). The half-life stays that of the fit.

Credit follows from the rates of the draw without any further approximation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

from service.attribution.draws import AT_ONCE
from service.attribution.incremental import BASES, Hazard, base_days, parts_of
from service.attribution.journeys import Bools, Ints
from service.attribution.panel import Floats, Panel
from service.attribution.stock import exposure_of, stocks, touch_parts
from service.kit.errors import Refusal

MOST_DRAWN_STATES = 96
# Coarser than the noise of floating-point solvers: a rate of nothing is nothing on every machine.
_FINENESS = 2.0**30
_FARTHEST = 500.0
_MOST_TURNS = 30


def draw_rates(panel: Panel, hazard: Hazard, groups: Ints, times: Floats) -> Floats:
    """float64[d, 2 + k], the base rates and the states' rates of every draw.

    Args:
        groups: int64[u], the group of each unit of the panel; times: float64[d, g], how often a draw
            takes each group.
    Raises: Refusal beyond the limit of states.
    """
    if panel.state_count > MOST_DRAWN_STATES:
        raise Refusal(
            "too_many_states",
            "group_by",
            f"incremental is drawn again for up to {MOST_DRAWN_STATES - 1} states, these touches have "
            f"{panel.state_count - 1}; ask for a coarser group_by, or without intervals",
        )
    found = stocks(panel, hazard.half_life, hazard.fill)
    whole = np.concatenate((base_days(panel), found.exposure))
    theta = np.concatenate((hazard.base, hazard.rate)) * whole
    parts = parts_of(panel, found)
    rate = parts @ theta
    score = _scores(panel, parts, rate, hazard, groups[panel.unit], times.shape[1], whole)
    information = (parts.T @ sparse.diags_array(panel.weight / rate**2) @ parts).toarray()
    slack = np.where(theta > 0, 0.0, score.sum(axis=0))
    pull = (times - 1.0) @ score + slack
    drawn = np.rint(_highest(theta, information, pull) * _FINENESS) / _FINENESS
    rates: Floats = drawn / np.where(whole > 0, whole, 1.0)
    return rates


def _scores(
    panel: Panel,
    parts: sparse.csr_array,
    rate: Floats,
    hazard: Hazard,
    spell_group: Ints,
    count: int,
    whole: Floats,
) -> Floats:
    """float64[g, 2 + k], each group's derivatives of the log-likelihood at the fit: what its events
    say, less its part of all days at risk."""
    width = parts.shape[1]
    events = len(panel.event_spell)
    of_group = sparse.csr_array(
        (panel.weight / rate, (spell_group[panel.event_spell], np.arange(events))),
        shape=(count, events),
    )
    again = panel.returning.astype(np.int64)
    held = exposure_of(panel, hazard.half_life, hazard.fill)
    cell = np.concatenate(
        (spell_group * width + again, spell_group[panel.spell] * width + BASES + panel.state)
    )
    days = np.concatenate((panel.days_at_risk.astype(np.float64), held))
    exposed = np.bincount(cell, days, count * width).reshape(count, width)
    exposed = np.where(whole > 0, exposed / np.where(whole > 0, whole, 1.0), 0.0)
    found: Floats = (of_group @ parts).toarray() - exposed
    return found


def _highest(theta: Floats, information: Floats, pull: Floats) -> Floats:
    """float64[d, c], where the parabola of each draw (its slope at theta: `pull`) is highest at or
    above zero; 0 for a component that no event has any of."""
    seen = np.flatnonzero(np.diag(information) > 0)
    found = np.zeros_like(pull)
    if not len(seen):
        return found
    matrix = information[np.ix_(seen, seen)]
    # In units of each component's own information, so that a small ridge is small for all of them.
    unit = np.sqrt(np.diag(matrix))
    matrix = matrix / np.outer(unit, unit)
    matrix[np.diag_indices(len(seen))] += 1e-10
    root = np.linalg.cholesky(matrix)
    there = (theta[seen] * unit) @ root
    target = there + solve_triangular(root, (pull[:, seen] / unit).T, lower=True).T
    inside = solve_triangular(root.T, target.T, lower=False).T
    outside = np.flatnonzero((inside < 0).any(axis=1))
    for draw in outside.tolist():
        inside[draw] = nnls(root.T, target[draw], maxiter=_MOST_TURNS * len(seen))[0]
    found[:, seen] = inside / unit
    return found


@dataclass(frozen=True, eq=False)
class Causes:
    """What n conversions are divided over: p pairs of a component and a row that it shows in.

    Attributes:
        whole: float64[n, 2 + k], sparse: of each conversion the stock of every component that it is
            divided over; pairs: float64[n, p], sparse: the parts of it that fall in each pair.
        component, row: int64[p].
    """

    whole: sparse.csr_array
    pairs: sparse.csr_array
    component: Ints
    row: Ints


def causes_of(
    hazard: Hazard,
    offsets: Ints,
    touched: tuple[Ints, Ints, Bools],
    again: Bools,
    rows: Ints,
    *,
    with_baseline: bool,
) -> Causes:
    """What conversions are divided over, as `incremental.chances` has it: with the baseline by the
    stocks of their day; without by those of the touches alone, however small beside it.

    Args:
        touched: state, age in days and whether it led to no earlier conversion, of m touches, as
            `chances` takes them; rows: int64[m], -1 for a touch that no row shows.
    """
    state, age, live = touched
    count = len(offsets) - 1
    owner, age = np.repeat(np.arange(count), np.diff(offsets)), np.maximum(age, 0)
    fresh = touch_parts(owner, state, np.zeros(len(age), np.int64), hazard.half_life, hazard.fill)
    mine = live & ~hazard.own[state]
    if with_baseline:
        held = np.where(live, fresh * 0.5 ** (age / hazard.half_life), 0.0)
        stands, base = np.arange(count), again.astype(np.int64)
    else:
        older = _older(hazard, owner, state, age, mine, count) / hazard.half_life
        held = np.where(mine, fresh * 0.5 ** np.clip(older, -_FARTHEST, _FARTHEST), 0.0)
        stands = base = np.zeros(0, np.int64)
    width = BASES + len(hazard.rate)
    whole = sparse.csr_array(
        (
            np.concatenate((np.ones(len(base)), held)),
            (np.concatenate((stands, owner)), np.concatenate((base, BASES + state))),
        ),
        shape=(count, width),
    )
    shown = np.flatnonzero(mine & (rows >= 0) & (held > 0))
    keys, pair = np.unique(rows[shown] * width + BASES + state[shown], return_inverse=True)
    pairs = sparse.csr_array((held[shown], (owner[shown], pair)), shape=(count, len(keys)))
    return Causes(whole, pairs, keys % width, keys // width)


def _older(hazard: Hazard, owner: Ints, state: Ints, age: Ints, mine: Bools, count: int) -> Ints:
    """int64[m], days by which a touch is older than the youngest with an effect in the fit, of all
    touches where none has: so what is far back is small and still not nothing."""
    never = np.iinfo(np.int64).max
    youngest, any_youngest = np.full(count, never), np.full(count, never)
    acting = mine & (hazard.rate[state] > 0)
    np.minimum.at(youngest, owner[acting], age[acting])
    np.minimum.at(any_youngest, owner[mine], age[mine])
    youngest = np.where(youngest < never, youngest, any_youngest)
    return np.where(mine, age - youngest[owner], 0)


def draw_causes(
    causes: Causes,
    rates: Floats,
    times: Floats,
    groups: Ints,
    amounts: Ints,
    resting: Ints,
    row_count: int,
) -> tuple[Floats, Floats]:
    """The amounts of conversions divided anew in every draw: float64[d, row_count] what falls in each
    row, and float64[d] what rests with conversions that nothing has caused in the draw.

    Args:
        rates: of `draw_rates`; times: float64[d, g], how often a draw takes each group.
        amounts, groups: int64[n] of each conversion; resting: int64[n], what of the amounts may rest.
    """
    parts = np.zeros((len(causes.component), len(rates)))
    left = np.zeros(len(rates))
    turned = np.ascontiguousarray(rates.T)
    # Those of one group are drawn equally often: their sums are, and not each of them.
    for group, some in _stretches(groups, AT_ONCE // max(len(rates), 1)):
        often, whole = times[:, group], causes.whole[some] @ turned
        idle = np.flatnonzero(whole.min(axis=1) <= 0)
        if len(idle):
            nothing = whole[idle] <= 0
            left += (resting[some[idle]].astype(np.float64) @ nothing) * often
            whole[idle] = np.where(nothing, np.inf, whole[idle])
        pairs = causes.pairs[some]
        seen, pair = np.unique(pairs.indices, return_inverse=True)
        given = amounts[some].repeat(np.diff(pairs.indptr)) * pairs.data
        found = sparse.csr_array((given, pair, pairs.indptr), shape=(len(some), len(seen)))
        parts[seen] += (found.T @ (1.0 / whole)) * often
    into = sparse.csr_array(
        (np.ones(len(causes.row)), (causes.row, np.arange(len(causes.row)))),
        shape=(row_count, len(causes.row)),
    )
    by_row: Floats = np.rint((into @ (parts * turned[causes.component])).T)
    return by_row, left


def _stretches(groups: Ints, most: int) -> Iterator[tuple[int, Ints]]:
    """Each group, and its members in parts of no more than `most`."""
    order = np.argsort(groups, kind="stable")
    edges = np.flatnonzero(np.diff(groups[order], prepend=-1)).tolist()
    for start, end in pairwise([*edges, len(order)]):
        for first in range(start, end, max(most, 1)):
            yield int(groups[order[first]]), order[first : min(first + most, end)]
