"""Models of the whole population: fitted on every journey, converting or not.

The one door to their kernels; integer codes and counts in, a Fit out. How a Fit becomes the credit
of touches is the caller's matter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from service.attribution.fitted import Fit
from service.attribution.markov import fit_markov
from service.attribution.markov_draws import draw_markov
from service.attribution.models import ModelSpec
from service.attribution.paths import Floats, Paths

__all__ = ["Fit", "fit", "fit_draws"]

Table = Any
_Draw = Callable[[Paths, Floats, Floats, Floats, ModelSpec], Floats]
"""Floats or whole numbers in two dimensions, dense or sparse; SciPy has no types of its own."""

_CELLS = 4_000_000
"""Draws times paths worked on at once: 32 MB a table."""


@dataclass(frozen=True)
class _Kernel:
    """A model's functions; `draw_groups`, where it has a faster way from groups to draws."""

    fit: Callable[[Paths, ModelSpec], Fit]
    draw: _Draw
    draw_groups: Callable[[Paths, Table, Table, Table, ModelSpec, Floats], Floats] | None = None


def fit(paths: Paths, spec: ModelSpec) -> Fit:
    """The model fitted on the paths.

    Raises:
        Refusal: `too_many_states` where the paths have more states than the model can take.
        KeyError: the model is not one of the population.
    """
    return KERNELS[spec.name].fit(paths, spec)


def fit_draws(
    paths: Paths,
    conversions: Table,
    nulls: Table,
    values: Table,
    spec: ModelSpec,
    draws: Floats | None = None,
) -> Floats:
    """float64[d, state_count], the shares of each state under d other counts of the same paths.

    A model of steps has no shares of its own; its states' shares of the whole credit are given.

    Args:
        conversions, nulls, values: [d, p], dense or sparse, the counts of each draw; or with
            `draws` [g, p], those of each group of journeys.
        draws: [d, g], how often each draw holds each group.
    Raises:
        Refusal: as `fit`.
    """
    by_group = KERNELS[spec.name].draw_groups
    if draws is not None and by_group is not None:
        return by_group(paths, conversions, nulls, values, spec, draws)
    count = len(draws) if draws is not None else conversions.shape[0]
    shares = np.zeros((count, paths.state_count))
    at_once = max(_CELLS // max(paths.path_count, 1), 1)
    for first in range(0, count, at_once):
        rows = slice(first, min(first + at_once, count))
        won, lost, worth = (_rows(table, rows, draws) for table in (conversions, nulls, values))
        shares[rows] = KERNELS[spec.name].draw(paths, won, lost, worth, spec)
    return shares


def _rows(table: Table, rows: slice, draws: Floats | None) -> Floats:
    if draws is not None:
        return np.asarray(draws[rows].astype(np.float64) @ table, dtype=np.float64)
    part = table[rows]
    return np.asarray(part.toarray() if sparse.issparse(part) else part, dtype=np.float64)


def _fit_markov(paths: Paths, spec: ModelSpec) -> Fit:
    return fit_markov(paths, _whole(spec, "order"), null=bool(spec["null"]))


def _draw_markov(paths: Paths, won: Floats, lost: Floats, worth: Floats, spec: ModelSpec) -> Floats:
    order, null = _whole(spec, "order"), bool(spec["null"])
    return draw_markov(paths, won, lost, worth, order, null=null)


def _draw_markov_groups(
    paths: Paths, won: Table, lost: Table, worth: Table, spec: ModelSpec, draws: Floats
) -> Floats:
    order, null = _whole(spec, "order"), bool(spec["null"])
    return draw_markov(paths, won, lost, worth, order, null=null, draws=draws)


def _whole(spec: ModelSpec, name: str) -> int:
    value = spec[name]
    if not isinstance(value, int):
        raise ValueError(f"{name} of {spec} is not a whole number")
    return value


KERNELS: Mapping[str, _Kernel] = {
    "markov": _Kernel(_fit_markov, _draw_markov, _draw_markov_groups),
}
