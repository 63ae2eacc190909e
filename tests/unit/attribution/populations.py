"""Populations as text: ("a b", conversions, nulls, value) is one path of two steps."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from service.attribution.models import parse_model
from service.attribution.paths import Floats, Paths, collect_paths, offsets_of
from service.attribution.population import Fit, fit

Row = tuple[Any, ...]


def paths_of(rows: Sequence[Row]) -> tuple[Paths, list[str]]:
    """The paths in columns, and the names of the states; without a value it is the conversions."""
    names = sorted({name for row in rows for name in row[0].split()})
    steps = [[names.index(name) for name in row[0].split()] for row in rows]
    offsets = offsets_of(np.array([len(path) for path in steps], dtype=np.int64))
    codes = np.array([code for path in steps for code in path], dtype=np.int32)
    found, path_of = collect_paths(codes, offsets, len(names))
    conversions, nulls = (np.array([row[k] for row in rows], dtype=np.int64) for k in (1, 2))
    values = np.array([float(row[3]) if len(row) > 3 else float(row[1]) for row in rows])
    return found.counted(path_of, conversions, nulls, values), names


def fitted(model: str, rows: Sequence[Row]) -> tuple[Fit, list[str]]:
    """The model fitted on the paths, and the names of its states."""
    paths, names = paths_of(rows)
    return fit(paths, parse_model(model)), names


def credit_of(model: str, rows: Sequence[Row]) -> dict[str, float]:
    """The measure divided over the states, as a report would: unrounded."""
    paths, names = paths_of(rows)
    shares = credit_by_state(fit(paths, parse_model(model)), paths)
    return dict(zip(names, (shares * paths.values.sum()).tolist(), strict=True))


def credit_by_state(found: Fit, paths: Paths) -> Floats:
    """float64[state_count], the states' shares of the measure; all zero where there is none."""
    if found.shares is not None:
        return found.shares
    assert found.step_weights is not None
    credit = np.zeros(paths.state_count)
    for path in range(paths.path_count):
        start, end = paths.offsets[path], paths.offsets[path + 1]
        weights = found.step_weights[start:end].copy()
        if end > start and not weights.any():
            weights[-1] = 1.0
        np.add.at(credit, paths.codes[start:end], weights / weights.sum() * paths.values[path])
    return credit / (credit.sum() or 1.0)
