"""`python -m tests.benchmarks.model_times world.npz`: what the models take, as JSON.

In a process of its own, so that its peak memory is its own. Chains and Shapley values are fitted on
the journeys as they are; `of_paths` is the fit alone, once the distinct paths are known, as a report
has them. The others need the distinct paths, and their times hold the finding of them.
"""

import json
import sys
from typing import Any

import numpy as np
from scipy import sparse

from service.attribution.credit import allocate_journeys
from service.attribution.journeys import JourneyArrays
from service.attribution.models import parse_model
from service.attribution.paths import Paths, collect_paths, row_elements
from service.attribution.population import fit, fit_draws
from service.attribution.weights import weigh
from service.kit.money import COUNT_UNIT
from tests.benchmarks.model_world import (
    CHANNELS,
    DRAWS,
    GROUPS,
    peak_mb,
    timed,
    world_of_arguments,
)

RULES = ("first_touch", "last_touch", "linear")
FITTED = ("markov", "markov:order=2", "markov:order=3", "shapley", "shapley_rate", "fractribution")
LINEAR = FITTED[:4]
DRAWN = ("markov", "shapley")


def rules(world: Any) -> dict[str, list[int]]:
    """Conversions and value of each channel under three rule models, in whole units."""
    won = np.flatnonzero(world["won"])
    sizes = np.diff(world["offsets"])[won]
    steps = row_elements(world["offsets"][won], sizes)
    channel, nobody = world["codes"][steps], np.zeros(len(steps), np.int8)
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    moments, ends = np.zeros(len(steps), np.int64), np.zeros(len(won), np.int64)
    arrays = JourneyArrays(offsets, moments, channel, nobody.astype(np.bool_), nobody, ends)
    found = {}
    for name in RULES:
        weights = weigh(arrays, parse_model(name))
        for measure in (np.full(len(won), COUNT_UNIT), world["value"][won]):
            credit = allocate_journeys(measure, weights, offsets)
            assert credit.sum() == measure.sum()
            found[name] = np.bincount(channel, credit, CHANNELS).astype(np.int64).tolist()
    return found


def collected(world: Any) -> tuple[Paths, Any]:
    paths, path_of = collect_paths(world["codes"], world["offsets"], CHANNELS)
    won = world["won"].astype(np.int64)
    return paths.counted(path_of, won, 1 - won, world["value"].astype(np.float64)), path_of


def as_they_are(world: Any) -> Paths:
    """Every journey a path of its own."""
    won = world["won"].astype(np.int64)
    value = world["value"].astype(np.float64)
    return Paths(world["offsets"], world["codes"], CHANNELS, won, 1 - won, value)


def tables(world: Any, path_of: Any, path_count: int) -> list[Any]:
    """[groups, paths], sparse: conversions, others and value of each group of journeys."""
    group = np.random.Generator(np.random.PCG64(2)).integers(0, GROUPS, len(path_of))
    columns = [world["won"], ~world["won"], world["value"]]
    return [
        sparse.csr_array(
            (column[kept].astype(np.float64), (group[kept], path_of[kept])), (GROUPS, path_count)
        )
        for column in columns
        for kept in (np.flatnonzero(column),)
    ]


def taken(world: Any, model: str) -> Paths:
    return as_they_are(world) if model in LINEAR else collected(world)[0]


def main() -> None:
    world, found = world_of_arguments(), {}
    found["rules"] = {"time": timed(lambda: rules(world))[0]}
    for name in FITTED:
        spec = parse_model(name)
        took, result = timed(lambda spec=spec, name=name: fit(taken(world, name), spec))
        shares = None if result.shares is None else result.shares.tolist()
        found[name] = {"time": took, "shares": shares}
    found["peak_mb"] = peak_mb()
    took, (paths, path_of) = timed(lambda: collected(world))
    found["distinct paths"] = {"time": took}
    for name in FITTED:
        spec = parse_model(name)
        found[name]["of_paths"] = timed(lambda spec=spec: fit(paths, spec))[0]
    counts = tables(world, path_of, paths.path_count)
    times = np.random.Generator(np.random.PCG64(3)).multinomial(
        GROUPS, np.full(GROUPS, 1 / GROUPS), DRAWS
    )
    for name in DRAWN:
        spec = parse_model(name)
        drawn = timed(lambda spec=spec: fit_draws(paths, *counts, spec, times.astype(float)))[0]
        found[f"{name}, drawn"] = {"fit": found[name]["of_paths"], "paths": took, "time": drawn}
    found["paths"] = paths.path_count
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
