"""`fractribution`: leave one out on exact paths (Google, fractribution, 2022, Apache-2.0).

p(path) is conversions to journeys of exactly this path; step i is worth max(p(path) - p(path
without i), 0), where a path that never occurs has p = 0. This is leave-one-out, not Shapley.
"""

from dataclasses import dataclass

import numpy as np

from service.attribution.definitions import ModelDefinition
from service.attribution.draws import Draws
from service.attribution.fitted import Fit
from service.attribution.journeys import Ints
from service.attribution.paths import Codes, Floats, Paths
from service.attribution.shapley import conversion_rate, shared
from service.attribution.transforms import STEP_PARAMETERS

FRACTRIBUTION = ModelDefinition(
    name="fractribution",
    title="Fractribution, leave one out",
    formula="p = conversions / journeys of the exact path; m_i = max(p - p(path without i), 0)",
    description=(
        "What the conversion rate of the exact path loses without the step, in proportion. Leave "
        "one out, not a Shapley value, though it is often sold as one."
    ),
    edge_cases=(
        "One touch: it gets everything.",
        "No step is worth anything: the last touch.",
        "A path that never occurs converts at a rate of 0.",
        "Of repeat purchases, the journey to a customer's first win is one without a conversion.",
    ),
    source="https://github.com/google/fractribution",
    parameters=STEP_PARAMETERS,
    kind="population",
)


def fit_fractribution(paths: Paths) -> Fit:
    """Step weights m_i of every path; a path of one step gets its p."""
    weights = step_weights(paths, without_each(paths), paths.conversions, paths.nulls)
    return Fit(
        step_weights=weights,
        facts={"conversion_rate": conversion_rate(paths), "warnings": []},
    )


def step_weights(paths: Paths, without: Ints, conversions: Ints, nulls: Ints) -> Floats:
    """float64[s], the weights under these counts [p] of the paths."""
    journeys = conversions + nulls
    chance = conversions / np.where(journeys > 0, journeys, 1)
    others = np.append(np.where(paths.sizes > 0, chance, 0.0), 0.0).take(without)
    weights: Floats = np.maximum(np.repeat(chance, paths.sizes) - others, 0.0)
    return weights


def work_fractribution(_: Fit, __: int) -> str:
    """A channel has no figure of its own: its credit comes about path by path."""
    return "on each path max(P(path) - P(path without it), 0), as its touchpoints say"


def draw_fractribution(paths: Paths, draws: Draws) -> Floats:
    """float64[d, state_count], the states' shares of the credit under d counts."""
    without, amounts = without_each(paths), np.zeros((len(draws), paths.state_count))
    last = paths.offsets[1:][paths.sizes > 0] - 1
    path = paths.path
    for rows in draws.parts(paths.path_count):
        won, lost, worth = (
            draws.drawn(table, rows) for table in (draws.conversions, draws.nulls, draws.values)
        )
        for place, draw in enumerate(range(rows.start, rows.stop)):
            weights = step_weights(paths, without, won[place], lost[place])
            sums = np.bincount(path, weights, paths.path_count)
            weights[last] += sums[path[last]] == 0
            sums = np.where(sums > 0, sums, 1.0)
            credit = weights * (worth[place] / sums)[path]
            amounts[draw] = np.bincount(paths.codes, credit, paths.state_count)
    return shared(amounts)


@dataclass(frozen=True, eq=False)
class _Cuts:
    """A path of k steps has k + 1 cuts; int64[s + p] each.

    Attributes:
        before, after: identities of what lies before and behind the cut, the same for the same steps.
    """

    before: Ints
    after: Ints


def without_each(paths: Paths) -> Ints:
    """int64[s], the path that is left without the step; -1 (or one of no counts) if it never occurs.

    A cut of a path is known by the identities of its two sides. The path without step i is the one
    that can be cut into what lies before i and what lies behind it: one sorted look-up, exact.
    """
    cuts = _cuts(paths)
    path, steps = paths.path, np.arange(len(paths.codes))
    width = int(cuts.after.max(initial=0)) + 1
    known = cuts.before * width + cuts.after
    keys, where = np.unique(known, return_index=True)
    owner = np.repeat(np.arange(paths.path_count), paths.sizes + 1)
    sought = cuts.before[steps + path] * width + cuts.after[steps + path + 1]
    place = np.minimum(np.searchsorted(keys, sought), max(len(keys) - 1, 0))
    found: Ints = np.where(keys.take(place) == sought, owner.take(where.take(place)), -1)
    return found


def _cuts(paths: Paths) -> _Cuts:
    before = _prefixes(paths.codes, paths.offsets, paths.state_count)
    turned = len(paths.codes) - 1 - np.arange(len(paths.codes))
    offsets = len(paths.codes) - paths.offsets[::-1]
    after = _prefixes(paths.codes.take(turned), offsets, paths.state_count)[::-1]
    return _Cuts(before, after)


def _prefixes(codes: Codes, offsets: Ints, states: int) -> Ints:
    """int64[s + p], the identity of the first 0, 1, … steps of each path; 0 for none.

    One step of every path at a time: the loop is as long as the longest path.
    """
    sizes = np.diff(offsets)
    starts = offsets[:-1] + np.arange(len(sizes))
    found = np.zeros(len(codes) + len(sizes), dtype=np.int64)
    rows, depth, next_identity = np.flatnonzero(sizes > 0), 0, 1
    while len(rows):
        keys = found[starts[rows] + depth] * states + codes[offsets[rows] + depth]
        distinct, identity = np.unique(keys, return_inverse=True)
        found[starts[rows] + depth + 1] = identity + next_identity
        next_identity += len(distinct)
        depth += 1
        rows = rows[sizes[rows] > depth]
    return found
