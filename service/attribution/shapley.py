"""Shapley values: two games bear the name, and each is named for what it is.

`shapley` is the subset-sum game v(S) = conversions whose channels all lie in S. Its value is exactly
linear over distinct channels (Zhao, Mahboobi, Bagheri 2018, arXiv:1804.05327): a conversion of
channels T gives each of them 1 / |T|. `shapley_ordered` divides a channel's part over its positions
in the path. The game on exact sets is not offered: it usually adds up to zero.
"""

import numpy as np
from scipy import sparse

from service.attribution.definitions import ModelDefinition
from service.attribution.draws import Draws
from service.attribution.fitted import Fit
from service.attribution.journeys import Ints
from service.attribution.paths import Floats, Paths
from service.attribution.transforms import STEP_PARAMETERS

_SOURCE = "Zhao, Mahboobi, Bagheri (2018), Shapley value methods for attribution, arXiv:1804.05327"

SHAPLEY = ModelDefinition(
    name="shapley",
    title="Shapley value, subset-sum game",
    formula="v(S) = conversions with all channels in S; phi_c = sum over T with c of conv(T) / |T|",
    description=(
        "The Shapley value of the game that counts conversions. It is exactly linear over distinct "
        "channels, and looks neither at the order nor at journeys without a conversion."
    ),
    edge_cases=("Touches of one channel share its part equally.", "One touch: it gets everything."),
    source=_SOURCE,
    parameters=STEP_PARAMETERS,
    kind="population",
)
SHAPLEY_ORDERED = ModelDefinition(
    name="shapley_ordered",
    title="Ordered Shapley value",
    formula="phi_c,i = conv / (|T| x touches of c in the path), summed over paths with c at i",
    description=(
        "The Shapley value by channel and position: adds up over the positions to `shapley`, and "
        "gives journeys and touches the same credit; the positions are its answer."
    ),
    edge_cases=("Touches of one channel share its part equally.", "One touch: it gets everything."),
    source=_SOURCE,
    parameters=STEP_PARAMETERS,
    kind="population",
)


def fit_shapley(paths: Paths, *, ordered: bool) -> Fit:
    """Step weights 1 / (distinct channels x steps of the channel in the path), adding up to 1.

    Ordered, the facts hold `by_position`: (state, position from 1, value) of each that occurs.
    """
    weights = step_weights(paths)
    worth = np.repeat(paths.values, paths.sizes) * weights
    marginal = np.bincount(paths.codes, worth, paths.state_count).astype(np.float64)
    facts: dict[str, object] = {"conversion_rate": conversion_rate(paths), "warnings": []}
    if ordered:
        columns = (column.tolist() for column in by_position(paths, weights))
        facts["by_position"] = list(zip(*columns, strict=True))
    return Fit(step_weights=weights, details={"marginal": marginal}, facts=facts)


def by_position(paths: Paths, weights: Floats) -> tuple[Ints, Ints, Floats]:
    """State, position from 1, and value of each (state, position) that occurs, in that order."""
    position = np.arange(len(paths.codes)) - np.repeat(paths.offsets[:-1], paths.sizes) + 1
    worth = np.repeat(paths.values, paths.sizes) * weights
    longest = int(position.max(initial=0)) + 1
    keys, cell = np.unique(paths.codes.astype(np.int64) * longest + position, return_inverse=True)
    values = np.bincount(cell, worth, len(keys)).astype(np.float64)
    return keys // longest, keys % longest, values


def step_weights(paths: Paths) -> Floats:
    """float64[s], see fit_shapley."""
    path = paths.path
    keys = path * paths.state_count + paths.codes
    cells, cell, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    distinct = np.bincount(cells // max(paths.state_count, 1), minlength=paths.path_count)
    weights: Floats = 1.0 / (distinct.take(path) * sizes.take(cell))
    return weights


def draw_shapley(paths: Paths, draws: Draws) -> Floats:
    """float64[d, state_count], the states' shares under d counts: one matrix product."""
    shape = (paths.path_count, paths.state_count)
    parts = sparse.csr_array((step_weights(paths), (paths.path, paths.codes)), shape=shape)
    return shared(draws.drawn(draws.sums(draws.values, parts), slice(0, len(draws))))


def shared(amounts: Floats) -> Floats:
    """Rows [d, states] in proportions that add up to 1; what is below zero counts as zero."""
    positive = np.maximum(amounts, 0.0)
    totals = positive.sum(axis=-1, keepdims=True)
    shares: Floats = positive / np.where(totals > 0, totals, 1.0)
    return shares


def conversion_rate(paths: Paths) -> float:
    """Conversions to journeys with a step, 0 where there are none."""
    taken = paths.sizes > 0
    journeys = int((paths.conversions + paths.nulls)[taken].sum())
    return float(paths.conversions[taken].sum() / journeys) if journeys else 0.0
