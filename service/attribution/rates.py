"""`shapley_rate`: the Shapley value of v(S) = conversions / journeys of the journeys within S.

In the style of Dalessandro, Perlich, Stitelman, Provost (2012, ADKDD). v(S) for every subset comes
from one subset zeta transform; above EXACT_STATES channels, from pairs of a random order and its
reverse (antithetic permutations), with the standard error stated.
"""

import math

import numpy as np

from service.attribution.definitions import ModelDefinition
from service.attribution.draws import Draws
from service.attribution.fitted import Fit
from service.attribution.journeys import Ints
from service.attribution.parameters import Parameter
from service.attribution.paths import Floats, Paths
from service.attribution.shapley import conversion_rate, shared
from service.attribution.transforms import STEP_PARAMETERS
from service.attribution.working import number
from service.kit.errors import Refusal

EXACT_STATES = 22
MOST_STATES = 500
MOST_DRAWN_STATES = 14
"""A thousand draws take four seconds, and each further channel doubles them."""

EARLY_CHANNELS = (
    "A conversion rate of whole journeys favours channels that are seen early: who does not convert "
    "goes on collecting touches."
)

SHAPLEY_RATE = ModelDefinition(
    name="shapley_rate",
    title="Shapley value of the conversion rate",
    formula="v(S) = conversions / journeys of the journeys with all channels in S",
    description=(
        "The Shapley value of the game that asks for the conversion rate. The channel's share of "
        "the total is divided over the converting journeys it took part in: it speaks of the "
        f"population, not of one journey. {EARLY_CHANNELS}"
    ),
    edge_cases=(
        "No journey within S: v(S) is 0.",
        "A channel with a value below zero gets no share.",
        f"Up to {EXACT_STATES} channels exact, up to {MOST_STATES} sampled with the error stated.",
    ),
    source="Dalessandro, Perlich, Stitelman, Provost (2012), Causally motivated attribution, ADKDD",
    parameters=(
        Parameter("pairs", "count", 256, "pairs of orders, if sampled", least=2, most=10_000),
        Parameter("seed", "count", 1, "of the random orders, if sampled"),
        *STEP_PARAMETERS,
    ),
    kind="population",
    warnings=(EARLY_CHANNELS,),
)


def fit_rate(paths: Paths, pairs: int, seed: int, exact_states: int = EXACT_STATES) -> Fit:
    """Shares of the measure in proportion to the Shapley values, in v the measure per journey.

    Raises:
        Refusal: `too_many_states` beyond MOST_STATES channels.
    """
    paths = paths.select(paths.sizes > 0)
    marginal, error = _marginals(paths, pairs, seed, exact_states)
    warnings = [EARLY_CHANNELS]
    if (marginal < 0).any():
        warnings.append("A channel's value is below zero; it gets no share.")
    facts: dict[str, object] = {"conversion_rate": conversion_rate(paths), "warnings": warnings}
    facts["sampling_error"] = error
    return Fit(shares=_in_conversions(paths, marginal), details={"marginal": marginal}, facts=facts)


def work_rate(found: Fit, state: int) -> str:
    """The channel's Shapley value in the game of rates, and its share of all credit."""
    assert found.shares is not None
    rise = number(float(found.details["marginal"][state]))
    share = number(float(found.shares[state]))
    return f"mean rise of the conversion rate when it joins other channels = {rise}; its share of all credit {share}"


def draw_rate(paths: Paths, draws: Draws) -> Floats:
    """float64[d, state_count], the shares under d counts of the paths.

    Raises:
        Refusal: `too_many_states`, of which fewer can be drawn than fitted.
    """
    taken = paths.sizes > 0
    kept, draws = paths.select(taken), draws.of_paths(taken)
    shares = np.zeros((len(draws), paths.state_count))
    seen, codes = np.unique(kept.codes, return_inverse=True)
    if len(seen) > MOST_DRAWN_STATES:
        raise Refusal(
            "too_many_states",
            "group_by",
            f"shapley_rate is drawn again for up to {MOST_DRAWN_STATES} channels, these journeys "
            f"have {len(seen)}; ask for a coarser group_by, or without intervals",
        )
    if not len(seen):
        return shares
    for rows in draws.parts(kept.path_count):
        won, lost, worth = (
            draws.drawn(table, rows) for table in (draws.conversions, draws.nulls, draws.values)
        )
        for place, draw in enumerate(range(rows.start, rows.stop)):
            journeys = won[place] + lost[place]
            marginal = _exact(codes, kept.offsets, worth[place], journeys, len(seen))
            shares[draw, seen] = shared(marginal)
    return shares


def _in_conversions(paths: Paths, marginal: Floats) -> Floats:
    """A state that no conversion met has no touch to carry credit, whatever refunds make of it."""
    converting = np.repeat(paths.conversions > 0, paths.sizes)
    met = np.bincount(paths.codes[converting], minlength=paths.state_count) > 0
    return shared(np.where(met, marginal, 0.0))


def _marginals(paths: Paths, pairs: int, seed: int, exact_states: int) -> tuple[Floats, float]:
    """Shapley values of the channels and the largest standard error of one of them."""
    worth, journeys = paths.values, (paths.conversions + paths.nulls).astype(np.float64)
    seen, codes = np.unique(paths.codes, return_inverse=True)
    if len(seen) > MOST_STATES:
        raise Refusal(
            "too_many_states",
            "group_by",
            f"shapley_rate takes up to {MOST_STATES} channels, these journeys have {len(seen)}; "
            "ask for a coarser group_by",
        )
    marginal, error = np.zeros(paths.state_count), 0.0
    if len(seen) and len(seen) <= exact_states:
        marginal[seen] = _exact(codes, paths.offsets, worth, journeys, len(seen))
    elif len(seen):
        marginal[seen], error = _sampled(
            codes, paths.offsets, worth, journeys, len(seen), pairs, seed
        )
    return marginal, error


def _exact(codes: Ints, offsets: Ints, worth: Floats, journeys: Floats, channels: int) -> Floats:
    """phi_c = sum over S without c of |S|! (n - |S| - 1)! / n! (v(S + c) - v(S)), all S at once."""
    sets = np.bitwise_or.reduceat(np.left_shift(1, codes), offsets[:-1])
    totals = [
        _zeta(np.bincount(sets, column, 1 << channels), channels) for column in (worth, journeys)
    ]
    rate = np.divide(totals[0], totals[1], out=np.zeros_like(totals[0]), where=totals[1] > 0)
    size = np.zeros(1, dtype=np.int64)
    for _ in range(channels):
        size = np.concatenate([size, size + 1])
    before = np.array([1 / (channels * math.comb(channels - 1, k)) for k in range(channels)])
    chance = np.append(before, 0.0).take(size)
    values = np.zeros(channels)
    for channel in range(channels):
        pairs = rate.reshape(-1, 2, 1 << channel)
        weights = chance.reshape(-1, 2, 1 << channel)[:, 0]
        values[channel] = np.sum(weights * (pairs[:, 1] - pairs[:, 0]))
    return values


def _zeta(amounts: Floats | Ints, channels: int) -> Floats:
    """f(S) becomes the sum of f over the subsets of S."""
    sums = amounts.astype(np.float64)
    for channel in range(channels):
        halves = sums.reshape(-1, 2, 1 << channel)
        halves[:, 1] += halves[:, 0]
    return sums


def _sampled(
    codes: Ints,
    offsets: Ints,
    worth: Floats,
    journeys: Floats,
    channels: int,
    pairs: int,
    seed: int,
) -> tuple[Floats, float]:
    generator = np.random.Generator(np.random.PCG64(seed))
    total, squares = np.zeros(channels), np.zeros(channels)
    for _ in range(pairs):
        order = generator.permutation(channels)
        both = [_along(way, codes, offsets, worth, journeys) for way in (order, order[::-1])]
        mean = (both[0] + both[1]) / 2
        total += mean
        squares += mean**2
    average = total / pairs
    variance = np.maximum(squares / pairs - average**2, 0.0) / (pairs - 1)
    return average, float(np.sqrt(variance.max()))


def _along(order: Ints, codes: Ints, offsets: Ints, worth: Floats, journeys: Floats) -> Floats:
    """What each channel adds to the rate when channels join in this order."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    complete = np.maximum.reduceat(rank.take(codes), offsets[:-1])
    won, all_ = (
        np.cumsum(np.bincount(complete, column, len(order))) for column in (worth, journeys)
    )
    rate = np.divide(won, all_, out=np.zeros_like(won), where=all_ > 0)
    added: Floats = np.diff(rate, prepend=0.0).take(rank)
    return added
