"""A fit is remembered for the very same question only."""

from dataclasses import replace

import numpy as np

from service.attribution.models import parse_model
from service.reports.fits import remembered_fit
from service.reports.hazard import remembered_hazard
from tests.unit.attribution.panels import panel_of
from tests.unit.attribution.populations import paths_of


def test_a_population_of_other_counts_is_fitted_anew() -> None:
    paths, _ = paths_of([("a b", 3, 5, 30), ("b", 2, 4, 90), ("a", 1, 1, 10)])
    model = parse_model("markov")
    first = remembered_fit(paths, model)
    assert remembered_fit(replace(paths), model) is first
    others = (
        replace(paths, conversions=paths.conversions + 1),
        replace(paths, nulls=paths.nulls + 1),
        replace(paths, values=paths.values + 1),
        replace(paths, state_count=3),
    )
    fits = [remembered_fit(other, model) for other in others]
    fits.append(remembered_fit(paths, parse_model("markov:null=false")))
    assert len({id(each) for each in (first, *fits)}) == 6


def test_a_hazard_of_other_parameters_is_fitted_anew() -> None:
    panel, nobody = panel_of([(0, 0, 0), (0, 1, 0)], [(0, 2)], 9, 1), np.zeros(1, np.bool_)
    first = remembered_hazard(panel, nobody, 2.0, 0.5)
    assert remembered_hazard(panel, nobody, 2.0, 0.5) is first
    assert remembered_hazard(panel, nobody, 2.0, 0.9).fill == 0.9
    assert remembered_hazard(panel, nobody, 4.0, 0.5).half_life == 4.0
    assert remembered_hazard(panel, ~nobody, 2.0, 0.5).own.all()
