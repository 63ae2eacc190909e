"""Models of the whole population: fitted on every journey, converting or not.

The one door to their kernels; integer codes and counts in, a Fit out. How a Fit becomes the credit
of touches is the caller's matter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.attribution.draws import Draws, Table
from service.attribution.fitted import Fit
from service.attribution.fractribution import (
    draw_fractribution,
    fit_fractribution,
    work_fractribution,
)
from service.attribution.markov import fit_markov, work_markov
from service.attribution.markov_draws import draw_markov
from service.attribution.models import ModelSpec
from service.attribution.paths import Floats, Paths
from service.attribution.rates import draw_rate, fit_rate, work_rate
from service.attribution.shapley import draw_shapley, fit_shapley, work_shapley

__all__ = ["Fit", "fit", "fit_draws", "work_state"]

_Draw = Callable[[Paths, Draws, ModelSpec], Floats]


@dataclass(frozen=True)
class _Kernel:
    """The functions of one model; `work` puts into words how a state comes to its share."""

    fit: Callable[[Paths, ModelSpec], Fit]
    draw: _Draw
    work: Callable[[Fit, int], str]


def fit(paths: Paths, spec: ModelSpec) -> Fit:
    """The model fitted on the paths.

    Raises:
        Refusal: `too_many_states` where the paths have more states than the model can take.
        KeyError: the model is not one of the population.
    """
    return KERNELS[spec.name].fit(paths, spec)


def work_state(found: Fit, state: int, spec: ModelSpec) -> str:
    """How a state comes to its share of all credit, the model's formula with the fit's numbers."""
    return KERNELS[spec.name].work(found, state)


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
    counts = Draws(conversions, nulls, values, draws)
    return KERNELS[spec.name].draw(paths, counts, spec)


def _fit_markov(paths: Paths, spec: ModelSpec) -> Fit:
    return fit_markov(paths, _whole(spec, "order"), null=bool(spec["null"]))


def _draw_markov(paths: Paths, draws: Draws, spec: ModelSpec) -> Floats:
    order, null = _whole(spec, "order"), bool(spec["null"])
    tables = draws.conversions, draws.nulls, draws.values
    return draw_markov(paths, *tables, order, null=null, draws=draws.times)


def _fit_rate(paths: Paths, spec: ModelSpec) -> Fit:
    return fit_rate(paths, _whole(spec, "pairs"), _whole(spec, "seed"))


def _whole(spec: ModelSpec, name: str) -> int:
    value = spec[name]
    if not isinstance(value, int):
        raise ValueError(f"{name} of {spec} is not a whole number")
    return value


def _draw_shapley(paths: Paths, draws: Draws, _: ModelSpec) -> Floats:
    return draw_shapley(paths, draws)


def _draw_rate(paths: Paths, draws: Draws, _: ModelSpec) -> Floats:
    return draw_rate(paths, draws)


KERNELS: Mapping[str, _Kernel] = {
    "markov": _Kernel(_fit_markov, _draw_markov, work_markov),
    "shapley": _Kernel(
        lambda paths, _: fit_shapley(paths, ordered=False), _draw_shapley, work_shapley
    ),
    "shapley_ordered": _Kernel(
        lambda paths, _: fit_shapley(paths, ordered=True), _draw_shapley, work_shapley
    ),
    "shapley_rate": _Kernel(_fit_rate, _draw_rate, work_rate),
    "fractribution": _Kernel(
        lambda paths, _: fit_fractribution(paths),
        lambda paths, draws, _: draw_fractribution(paths, draws),
        work_fractribution,
    ),
}
